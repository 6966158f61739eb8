// SPDX-License-Identifier: Apache-2.0
//
// Targets after they were published: what no longer shows its volume is bound again. A call that
// has a target in hand decides alone about it.
#include <algorithm>

#include "agent/agent.h"
#include "base/log.h"

namespace shoal::agent {

namespace fs = std::filesystem;

Agent::Shown Agent::shown_by(const std::string& mount) const {
  const std::lock_guard lock(mutex_);
  Shown shown;
  const auto use = uses_.find(mount);
  if (use == uses_.end()) return shown;
  for (const std::string& id : use->second.ids) {
    const Volume& volume = volumes_.at(id);
    shown.mount_point = plan_for(volume.record).mount_point();
    for (const TargetReport& target : volume.record.targets)
      shown.targets.emplace_back(id, target.path);
    if (volume.unsaved) shown.unsaved.push_back(id);
  }
  return shown;
}

void Agent::look_after_targets(const std::string& mount) {
  const Shown shown = shown_by(mount);
  for (const std::string& id : shown.unsaved) save_late(id);
  if (shown.targets.empty()) return;
  std::vector<fs::path> paths;
  for (const auto& [id, target] : shown.targets) paths.push_back(target);
  const auto missing = targets_.missing(shown.mount_point, paths);
  if (!missing) return;  // the next look tells
  for (const auto& [id, target] : shown.targets) {
    if (std::ranges::find(*missing, target) == missing->end())
      note_restored(id, target, false);
    else
      restore_target(shown, id, target);
  }
}

void Agent::restore_target(const Shown& shown, const std::string& id, const fs::path& target) {
  const auto wanted = [&] {
    const std::lock_guard lock(mutex_);
    const auto found = volumes_.find(id);
    if (found == volumes_.end() || found->second.in_hand == target) return false;
    const VolumeRecord& record = found->second.record;
    return plan_for(record).mount_point() == shown.mount_point &&
           std::ranges::find(record.targets, target, &TargetReport::path) != record.targets.end();
  };
  note_restored(id, target, targets_.restore(shown.mount_point, target, wanted));
}

// Said once, when it becomes another.
void Agent::note_restored(const std::string& id, const fs::path& target,
                          const Result<bool>& restored) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = volumes_.find(id);
    if (found == volumes_.end()) return;
    auto& lost = found->second.lost;
    if (restored) {
      lost.erase(target);
      if (!*restored) return;
    } else {
      std::string why = restored.error().message();
      if (std::exchange(lost[target], why) == why) return;
    }
  }
  if (restored)
    log_event(LogLevel::info, "target.restored", {{"volume", id}, {"target", target.string()}});
  else
    log_event(
        LogLevel::warning, "target.not_restored",
        {{"volume", id}, {"target", target.string()}, {"error", restored.error().to_string()}});
}

}  // namespace shoal::agent
