// SPDX-License-Identifier: Apache-2.0
#include "upload/candidates.h"

namespace shoal::upload {

void Candidates::schedule(const std::string& key, File& file, TimePoint due) {
  unschedule(key, file);
  file.due = due;
  by_due_.emplace(due, key);
}

void Candidates::unschedule(const std::string& key, const File& file) {
  by_due_.erase({file.due, key});
}

bool Candidates::touch(const std::string& key, TimePoint now, Touch how) {
  File& file = files_[key];
  const bool was_handed = std::exchange(file.is_handed, false);
  // A scan sees the file, not what is done to it.
  if (how != Touch::found) file.is_open = how == Touch::written;
  file.postponed_since.reset();
  schedule(key, file, now + settle_);
  return was_handed;
}

std::vector<std::string> Candidates::due(TimePoint now) {
  std::vector<std::string> keys;
  while (!by_due_.empty() && by_due_.begin()->first <= now) {
    keys.push_back(by_due_.begin()->second);
    by_due_.erase(by_due_.begin());
  }
  return keys;
}

std::optional<TimePoint> Candidates::next_due() const {
  if (by_due_.empty()) return std::nullopt;
  return by_due_.begin()->first;
}

bool Candidates::is_being_written(const std::string& key) const {
  const auto found = files_.find(key);
  return found != files_.end() && found->second.is_open;
}

void Candidates::hand_over(const std::string& key) {
  const auto found = files_.find(key);
  if (found == files_.end()) return;
  unschedule(key, found->second);
  found->second.is_handed = true;
}

bool Candidates::postpone(const std::string& key, TimePoint now, Duration wait,
                          Duration tell_after) {
  File& file = files_[key];
  if (!file.postponed_since) file.postponed_since = now;
  schedule(key, file, now + wait);
  if (file.is_told || now - *file.postponed_since < tell_after) return false;
  file.is_told = true;
  return true;
}

bool Candidates::is_handed(const std::string& key) const {
  const auto found = files_.find(key);
  return found != files_.end() && found->second.is_handed;
}

void Candidates::finish(const std::string& key) {
  const auto found = files_.find(key);
  if (found == files_.end()) return;
  unschedule(key, found->second);
  files_.erase(found);
}

std::vector<std::string> Candidates::finish_below(const std::string& prefix) {
  std::vector<std::string> handed;
  auto at = files_.lower_bound(prefix);
  while (at != files_.end() && at->first.starts_with(prefix)) {
    unschedule(at->first, at->second);
    if (at->second.is_handed) handed.push_back(at->first);
    at = files_.erase(at);
  }
  return handed;
}

}  // namespace shoal::upload
