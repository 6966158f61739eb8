// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "control/path_pattern.h"
#include "sys/file.h"
#include "volume/path_list.h"

namespace shoal::tools::warm {

// A share of the paths the user named, small enough for one command to a server.
struct Batch {
  std::vector<control::PathPattern> paths;
  control::PathPattern::Syntax syntax = control::PathPattern::Syntax::pattern;
};

// The paths of a list, taken literally and in batches: a list may have any length. Its form is that
// of volume::PathList. confined. Blocks.
class PathSource {
 public:
  static constexpr std::size_t kBatchPaths = 16384;
  static constexpr std::size_t kBatchBytes = 4u << 20;
  using Rename = std::function<std::string(const std::string&)>;  // applied to each path

  // `name` is a file, or "-" for standard input; what is no regular file is copied into a temporary
  // one. The list is looked through at once, so that nothing is done for one that is no list.
  // Errors: not_found, permission, bad_input (a directory, no path in it, a path that leads
  // outside), naming the list and the entry.
  [[nodiscard]] static Result<PathSource> open(const std::string& name, Rename rename);

  // Empty at the end.
  [[nodiscard]] Result<Batch> next();
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  PathSource(std::string name, sys::Fd copy, volume::PathList list, Rename rename)
      : name_(std::move(name)),
        copy_(std::move(copy)),
        list_(std::move(list)),
        rename_(std::move(rename)) {}
  [[nodiscard]] Result<void> look_through(volume::PathList list);
  [[nodiscard]] Result<control::PathPattern> parse(const std::string& path,
                                                   std::uint64_t entry) const;

  std::string name_;
  sys::Fd copy_;  // of a pipe; invalid when the list is a file
  volume::PathList list_;
  Rename rename_;
  std::uint64_t count_ = 0;
  std::uint64_t taken_ = 0;
};

}  // namespace shoal::tools::warm
