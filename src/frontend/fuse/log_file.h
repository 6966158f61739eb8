// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

namespace shoal::fuse {

// Once the log has more than `bytes_max`, moves what is in it to "<file>.1", in place of what was
// there, and goes on with an empty file: the log of a mount takes twice as much, and what comes
// between two looks. Its writers, keeper and server, append to one open file, so it is copied and
// cut, not renamed; lines written in between are lost. A disk too full for the copy loses the old
// lines, not the bound. Says whether it was cut.
bool bound_log_file(const std::filesystem::path& file, std::uint64_t bytes_max);

}  // namespace shoal::fuse
