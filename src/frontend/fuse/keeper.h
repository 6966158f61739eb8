// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

// The FUSE frontend is two processes from the start. The keeper opens /dev/fuse, mounts the FUSE file
// system that holds one file, `image`, and EROFS on top of it, and holds the descriptor for as long
// as the mount lives. The server, its child, inherits the descriptor and answers requests from a
// Volume. When the server dies, the keeper starts another, which asks the kernel to send the
// unanswered requests again (Linux 6.9+), and readers see a pause, not an error.

namespace shoal::fuse {

struct KeeperOptions {
  std::filesystem::path mount_point;   // absolute, exists
  std::filesystem::path runtime_directory;  // /run/shoal or the user's; state file and fuse mount
  std::uint64_t image_bytes = 0;
  std::string source;                  // shown in /proc/mounts: "s3://bucket/prefix"
  // argv of the server; the keeper adds "--fuse-fd N" and "--session FILE".
  std::vector<std::string> server_command;
  std::filesystem::path log_file;      // both processes' standard error
  bool foreground = false;             // stay attached: Ctrl-C unmounts
};

// What stands in the state file of a mount (runtime_directory/mounts/<id>.json), written when the
// mount is usable and removed at its end.
struct MountState {
  std::string id;
  std::filesystem::path mount_point;
  std::filesystem::path volume;        // directory
  std::string source;
  std::filesystem::path control_socket;
  int keeper_pid = 0;
  int server_pid = 0;
  std::string frontend;                // "fuse"
  std::string carrier;                 // "erofs file-backed, directio", "erofs on loop"
  std::uint64_t server_restarts = 0;
  bool resend = false;                 // the kernel can re-send requests after a server's death
  std::int64_t mounted_at = 0;
};

}  // namespace shoal::fuse
