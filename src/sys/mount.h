// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sys/file.h"

// Mounts by mount(2), never by the mount program: util-linux before 2.41 puts a loop device under
// every image file, silently. All need CAP_SYS_ADMIN (ErrorCode::permission without it).

namespace shoal::sys {

struct FuseMountOptions {
  bool allow_other = true;
  std::uint32_t max_read_bytes = 0;  // must equal what INIT negotiates; 0: not set
  std::string subtype = "shoal";     // the type shown is fuse.<subtype>
};

// Mounts the FUSE session of /dev/fuse descriptor `fd` on `directory`, read-only. The kernel waits
// for nobody: INIT is the first request on `fd`.
[[nodiscard]] Result<void> mount_fuse(int fd, const std::filesystem::path& directory,
                                      const std::string& source, const FuseMountOptions& options);

// Mounts an EROFS image straight from its file (Linux 6.12+). `options` as in mount -o: "directio".
// Fails with unsupported when this kernel, or the file system the image lies on, needs a block
// device: then mount_erofs_loop is the way.
[[nodiscard]] Result<void> mount_erofs_file(const std::filesystem::path& image,
                                            const std::filesystem::path& directory,
                                            const std::string& options);

struct LoopMount {
  std::string device;      // "/dev/loop3"; the kernel frees it at unmount
  bool direct_io = false;  // false: the image is cached twice
};
// Mounts it on a new read-only loop device, with direct I/O where the image's file system allows
// it.
[[nodiscard]] Result<LoopMount> mount_erofs_loop(const std::filesystem::path& image,
                                                 const std::filesystem::path& directory,
                                                 const std::string& options);

// The directory of the kernel's FUSE connections, one directory for each with a file `abort`, also
// where nobody has mounted it (containers): of a mount of our own that no table shows and that ends
// with the descriptor.
[[nodiscard]] Result<Fd> open_fuse_connections();

// now: fails with precondition while files are open; lazy: takes the mount out of sight at once,
// and apart when its last user leaves; abort: for FUSE, ends the connection (who waits for an
// answer gets an error), then as lazy.
enum class Unmount { now, lazy, abort };
// Fails with not_found when nothing is mounted on `directory`.
[[nodiscard]] Result<void> unmount(const std::filesystem::path& directory, Unmount how);
// The same in a child process, because the kernel may wait for the answer of a server that is gone.
// timeout: not done within `patience`; what was begun ends once such answers come or cannot come.
// For any process, also with threads.
[[nodiscard]] Result<void> unmount_within(const std::filesystem::path& directory, Unmount how,
                                          Duration patience);

struct MountEntry {
  int id = 0;
  int parent_id = 0;
  std::filesystem::path mount_point;
  std::string fs_type;
  std::string source;
  std::string options;  // of the mount, then of the file system, joined by a comma
  std::string device;   // "major:minor"
};
// Entries of /proc/self/mountinfo, oldest first; where several lie on one directory, the last is
// seen.
[[nodiscard]] Result<std::vector<MountEntry>> read_mounts();
// Parses text in the form of /proc/self/mountinfo; lines it cannot read are left out.
[[nodiscard]] std::vector<MountEntry> parse_mountinfo(std::string_view text);
// True when something is mounted on `directory`. Does not touch the directory itself, which may be
// the root of a dead file system.
[[nodiscard]] Result<bool> is_mount_point(const std::filesystem::path& directory);

// True when the kernel has the file system, after trying to load its module.
[[nodiscard]] bool kernel_has_filesystem(const std::string& name);

struct KernelVersion {
  int major = 0;
  int minor = 0;
  auto operator<=>(const KernelVersion&) const = default;
};
[[nodiscard]] KernelVersion kernel_version();
// "6.12.9-amd64" -> {6, 12}; {0, 0} for what is no version.
[[nodiscard]] KernelVersion parse_kernel_version(std::string_view release);

}  // namespace shoal::sys
