// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "frontend/fuse/child_task.h"
#include "frontend/fuse/keeper.h"
#include "frontend/fuse/mount_state.h"
#include "frontend/fuse/restart_policy.h"
#include "frontend/fuse/server_process.h"
#include "sys/file.h"
#include "sys/mount.h"

namespace shoal::fuse {

// One mount, from nothing to nothing.
//
//   start(): directories, lock -> FUSE mounted -> server ready -> EROFS mounted -> state file
//   adopt(): lock -> everything found in place -> old server ended -> server ready -> state file
//   keep():  restarts servers until the mount ends
//   undo():  the same steps backwards, as far as they were done; called on every way out
//
// Thread model: confined to the process's only thread. It waits for nothing but descriptors: work
// that could wait for the server is done in a ChildTask.
class Keeper {
 public:
  explicit Keeper(const KeeperOptions& options);
  ~Keeper() { undo(); }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // On failure everything is undone.
  [[nodiscard]] Result<MountState> start();
  // Instead of start(), for a mount whose keeper is dead; `fuse` is its descriptor. On failure the
  // mount is left as it was, without a server.
  [[nodiscard]] Result<MountState> adopt(sys::Fd fuse);
  // The process's exit code.
  [[nodiscard]] int keep();

 private:
  enum class Ending { unmounted, detached, forced, aborted };

  // ---- start (keeper_start.cc)
  Result<void> prepare_process();
  Result<void> take_lock();
  Result<void> prepare_directories();
  Result<void> clear_leftovers();
  Result<void> mount_fuse();
  Result<void> start_server();
  Result<void> wait_until_ready();
  Result<void> mount_image();
  Result<void> write_state();
  // Waits for `fd`; fails when the server dies, a signal ends the start, or `limit` passes.
  Result<void> wait_for(int fd, std::string_view what, Duration limit);

  // ---- adopt (keeper_adopt.cc)
  Result<void> write_adopted_state();

  // ---- keep (keeper.cc)
  [[nodiscard]] Duration next_timeout() const;
  std::optional<int> on_signal();
  std::optional<int> on_server_death();
  void on_server_report();
  void restart_if_due();
  void bound_log();
  void save_state();
  [[nodiscard]] bool still_mounted() const;
  std::optional<int> try_unmount();
  int end(Ending ending);

  // ---- undo (keeper_start.cc)
  void undo();
  void detach(const std::filesystem::path& mount_point, sys::Unmount how = sys::Unmount::lazy);
  void end_connection();
  [[nodiscard]] std::vector<int> private_fds() const;

  const KeeperOptions options_;
  const MountPaths paths_;
  MountState state_;
  int server_oom_score_adj_ = 0;
  std::optional<sys::LockFile> lock_;
  sys::Fd signals_;
  sys::Fd mount_table_;
  sys::Fd fuse_;
  bool directories_made_ = false;
  bool fuse_mounted_ = false;
  bool image_mounted_ = false;
  bool owns_connection_ = false;  // to be ended with the mount, whoever else holds a descriptor
  std::optional<ServerProcess> server_;
  RestartPolicy restarts_;
  std::optional<TimePoint> restart_at_;
  TimePoint log_looked_at_{};
  std::optional<TimePoint> forced_until_;  // a second signal before this detaches
};

}  // namespace shoal::fuse
