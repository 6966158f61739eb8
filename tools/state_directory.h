// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

#include "store/open.h"

namespace shoal::tools {

// Where commands keep what must outlive them: $SHOAL_STATE, else /var/lib/shoal for root, else
// $XDG_STATE_HOME/shoal, else ~/.local/state/shoal.
[[nodiscard]] std::filesystem::path state_directory();

// The journal of a command that uploads, below state_directory(): "uploads/KIND-" and 16 hex
// digits, another one for each URL, endpoint and (where a command reads one) local directory.
// `local` is absolute or empty.
[[nodiscard]] std::filesystem::path journal_directory(std::string_view kind,
                                                      const store::Location& location,
                                                      const store::StoreConfig& config,
                                                      const std::filesystem::path& local = {});

}  // namespace shoal::tools
