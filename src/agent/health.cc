// SPDX-License-Identifier: Apache-2.0
#include "agent/health.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "agent/limits.h"

namespace shoal::agent {
namespace {

// How long something that happened is worth a monitor's attention.
constexpr auto kRecent = std::chrono::minutes(5);
constexpr std::size_t kRestartsMany = 3;  // within that time: one restart is what keepers are for

// Whether one of what readers saw last was a refusal by the service.
bool is_refused(const control::Status& status) {
  const std::string mark = fmt::format("({})", name_of(ErrorCode::permission));
  return std::ranges::any_of(status.recent_errors, [&](const std::string& text) {
    return text.find(mark) != std::string::npos;
  });
}

}  // namespace

void Health::Growth::note(TimePoint now, std::uint64_t next, bool first) {
  // A new server counts from zero; errors of one that is seen for the first time are of unknown
  // age.
  if (!first && next > (next < value ? 0 : value)) grown_at = now;
  value = next;
}

bool Health::Growth::is_recent(TimePoint now) const {
  return grown_at && now - *grown_at < kRecent;
}

void Health::note_answer(TimePoint now, const control::Status& status) {
  const bool first = !status_.has_value();
  read_errors_.note(now, status.stats.read_errors, first);
  cache_write_errors_.note(now, status.stats.cache_write_errors, first);
  status_ = status;
  looks_missed_ = 0;
  silence_.clear();
}

void Health::note_silence(const Error& error) {
  ++looks_missed_;
  silence_ = error.message();
}

void Health::note_restarts(TimePoint now, std::uint64_t restarts) {
  if (restarts_ && restarts > *restarts_) restarted_at_.push_back(now);
  if (restarted_at_.size() > kRestartsMany) restarted_at_.pop_front();
  restarts_ = restarts;
}

std::string Health::abnormal(TimePoint now) const {
  std::vector<std::string> reasons;
  if (looks_missed_ >= limits::kLooksMissedMax)
    reasons.push_back("the server does not answer: " + silence_);
  if (restarted_at_.size() >= kRestartsMany && now - restarted_at_.front() < kRecent)
    reasons.push_back(fmt::format("the server dies again and again ({} restarts)", *restarts_));
  if (status_) {
    const VolumeStats& stats = status_->stats;
    if (read_errors_.is_recent(now)) {
      const std::string example =
          status_->recent_errors.empty() ? "" : ", the last: " + status_->recent_errors.front();
      reasons.push_back(is_refused(*status_) ? "the service refuses the keys" + example
                                             : fmt::format("readers get I/O errors ({}{})",
                                                           stats.read_errors, example));
    }
    if (stats.changed_objects > 0)
      reasons.push_back(fmt::format("{} objects were replaced or deleted since they were listed",
                                    stats.changed_objects));
    if (cache_write_errors_.is_recent(now))
      reasons.push_back(
          fmt::format("the cache cannot be written ({} errors)", stats.cache_write_errors));
  }
  return fmt::format("{}", fmt::join(reasons, "; "));
}

}  // namespace shoal::agent
