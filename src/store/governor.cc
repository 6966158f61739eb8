// SPDX-License-Identifier: Apache-2.0
#include "store/governor.h"

#include <algorithm>
#include <cmath>

namespace shoal::store {
namespace {

using std::chrono::duration;
using namespace std::chrono_literals;

// A refusal arrives once for each of the requests in flight; one cut answers them all.
constexpr auto kCutPause = 500ms;
constexpr double kCut = 0.5;
// A second refusal at about the same rate: that is the limit, and half of it would be too little.
constexpr double kCutKnown = 0.8;
constexpr double kKnownWithin = 0.3;
constexpr double kRateMin = 2;  // requests per second; slower would look like a hang
// Doublings per second of the learned rate, and those around the rate that was refused.
constexpr double kGrowth = 1;
constexpr double kGrowthNear = 0.15;  // about 11 % per second
constexpr double kNearFrom = 0.9;
constexpr double kNearTo = 1.1;
constexpr double kForgetAt = 2;  // times the refused rate
// Successes further apart than this say nothing about the time between them.
constexpr auto kGrowthStepMax = 500ms;
// A learned rate is forgotten also when nobody has been refused for this long.
constexpr auto kForget = 120s;
constexpr double kBurstSeconds = 0.1;
constexpr auto kPauseMax = 5s;  // a service that asks for more is asked again by the retry wrapper
constexpr auto kRateWindow = 1s;

double seconds_of(Duration time) {
  return duration<double>(time).count();
}
Duration duration_of(double seconds) {
  return std::chrono::duration_cast<Duration>(duration<double>(seconds));
}

}  // namespace

Governor::Governor(Limits limits) : limits_(limits) {}

double Governor::rate_in_force_locked() const {
  if (limits_.requests_per_second <= 0) return rate_;
  return rate_ <= 0 ? limits_.requests_per_second : std::min(rate_, limits_.requests_per_second);
}

void Governor::refill_locked(TimePoint now) {
  const double rate = rate_in_force_locked();
  const double burst = std::max(1.0, rate * kBurstSeconds);
  const double byte_burst = limits_.bytes_per_second * kBurstSeconds;
  if (refilled_ == TimePoint{}) {
    request_tokens_ = burst;
    byte_tokens_ = byte_burst;
  } else if (now > refilled_) {
    const double passed = seconds_of(now - refilled_);
    request_tokens_ = std::min(burst, request_tokens_ + passed * rate);
    byte_tokens_ = std::min(byte_burst, byte_tokens_ + passed * limits_.bytes_per_second);
  }
  refilled_ = std::max(refilled_, now);
}

void Governor::count_locked(TimePoint now) {
  if (now - window_start_ >= kRateWindow) {
    const double passed = seconds_of(now - window_start_);
    recent_rate_ = window_start_ == TimePoint{} ? 0 : static_cast<double>(window_count_) / passed;
    window_start_ = now;
    window_count_ = 0;
  }
  ++window_count_;
}

Duration Governor::admit(TimePoint now, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (now < pause_until_) return pause_until_ - now;
  refill_locked(now);
  const double rate = rate_in_force_locked();
  double wait = 0;
  if (rate > 0 && request_tokens_ < 1) wait = (1 - request_tokens_) / rate;
  // A request larger than the burst must pass some time, so bytes may run into debt.
  if (limits_.bytes_per_second > 0 && byte_tokens_ <= 0)
    wait = std::max(wait, -byte_tokens_ / limits_.bytes_per_second);
  if (wait > 0) return std::max<Duration>(duration_of(wait), 1us);
  if (rate > 0) request_tokens_ -= 1;
  if (limits_.bytes_per_second > 0) byte_tokens_ -= static_cast<double>(bytes);
  count_locked(now);
  return Duration::zero();
}

void Governor::on_throttled(TimePoint now, Duration after) {
  const std::lock_guard lock(mutex_);
  ++throttled_;
  pause_until_ = std::max(pause_until_, now + std::min<Duration>(after, kPauseMax));
  const bool first = throttled_at_ == TimePoint{};
  if (!first && now - throttled_at_ < kCutPause) return;
  throttled_at_ = now;
  grown_at_ = now;
  const double sent = std::max(recent_rate_, static_cast<double>(window_count_));
  const double current = rate_ > 0 ? rate_ : sent;
  const bool is_known = rate_ > 0 && current > (1 - kKnownWithin) * refused_rate_ &&
                        current < (1 + kKnownWithin) * refused_rate_;
  refused_rate_ = std::max(kRateMin, current);
  rate_ = std::max(kRateMin, current * (is_known ? kCutKnown : kCut));
  refill_locked(now);
}

void Governor::on_success(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (rate_ <= 0) return;
  if (now - throttled_at_ > kForget) {
    rate_ = 0;
    return;
  }
  // Answers to what was sent before the refusal say nothing about the rate since.
  if (now < pause_until_ || now <= grown_at_) return;
  const Duration step = std::min<Duration>(now - grown_at_, kGrowthStepMax);
  grown_at_ = now;
  const bool is_near = rate_ > kNearFrom * refused_rate_ && rate_ < kNearTo * refused_rate_;
  rate_ *= std::exp2(seconds_of(step) * (is_near ? kGrowthNear : kGrowth));
  if (rate_ > kForgetAt * refused_rate_) rate_ = 0;
}

bool Governor::is_slowed() const {
  const std::lock_guard lock(mutex_);
  return rate_ > 0;
}

Governor::Stats Governor::stats() const {
  const std::lock_guard lock(mutex_);
  return {.throttled = throttled_, .requests_per_second = rate_in_force_locked()};
}

}  // namespace shoal::store
