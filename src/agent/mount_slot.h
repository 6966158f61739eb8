// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/mounts.h"

// Private to mounts.cc and mount_steps.cc.

namespace shoal::agent {

// One mount. Guarded by Mounts::mutex_, but for what a worker holds while `working` or `looking`.
struct Mounts::Slot {
  MountPlan plan;
  std::string cause;  // the request that led to what is going on, for the log
  VolumePhase phase = VolumePhase::indexing;
  std::optional<Error> error;
  bool working = false;  // a worker has it: `build`, `descriptor` and the mount are the worker's
  bool looking = false;  // another worker asks its server: `hints` are that one's
  TimePoint due{};       // of the next try, or the next look at a build
  TimePoint look_due{};
  std::uint32_t failures = 0;  // in a row
  bool proven = false;
  bool indexed = false;        // there is something to mount
  bool seems_indexed = false;  // finding that out takes no listing, as far as one can see
  bool list_again = false;     // the index is older than it may be

  std::optional<IndexBuild> build;
  IndexProgress progress;
  IndexFacts facts;
  std::optional<LiveMount> live;
  sys::Fd descriptor;   // kept by an earlier agent; invalid once there is a live mount
  bool stored = false;  // the service manager keeps the descriptor
  Health health;
  Hints hints;

  [[nodiscard]] const std::string& name() const { return plan.name; }
};

}  // namespace shoal::agent
