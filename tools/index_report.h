// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.h"
#include "io.h"

namespace shoal::tools {

struct ReportOptions {
  bool json = false;
  std::uint64_t keys_max = 20;  // special keys printed per reason in text; 0: all
};

// Prints what the index of a volume holds on io.out. Walks the whole index; memory does not grow
// with it, but for the special keys of the JSON form. Fails with not_found when the index is not
// finished.
[[nodiscard]] Result<void> print_index_report(const std::filesystem::path& volume,
                                              const ReportOptions& options, const Io& io);

}  // namespace shoal::tools
