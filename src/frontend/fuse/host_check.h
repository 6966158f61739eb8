// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

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

// Whether `path`, which the mount needs while it lives (`what` says for what), stays visible when
// `mount_point` is covered: a server that is restarted would not find it. bad_input.
[[nodiscard]] Result<void> check_not_covered(const std::filesystem::path& path,
                                             std::string_view what,
                                             const std::filesystem::path& mount_point);

}  // namespace shoal::fuse
