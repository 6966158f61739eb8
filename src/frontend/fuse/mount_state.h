// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/other_process.h"

// What is known about a mount outside its processes: paths derived from the mount point, and the
// state file the keeper writes when the mount is usable and removes at its end.

namespace shoal::fuse {

struct MountPaths {
  std::string id;                        // "mnt-data-5f0c2a91": readable, with a hash of the whole
  std::filesystem::path directory;       // runtime_directory/<id>, mode 0700
  std::filesystem::path fuse;            // mount point of the FUSE file system
  std::filesystem::path image;           // the file EROFS is mounted from
  std::filesystem::path session;         // what INIT negotiated
  std::filesystem::path options;         // the keeper's, for a keeper that adopts the mount
  std::filesystem::path control_socket;  // for the server's control plane
  std::filesystem::path state;           // runtime_directory/mounts/<id>.json
  std::filesystem::path lock;            // runtime_directory/mounts/<id>.lock
};

// Pure. `mount_point` must be absolute; "/mnt/data" and "/mnt/data/" are the same mount.
[[nodiscard]] MountPaths mount_paths(const std::filesystem::path& runtime_directory,
                                     const std::filesystem::path& mount_point);

// A process that can be told from a later one with the same number.
struct ProcessId {
  int pid = 0;
  std::uint64_t started = 0;  // clock ticks since boot
  bool operator==(const ProcessId&) const = default;
};

struct MountState {
  std::string id;
  std::filesystem::path mount_point;
  std::filesystem::path volume;  // directory
  std::string source;
  std::filesystem::path control_socket;
  std::filesystem::path log_file;
  ProcessId keeper;
  ProcessId server;      // pid 0 while it is being restarted
  std::string frontend;  // "fuse"
  std::string carrier;   // "erofs file-backed, directio", "erofs on loop"
  std::uint64_t server_restarts = 0;
  bool resend = false;  // the kernel can send requests again after a server's death
  std::int64_t mounted_at = 0;
  std::uint64_t mount_id = 0;  // of EROFS in the keeper's /proc/self/mountinfo
  // "major:minor" of the two file systems, the same in every mount namespace; empty in states of
  // versions that did not write them.
  std::string erofs_device;
  std::string fuse_device;
  std::uint64_t adoptions = 0;      // keepers before this one
  std::uint64_t unmount_tries = 0;  // that failed, with the last one's error:
  std::string unmount_error;
};

[[nodiscard]] std::string encode_mount_state(const MountState& state);
// Fails with corrupt when a field is missing or not what it should be.
[[nodiscard]] Result<MountState> decode_mount_state(std::string_view text);

[[nodiscard]] Result<MountState> load_mount_state(const std::filesystem::path& file);
[[nodiscard]] Result<void> save_mount_state(const std::filesystem::path& file,
                                            const MountState& state);

// The calling process, and whether a process is still the one it was (a zombie is dead).
[[nodiscard]] ProcessId process_id_of(int pid);
[[nodiscard]] bool is_alive(const ProcessId& process);
// The process, if it is still the one it was; nothing when it has ended.
[[nodiscard]] Result<std::optional<sys::OtherProcess>> open_process(const ProcessId& process);

}  // namespace shoal::fuse
