// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "frontend/fuse/mount_state.h"

// The FUSE frontend is two processes from the start. The keeper opens /dev/fuse, mounts the FUSE
// file system that holds one file, `image`, and EROFS on top of it, and holds the descriptor for as
// long as the mount lives. The server, its child, inherits the descriptor and answers requests from
// a Volume. When the server dies, the keeper starts another, which asks the kernel to send the
// unanswered requests again (Linux 6.9+) or answers them from the slots its predecessor left, and
// readers see a pause, not an error.
//
// Who runs what:
//   shoal mount    mount() in mount.h: starts `shoal keeper`, waits until the mount is usable
//   shoal keeper   keeper_main(): hidden verb; one per mount, lives as long as the mount
//   shoal serve    open_volume() and serve() in server.h: hidden verb; as often as needed
//   shoal mount --foreground    run_keeper() in the command's own process: Ctrl-C unmounts
//
// If the keeper itself is killed, the server goes on and readers notice nothing; only nobody
// restarts it any more. When then the server ends, the kernel aborts the connection: readers get
// EIO. unmount() in mount.h cleans up after either. Somebody who holds a descriptor of the mount,
// an agent, can have it adopted by a new keeper at any time: adopt() in mount.h.

namespace shoal::fuse {

// How EROFS reads the image.
enum class Carrier {
  automatic,      // the first of file_buffered and loop that the kernel can
  exact,          // the same of file_directio and loop
  file_buffered,  // file-backed (Linux 6.12); the kernel reads ahead from one small file to the
                  // next
  file_directio,  // file-backed, `directio` (Linux 6.13): just what readers ask for
  loop,           // a loop device
};
// "automatic", "exact", "file-buffered", "file-directio", "loop"; nothing for other names.
[[nodiscard]] std::string_view name_of(Carrier carrier) noexcept;
[[nodiscard]] Result<Carrier> carrier_named(std::string_view name);

struct KeeperOptions {
  std::filesystem::path mount_point;        // absolute, a directory
  std::filesystem::path runtime_directory;  // /run/shoal or the user's; see mount_paths()
  std::filesystem::path volume;             // directory, for the state file
  std::string source;                       // shown in /proc/mounts: "s3://bucket/prefix"
  // argv of the server; the keeper adds "--fuse-fd N --session FILE --ready-fd N".
  std::vector<std::string> server_command;
  std::filesystem::path log_file;  // mount() sends both processes' standard error there
  Carrier carrier = Carrier::automatic;
  // A cgroup v2 directory, made if its parent exists, which the keeper moves into before it mounts,
  // so that both processes outlive the container they were started in; empty: stays where it is.
  std::filesystem::path cgroup = {};
};

[[nodiscard]] std::string encode_keeper_options(const KeeperOptions& options);
[[nodiscard]] Result<KeeperOptions> decode_keeper_options(std::string_view text);

// Mounts, calls `started` once with the outcome (on failure everything is undone first), and keeps
// the mount until it is unmounted: by SIGTERM or SIGINT (a busy mount stays; a second one within
// ten seconds, or SIGQUIT, detaches it at once), by umount(8) from outside, or because servers die
// faster than they can be started (then readers get EIO). Returns the process's exit code: 0 after
// an unmount, 1 otherwise. Call from a process with one thread that does nothing else.
using Started = std::move_only_function<void(const Result<MountState>&)>;
[[nodiscard]] int run_keeper(const KeeperOptions& options, Started started);

// The whole of `shoal keeper --options-fd N --report-fd N [--adopt-fd N]`. With `adopt_fd`, a
// descriptor of a mount whose keeper is dead, it mounts nothing but goes on with that mount (see
// adopt() in mount.h); what fails before its server answers leaves the mount as it is.
[[nodiscard]] int keeper_main(int options_fd, int report_fd, int adopt_fd = -1);

}  // namespace shoal::fuse
