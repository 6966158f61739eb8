// SPDX-License-Identifier: Apache-2.0
//
// What workers do with a mount. `slot.working` (for look(): `slot.looking`) says that a slot is
// theirs: it is not erased, and no other worker touches it.
#include <unistd.h>

#include <algorithm>

#include "agent/mount_slot.h"
#include "base/log.h"
#include "control/client.h"
#include "frontend/fuse/connection.h"

namespace shoal::agent {
namespace {

// The server keeps what was announced beside its socket, for its successors.
bool order_was_announced(const fuse::MountState& state) {
  return access((state.control_socket.string() + ".orders").c_str(), F_OK) == 0;
}

bool is_passing(ErrorCode code) {
  return code == ErrorCode::unavailable || code == ErrorCode::timeout ||
         code == ErrorCode::throttled;
}

// Doubles with each failure.
Duration repair_delay(std::uint32_t failures) {
  return std::min<Duration>(limits::kRepairDelayMax,
                            Duration(limits::kRepairDelayMin) * (1u << std::min(failures, 10u)));
}

bool is_too_old(const VolumeSpec& spec, const IndexFacts& facts) {
  if (!spec.index_age_max) return false;
  const auto now =
      std::chrono::floor<std::chrono::seconds>(system_clock().wall_now().time_since_epoch());
  return now - std::chrono::seconds(facts.listed_at) > *spec.index_age_max;
}

}  // namespace

// ---- indexing

void Mounts::begin_build(Slot& slot) {
  if (auto missing = slot.plan.missing_keys()) {
    const std::lock_guard lock(mutex_);
    --builds_;
    if (slot.phase != VolumePhase::indexing) return;
    slot.phase = VolumePhase::repairing;
    slot.error = std::move(missing);
    slot.due = system_clock().now() + limits::kRepairDelayMax;
    return;
  }
  const IndexBuild::Files files = IndexBuild::files_of(slot.plan.places, slot.name());
  auto found = IndexBuild::find(files);
  const bool taken_over = found.has_value();
  auto build = taken_over ? Result<IndexBuild>(std::move(*found))
                          : IndexBuild::start(slot.plan.build_command(slot.list_again), files);
  const std::lock_guard lock(mutex_);
  if (!build) {
    --builds_;
    if (slot.phase == VolumePhase::indexing) fail_locked(slot, std::move(build).error());
    return;
  }
  if (!taken_over) ++counts_.builds_started;
  slot.build.emplace(std::move(*build));
  slot.due = system_clock().now() + limits::kFirstBuildLook;
  log_event(
      LogLevel::info, taken_over ? "index.build_found" : "index.build_started",
      {{"volume", slot.name()}, {"source", slot.plan.spec.source}, {"request_id", slot.cause}});
}

void Mounts::look_at_build(Slot& slot) {
  IndexBuild::State state = slot.build->look();
  // By what an agent began and died before it had written down whom: a build, which goes on, or a
  // keeper, which makes the mount.
  const bool locked = state.error && state.error->code() == ErrorCode::precondition &&
                      sys::LockFile::is_held(slot.plan.volume() / "LOCK");
  const bool kept = locked && (is_being_mounted(slot.plan) || slot.plan.has_mount_state());
  const std::lock_guard lock(mutex_);
  if (state.progress.objects > 0 || slot.progress.objects == 0) slot.progress = state.progress;
  if (slot.phase != VolumePhase::indexing) return;  // being removed, which ends the build
  if (!state.over) return;
  if (locked)
    on_build_locked(slot, std::move(*state.error), kept);
  else
    on_build_over(slot, std::move(state));
}

void Mounts::on_build_locked(Slot& slot, Error error, bool kept) {
  slot.build.reset();
  --builds_;
  if (kept) {
    slot.phase = VolumePhase::repairing;
    slot.indexed = true;
    slot.due = {};
    return;
  }
  slot.due = system_clock().now() + limits::kLockedDelay;
  if (!slot.error)
    log_event(LogLevel::warning, "index.waits_for_lock",
              {{"volume", slot.name()}, {"error", error.to_string()}, {"request_id", slot.cause}});
  slot.error = std::move(error);
}

void Mounts::on_build_over(Slot& slot, IndexBuild::State state) {
  slot.build.reset();
  --builds_;
  slot.due = {};
  slot.error.reset();
  if (state.error) {
    ++counts_.builds_failed;
    log_event(
        LogLevel::warning, "index.build_failed",
        {{"volume", slot.name()}, {"error", state.error->to_string()}, {"request_id", slot.cause}});
    // A lock that was held may have been let go meanwhile: by a build of an agent that died.
    const bool may_pass =
        is_passing(state.error->code()) || state.error->code() == ErrorCode::precondition;
    if (may_pass && ++slot.failures < limits::kBuildTriesMax)
      slot.due = system_clock().now() + repair_delay(slot.failures);
    else
      fail_locked(slot, std::move(*state.error));
    return;
  }
  slot.failures = 0;
  slot.facts = *state.facts;
  slot.indexed = true;
  // Once: a listing that has just been made is as young as can be.
  if (!slot.list_again && is_too_old(slot.plan.spec, slot.facts)) {
    log_event(LogLevel::info, "index.too_old",
              {{"volume", slot.name()}, {"listed_at", slot.facts.listed_at}});
    slot.list_again = true;
    return;
  }
  slot.list_again = false;
  slot.phase = VolumePhase::mounting;
  log_event(LogLevel::info, "index.ready",
            {{"volume", slot.name()},
             {"files", slot.facts.files},
             {"bytes", slot.facts.object_bytes},
             {"request_id", slot.cause}});
}

void Mounts::fail_locked(Slot& slot, Error error) {
  log_event(LogLevel::error, "volume.failed",
            {{"volume", slot.name()},
             {"source", slot.plan.spec.source},
             {"error", error.to_string()},
             {"request_id", slot.cause}});
  slot.phase = VolumePhase::failed;
  slot.error = std::move(error);
  slot.list_again = false;
}

// ---- mounting and repairing

void Mounts::mount(Slot& slot) {
  auto live = mount_anew(slot.plan);
  if (live) {
    on_live(slot, std::move(*live));
    return;
  }
  if (slot.plan.has_mount_state() || is_being_mounted(slot.plan)) {
    // It was mounted, and its keeper died before we knew it; or the keeper of an agent that died is
    // about to mount it.
    on_repair_failed(slot, std::move(live).error());
    return;
  }
  const std::lock_guard lock(mutex_);
  fail_locked(slot, std::move(live).error());
}

void Mounts::repair(Slot& slot) {
  const sys::Fd& descriptor =
      slot.live && slot.live->descriptor.valid() ? slot.live->descriptor : slot.descriptor;
  auto live =
      bring_back(slot.plan, descriptor,
                 slot.failures >= limits::kAdoptTriesMax ? Fallback::remount : Fallback::wait);
  if (live)
    on_live(slot, std::move(*live));
  else
    on_repair_failed(slot, std::move(live).error());
}

void Mounts::on_live(Slot& slot, LiveMount live) {
  const bool anew = live.how == LiveMount::How::mounted;
  // One that the manager has is left there: between taking it back and storing it again there would
  // be a moment in which the death of all is the end of the mount.
  sys::Fd& before = slot.live ? slot.live->descriptor : slot.descriptor;
  const bool still_good = !anew && fuse::is_connected(before.get());
  const bool stored = slot.stored && still_good;
  // What served so far serves on where the new keeper's cannot be had.
  if (still_good && !live.descriptor.valid()) {
    live.descriptor = std::move(before);
    live.doubt.reset();
  }
  if (live.descriptor.valid() && !stored)
    slot.stored = keep_descriptor(slot.name(), live.descriptor);
  // Also where nothing was mounted: an earlier agent may have died before it had bound all targets.
  mounted_(slot.name());
  const std::lock_guard lock(mutex_);
  log_event(LogLevel::info, "volume.ready",
            {{"volume", slot.name()},
             {"how", name_of(live.how)},
             {"keeper", live.state.keeper.pid},
             {"server", live.state.server.pid},
             {"carrier", live.state.carrier},
             {"request_id", slot.cause}});
  if (live.doubt)
    log_event(LogLevel::warning, "volume.descriptor_missing",
              {{"volume", slot.name()}, {"error", live.doubt->to_string()}});
  counts_.mounted += anew ? 1 : 0;
  counts_.adopted += live.how == LiveMount::How::adopted ? 1 : 0;
  if (anew) slot.health.reset();
  // Of a mount that an earlier agent made it is not known how far its hints came: to warm twice
  // costs little, but an order that is announced again begins again.
  if (anew || !slot.live)
    slot.hints = Hints(slot.plan.spec, /*order=*/anew || !order_was_announced(live.state));
  if (slot.live) slot.live->keeper.reap();
  slot.live.emplace(std::move(live));
  slot.descriptor = {};
  slot.phase = VolumePhase::ready;
  slot.error.reset();
  slot.failures = 0;
  slot.proven = slot.indexed = true;
  slot.look_due = {};
}

void Mounts::on_repair_failed(Slot& slot, Error error) {
  const std::lock_guard lock(mutex_);
  ++counts_.repair_failures;
  log_event(LogLevel::error, "volume.repair_failed",
            {{"volume", slot.name()}, {"tries", slot.failures + 1}, {"error", error.to_string()}});
  slot.phase = VolumePhase::repairing;
  slot.due = system_clock().now() + repair_delay(slot.failures);
  ++slot.failures;
  slot.error = std::move(error);
}

bool Mounts::keep_descriptor(const std::string& name, const sys::Fd& descriptor) const {
  // First the one of a mount that is no more: a name may stand for several.
  ignore(manager_.forget(name), "said by store(), too");
  const auto stored = manager_.store(name, descriptor);
  if (!stored)
    log_event(LogLevel::warning, "volume.descriptor_not_stored",
              {{"volume", name}, {"error", stored.error().to_string()}});
  return stored.has_value();
}

// ---- looking

void Mounts::look(Slot& slot) {
  Guard lock(mutex_);
  if (!slot.live) {
    slot.looking = false;
    changed_.notify_all();
    return;
  }
  const fuse::MountState before = slot.live->state;
  Hints hints = std::move(slot.hints);
  slot.hints = Hints();
  const Hints::Place place{.volume_name = slot.name(),
                           .mount_point = before.mount_point,
                           .volume = before.volume,
                           .control_socket = before.control_socket};
  const auto state_file =
      fuse::mount_paths(slot.plan.places.runtime_directory, before.mount_point).state;
  lock.unlock();
  mounted_(slot.name());
  const auto status = control::get_status(before.control_socket, limits::kLookPatience);
  if (!hints.done()) hints.step(place);
  const auto state = fuse::load_mount_state(state_file);
  lock.lock();
  const TimePoint now = system_clock().now();
  slot.looking = false;
  slot.look_due = now + limits::kLookEvery;
  const bool same = slot.live && slot.live->state.mounted_at == before.mounted_at &&
                    slot.live->state.mount_id == before.mount_id;
  if (same) {
    slot.hints = std::move(hints);
    if (status) {
      slot.health.note_answer(now, *status);
      slot.facts = {.files = status->volume.files,
                    .directories = status->volume.directories,
                    .object_bytes = status->volume.object_bytes,
                    .listed_at = status->volume.listed_at};
    } else {
      slot.health.note_silence(status.error());
    }
    if (state && state->keeper == slot.live->state.keeper) {
      slot.live->state = *state;
      slot.health.note_restarts(now, state->server_restarts);
    }
  }
  changed_.notify_all();
}

}  // namespace shoal::agent
