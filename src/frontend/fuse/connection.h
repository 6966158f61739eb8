// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"

// The kernel's FUSE connection behind a /dev/fuse descriptor. It lives as long as anybody holds the
// open file it was mounted with, or until it is aborted; its number is the minor of the device
// number of the mount ("0:57").

namespace shoal::fuse {

// Whether descriptor `fd` is open on /dev/fuse; false also when it is not open.
[[nodiscard]] bool is_fuse_device(int fd);
// The same of another process's descriptor, /proc/PID/fd/N; nothing is opened.
[[nodiscard]] bool is_fuse_device(const std::filesystem::path& proc_link);

// Whether the connection of a /dev/fuse descriptor was mounted and has not ended; false for none.
[[nodiscard]] bool is_connected(int fuse_fd);

// The device of the mount a /dev/fuse descriptor belongs to; nothing on kernels that do not say.
[[nodiscard]] std::optional<std::string> device_of(int fuse_fd);

// Ends the connection of `fuse_fd`, mounted as `device`, whoever else holds a descriptor of it:
// readers get EIO. Does nothing when it has ended already; never touches another connection, also
// when the number is in use again. Needs no mount point; may be called at any time.
[[nodiscard]] Result<void> abort_connection(int fuse_fd, const std::string& device);

}  // namespace shoal::fuse
