// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/health.h"
#include "agent/hints.h"
#include "agent/index_build.h"
#include "agent/limits.h"
#include "agent/live_mount.h"
#include "agent/mount_plan.h"
#include "base/clock.h"
#include "sys/loop.h"
#include "sys/service_manager.h"

namespace shoal::agent {

// The mounts of a node: lists their datasets, mounts them, and keeps them mounted.
//
//  ensure ─► indexing ──► mounting ──► ready ◄──► repairing       (keeper died, or gave up)
//              │             │          │            │
//              └─► failed ◄──┘          └─ remove ───┴──► detaching ──► gone
//                    │ retry
//                    └─────► indexing
//
// One supervising thread decides what is due and waits for keepers' ends; what may take long is
// done by workers, one at a time for each mount. Index builds are children; their output is read
// at each tick.
//
// Thread model: synchronized. Calls wait for no file system and no server, but for remove().
class Mounts {
 public:
  // Called on a worker when a mount is there, before it counts as ready: the file system at its
  // mount point may be another one than before. And again with every look at its server. May
  // overlap for one name.
  using Mounted = std::function<void(const std::string& name)>;
  Mounts(sys::ServiceManager& manager, Mounted mounted);
  // Stops deciding. Mounts and builds go on by themselves; a worker that mounts is waited for.
  ~Mounts();
  Mounts(const Mounts&) = delete;
  Mounts& operator=(const Mounts&) = delete;

  // Sees to it that there is the mount. A new one begins with what is there: a live mount is taken
  // over, an index is used; `descriptor`: what an earlier agent kept of it. One that has failed is
  // tried again from the start, one that is being repaired at once. `cause`: for the log.
  void ensure(const MountPlan& plan, const std::string& cause, sys::Fd descriptor = {});
  // Unmounts and forgets; index and cache stay. Blocks for as long as an unmount takes. Unknown
  // names are no error. precondition: files of it are open; unavailable: it is being worked on.
  [[nodiscard]] Result<void> remove(const std::string& name);

  struct View {
    VolumePhase phase = VolumePhase::indexing;
    std::optional<Error> error;
    IndexProgress progress;
    IndexFacts facts;
    std::string abnormal;
    std::uint64_t server_restarts = 0;
    bool proven = false;  // it has been ready: its keys were right
    std::filesystem::path control_socket;
  };
  [[nodiscard]] std::optional<View> view(const std::string& name) const;
  // Until it is ready or has failed, or is known to wait for something, at most `patience`.
  void wait(const std::string& name, Duration patience) const;

  struct Counts {
    std::map<VolumePhase, std::uint64_t> by_phase;
    std::uint64_t builds_started = 0;
    std::uint64_t builds_failed = 0;
    std::uint64_t mounted = 0;  // anew
    std::uint64_t adopted = 0;  // by a new keeper
    std::uint64_t keeper_deaths = 0;
    std::uint64_t repair_failures = 0;
  };
  [[nodiscard]] Counts counts() const;
  // When the supervising thread last went round.
  [[nodiscard]] TimePoint last_turn() const;

 private:
  struct Slot;
  using Guard = std::unique_lock<std::mutex>;

  void supervise();
  void wait_for_events(Guard& lock);
  static void retry_locked(Slot& slot, const std::string& cause);
  void step(Slot& slot, TimePoint now);
  void step_indexing(Slot& slot, TimePoint now);
  void tell_watchdog(TimePoint now);
  void wake();

  // On workers. Each takes the lock only to read and write the slot.
  void begin_build(Slot& slot);
  void look_at_build(Slot& slot);
  void mount(Slot& slot);
  void repair(Slot& slot);
  void look(Slot& slot);

  void on_build_over(Slot& slot, IndexBuild::State state);
  void on_build_locked(Slot& slot, Error error, bool kept);
  void on_live(Slot& slot, LiveMount live);
  void on_repair_failed(Slot& slot, Error error);
  void fail_locked(Slot& slot, Error error);
  [[nodiscard]] bool keep_descriptor(const std::string& name, const sys::Fd& descriptor) const;
  // Marks the slot as worked on and runs `work` on a worker.
  void post_locked(Slot& slot, void (Mounts::*work)(Slot&));

  sys::ServiceManager& manager_;
  const Mounted mounted_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::map<std::string, Slot> slots_;  // guarded; an element stays while it is worked on
  Counts counts_;                      // guarded
  std::size_t builds_ = 0;             // guarded; under way
  TimePoint last_turn_{};              // guarded
  TimePoint next_ping_{};              // the supervisor's own
  bool stopping_ = false;              // guarded

  sys::Fd wake_;
  sys::WorkerPool workers_;
  sys::WorkerPool lookers_;
  std::thread supervisor_;
};

}  // namespace shoal::agent
