// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "tools/bench/source.h"

namespace shoal::tools::bench {

struct TreeEntry {
  enum class Kind { file, directory, other };
  std::string name;
  Kind kind = Kind::file;
  std::uint64_t size = 0;
  std::uint64_t place = 0;
};

// Entries of the directory `path` ("" is the top), in any order.
using ReadDirectory = std::function<Result<std::vector<TreeEntry>>(const std::string& path)>;

// Visits the files of a tree depth-first, names in byte order. Holds the entries of the directories
// from the top to where it is. A directory that cannot be read is reported to `visit.on_error` and
// passed over; fails when the top is one.
[[nodiscard]] Result<ListCounts> walk_tree(const ReadDirectory& read_directory,
                                           const ListVisit& visit);

}  // namespace shoal::tools::bench
