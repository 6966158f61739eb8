// SPDX-License-Identifier: Apache-2.0
#include "agent/mounts.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/mount_slot.h"
#include "base/log.h"

namespace shoal::agent {
namespace {

bool is_settled(VolumePhase phase, bool has_error) {
  return phase == VolumePhase::ready || phase == VolumePhase::failed ||
         (phase == VolumePhase::repairing && has_error);
}

}  // namespace

Mounts::Mounts(sys::ServiceManager& manager, Mounted mounted)
    : manager_(manager),
      mounted_(std::move(mounted)),
      last_turn_(system_clock().now()),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      workers_("agent-work", limits::kWorkers),
      lookers_("agent-look", limits::kLookers) {
  supervisor_ = std::thread([this] { supervise(); });
}

Mounts::~Mounts() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  wake();
  supervisor_.join();
}

void Mounts::wake() {
  const std::uint64_t one = 1;
  // A full counter wakes just as well.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

// ---- what the agent asks

void Mounts::ensure(const MountPlan& plan, const std::string& cause, sys::Fd descriptor) {
  const bool was_there = plan.has_mount_state();
  const bool seems_indexed = plan.seems_indexed();
  // By the keeper of an agent that died.
  const bool being_mounted = !was_there && is_being_mounted(plan);
  {
    const std::lock_guard lock(mutex_);
    const auto [at, is_new] = slots_.try_emplace(plan.name);
    Slot& slot = at->second;
    if (is_new) {
      slot.plan = plan;
      slot.cause = cause;
      slot.descriptor = std::move(descriptor);
      slot.stored = slot.descriptor.valid();
      slot.proven = was_there;
      slot.indexed = was_there || being_mounted;
      slot.seems_indexed = seems_indexed;
      slot.phase = slot.indexed ? VolumePhase::repairing : VolumePhase::indexing;
    } else {
      retry_locked(slot, cause);
    }
  }
  wake();
}

void Mounts::retry_locked(Slot& slot, const std::string& cause) {
  if (slot.phase != VolumePhase::failed && slot.phase != VolumePhase::repairing) return;
  slot.cause = cause;
  slot.due = {};
  slot.error.reset();
  if (slot.phase == VolumePhase::repairing) return;
  slot.failures = 0;
  slot.phase = VolumePhase::indexing;
  slot.progress = {};
}

Result<void> Mounts::remove(const std::string& name) {
  Guard lock(mutex_);
  const auto found = slots_.find(name);
  if (found == slots_.end()) return {};
  Slot& slot = found->second;
  const auto busy = [&](const char* with) {
    return fail(ErrorCode::unavailable, "unmount " + name + ": it is busy " + with,
                "Try again in a moment.");
  };
  if (slot.phase == VolumePhase::detaching) return busy("being unmounted");
  // A look at a build is over soon; mounting may take minutes.
  if (slot.working && slot.phase != VolumePhase::indexing) return busy("being mounted");
  const VolumePhase before = slot.phase;
  slot.phase = VolumePhase::detaching;
  const bool idle = changed_.wait_for(lock, limits::kRemovePatience,
                                      [&] { return !slot.working && !slot.looking; });
  if (!idle) {
    slot.phase = before;
    return busy("with its hints");
  }
  slot.working = true;
  lock.unlock();
  if (slot.build) slot.build->stop();
  auto gone = take_down(slot.plan);
  if (gone && slot.live) slot.live->keeper.reap();
  if (gone) IndexBuild::forget(IndexBuild::files_of(slot.plan.places, name));
  lock.lock();
  slot.working = false;
  if (slot.build) {
    slot.build.reset();
    --builds_;
  }
  if (!gone) {
    slot.phase = before;
    changed_.notify_all();
    return gone;
  }
  slots_.erase(found);
  changed_.notify_all();
  lock.unlock();
  ignore(manager_.forget(name), "a descriptor of an ended mount is harmless");
  return {};
}

std::optional<Mounts::View> Mounts::view(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(name);
  if (found == slots_.end()) return std::nullopt;
  const Slot& slot = found->second;
  View view{.phase = slot.phase,
            .error = slot.error,
            .progress = slot.progress,
            .facts = slot.facts,
            .abnormal = slot.health.abnormal(system_clock().now()),
            .server_restarts = slot.live ? slot.live->state.server_restarts : 0,
            .proven = slot.proven,
            .control_socket = {}};
  if (slot.live) {
    view.control_socket = slot.live->state.control_socket;
    if (slot.live->doubt && view.abnormal.empty())
      view.abnormal = "it would not survive its keeper: " + slot.live->doubt->message();
  }
  if (slot.phase == VolumePhase::repairing)
    view.abnormal =
        "it is being brought back" + (slot.error ? ": " + slot.error->message() : std::string());
  else if (slot.error)  // failed, or waiting for whoever has the volume
    view.abnormal = slot.error->message();
  return view;
}

void Mounts::wait(const std::string& name, Duration patience) const {
  Guard lock(mutex_);
  changed_.wait_for(lock, patience, [&] {
    const auto found = slots_.find(name);
    return stopping_ || found == slots_.end() ||
           is_settled(found->second.phase, found->second.error.has_value());
  });
}

Mounts::Counts Mounts::counts() const {
  const std::lock_guard lock(mutex_);
  Counts counts = counts_;
  for (const auto& [name, slot] : slots_) ++counts.by_phase[slot.phase];
  return counts;
}

TimePoint Mounts::last_turn() const {
  const std::lock_guard lock(mutex_);
  return last_turn_;
}

// ---- the supervising thread

void Mounts::supervise() {
  Guard lock(mutex_);
  while (!stopping_) {
    const TimePoint now = system_clock().now();
    last_turn_ = now;
    for (auto& [name, slot] : slots_) step(slot, now);
    lock.unlock();
    tell_watchdog(now);
    lock.lock();
    if (!stopping_) wait_for_events(lock);
  }
}

// Until a keeper dies, somebody wakes us, or something is due.
void Mounts::wait_for_events(Guard& lock) {
  std::vector<pollfd> events{{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
  bool builds = false;
  for (auto& [name, slot] : slots_) {
    builds = builds || slot.phase == VolumePhase::indexing;
    if (slot.phase == VolumePhase::ready && slot.live && !slot.working)
      events.push_back({.fd = slot.live->keeper.pidfd(), .events = POLLIN, .revents = 0});
  }
  Duration timeout = builds ? Duration(limits::kTickBusy) : Duration(limits::kTickIdle);
  if (const auto interval = manager_.watchdog_interval())
    timeout = std::min(timeout, Duration(*interval / 4));
  lock.unlock();
  // Descriptors that are closed meanwhile belong to slots that have changed: they are looked at
  // again in any case.
  poll(events.data(), events.size(),
       static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(timeout).count()));
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t drained = read(wake_.get(), &count, sizeof count);
  lock.lock();
}

void Mounts::tell_watchdog(TimePoint now) {
  const auto interval = manager_.watchdog_interval();
  if (!interval || now < next_ping_) return;
  next_ping_ = now + *interval / 3;
  ignore(manager_.notify("WATCHDOG=1"), "the manager acts when it hears nothing");
}

void Mounts::step(Slot& slot, TimePoint now) {
  switch (slot.phase) {
    case VolumePhase::indexing:
      step_indexing(slot, now);
      return;
    case VolumePhase::mounting:
      if (!slot.working) post_locked(slot, &Mounts::mount);
      return;
    case VolumePhase::ready:
      if (!slot.working && slot.live->keeper.wait(Duration::zero())) {
        ++counts_.keeper_deaths;
        slot.live->keeper.reap();
        log_event(LogLevel::warning, "keeper.died",
                  {{"volume", slot.name()}, {"pid", slot.live->keeper.pid()}});
        slot.phase = VolumePhase::repairing;
        slot.due = now;
        slot.failures = 0;
        post_locked(slot, &Mounts::repair);
        return;
      }
      if (!slot.looking && now >= slot.look_due) {
        slot.looking = true;
        lookers_.post([this, &slot] { look(slot); });
      }
      return;
    case VolumePhase::repairing:
      if (slot.working || now < slot.due) return;
      if (slot.indexed) {
        post_locked(slot, &Mounts::repair);
      } else {
        slot.phase = VolumePhase::indexing;
        step_indexing(slot, now);
      }
      return;
    case VolumePhase::failed:
    case VolumePhase::detaching:
      return;
  }
}

void Mounts::step_indexing(Slot& slot, TimePoint now) {
  if (slot.working || now < slot.due) return;
  if (slot.build) {
    slot.due = now + limits::kTickBusy;
    post_locked(slot, &Mounts::look_at_build);
  } else if (builds_ < limits::kBuildsMax || (slot.seems_indexed && !slot.list_again)) {
    ++builds_;
    post_locked(slot, &Mounts::begin_build);
  }
}

void Mounts::post_locked(Slot& slot, void (Mounts::*work)(Slot&)) {
  slot.working = true;
  workers_.post([this, &slot, work] {
    (this->*work)(slot);
    {
      const std::lock_guard lock(mutex_);
      slot.working = false;
      changed_.notify_all();
    }
    wake();
  });
}

}  // namespace shoal::agent
