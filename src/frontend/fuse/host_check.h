// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/result.h"

namespace shoal::fuse {

// Whether this machine can mount at all: /dev/fuse, rights, EROFS in the kernel. Fails with
// unsupported or permission, saying what to do.
[[nodiscard]] Result<void> check_kernel();

// check_kernel(), and whether something can be mounted on `mount_point`: absolute, a directory, not
// a live mount of ours or a foreign EROFS. Fails with bad_input, not_found or precondition, too.
// What a keeper and its server, both killed, left mounted there is no obstacle: the next keeper
// clears it.
[[nodiscard]] Result<void> check_host(const std::filesystem::path& runtime_directory,
                                      const std::filesystem::path& mount_point);

}  // namespace shoal::fuse
