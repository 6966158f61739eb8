// SPDX-License-Identifier: Apache-2.0
#include "tools/write/event_log.h"

namespace shoal::tools::write {
namespace {

bool is_hopeless(const Error& error) {
  return error.code() == ErrorCode::permission || error.code() == ErrorCode::not_found;
}

}  // namespace

void EventLog::add(const UploadEvent& event) {
  const std::lock_guard lock(mutex_);
  const bool is_end =
      event.kind == UploadEvent::Kind::sent || event.kind == UploadEvent::Kind::refused;
  if (is_end && expected_.erase(event.id) > 0) {
    ended_.notify_all();
    return;
  }
  switch (event.kind) {
    case UploadEvent::Kind::sent:
      if (event.is_recovered) ++recovered_.sent;
      return;
    case UploadEvent::Kind::changed:
      if (!first_changed_) first_changed_ = event.file;
      return;
    case UploadEvent::Kind::refused:
    case UploadEvent::Kind::waiting:
    case UploadEvent::Kind::delayed:
      if (event.error != nullptr) add_failure_locked(event);
      return;
  }
}

void EventLog::add_failure_locked(const UploadEvent& event) {
  const bool is_refused = event.kind == UploadEvent::Kind::refused;
  if (!is_refused && !event.is_recovered && is_hopeless(*event.error)) {
    hopeless_.push_back({event.id, event.key, *event.error});
    return;
  }
  if (event.kind == UploadEvent::Kind::delayed) {
    if (!first_delay_) first_delay_ = *event.error;
    return;
  }
  if (!event.is_recovered) return;
  ++(is_refused ? recovered_.refused : recovered_.waiting);
  recovered_failures_.emplace_back(event.key, *event.error);
}

std::vector<EventLog::Hopeless> EventLog::take_hopeless() {
  const std::lock_guard lock(mutex_);
  return std::exchange(hopeless_, {});
}

std::optional<Error> EventLog::take_first_delay() {
  const std::lock_guard lock(mutex_);
  if (delay_was_taken_ || !first_delay_) return std::nullopt;
  delay_was_taken_ = true;
  return first_delay_;
}

std::optional<std::filesystem::path> EventLog::take_first_changed() {
  const std::lock_guard lock(mutex_);
  if (changed_was_taken_ || !first_changed_) return std::nullopt;
  changed_was_taken_ = true;
  return first_changed_;
}

void EventLog::expect_end(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  expected_.insert(id);
}

void EventLog::expect_nothing(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  expected_.erase(id);
}

bool EventLog::wait_for_ends(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, timeout, [&] { return expected_.empty(); });
}

EventLog::Recovered EventLog::recovered() const {
  const std::lock_guard lock(mutex_);
  return recovered_;
}

std::vector<std::pair<std::string, Error>> EventLog::take_recovered_failures() {
  const std::lock_guard lock(mutex_);
  return std::exchange(recovered_failures_, {});
}

}  // namespace shoal::tools::write
