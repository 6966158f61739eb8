// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "flags.h"
#include "shoal/volume.h"

namespace CLI {
class App;
}

namespace shoal::tools {

// What a mount is told about the reads to come.
struct HintFlags {
  std::string order;   // file, or "-"
  std::string replay;  // file
  std::string record;  // file
  bool direct = false;

  // Fails with bad_input when they contradict each other or the flags for reading.
  [[nodiscard]] Result<void> check_conflicts(const ReadFlags& read) const;
  // The same with absolute paths of files that exist, a pipe's content copied into `directory`:
  // for a server that may start again later, elsewhere. Errors name the flag: not_found,
  // permission, bad_input (a directory, an empty list).
  [[nodiscard]] Result<HintFlags> resolved(const std::filesystem::path& directory) const;
  // As a server takes them.
  [[nodiscard]] std::vector<std::string> arguments() const;

  // The order of reading, if one is given. Precondition: resolved.
  [[nodiscard]] std::optional<ReadOrder> to_order() const;
  // The kernel must not read from one file on to the next: the order is another one, or what is
  // read is written down, or nothing else may be fetched.
  [[nodiscard]] bool wants_exact_reads() const;
  void apply(VolumeOptions& options) const;  // all but the order
};
void add_hint_flags(CLI::App& app, HintFlags& flags);

}  // namespace shoal::tools
