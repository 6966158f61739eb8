// SPDX-License-Identifier: Apache-2.0
#include "upload/comparer.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace shoal::upload {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPauseMin = 1s;
constexpr Duration kPauseMax = 60s;  // a service that was down for an hour is found again soon

bool needs_help(const Error& error) {
  switch (error.code()) {
    case ErrorCode::not_found:
    case ErrorCode::permission:
    case ErrorCode::bad_input:
    case ErrorCode::unsupported:
      return true;
    default:
      return false;
  }
}

}  // namespace

Comparer::Comparer(const SyncOptions& options, const ListPages& list, LastSent last_sent,
                   Callbacks callbacks)
    : options_(options),
      list_(list),
      last_sent_(std::move(last_sent)),
      callbacks_(std::move(callbacks)) {
  options_.stop = &stop_;
  thread_ = std::thread([this] { run(); });
}

void Comparer::start() {
  const std::lock_guard lock(mutex_);
  is_wanted_ = true;
  changed_.notify_one();
}

void Comparer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool Comparer::is_idle() const {
  const std::lock_guard lock(mutex_);
  return !is_wanted_ && !is_running_;
}

void Comparer::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || is_wanted_; });
      if (stop_) return;
      is_wanted_ = false;
      is_running_ = true;
    }
    while (!compare_once()) pause();
    const std::lock_guard lock(mutex_);
    is_running_ = false;
  }
}

bool Comparer::compare_once() {
  if (stop_) return true;
  auto counts = plan_sync(options_, list_, last_sent_, [this](const SyncStep& step) {
    callbacks_.on_step(step);
    return Result<void>{};
  });
  if (stop_) return true;
  if (counts || (is_first_ && needs_help(counts.error()))) {
    if (counts) is_first_ = false;
    pause_ = {};
    last_trouble_.clear();
    callbacks_.on_end(std::move(counts));
    return true;
  }
  if (std::exchange(last_trouble_, counts.error().message()) != counts.error().message())
    callbacks_.on_trouble(counts.error());
  return false;
}

void Comparer::pause() {
  pause_ = std::clamp(pause_ * 2, kPauseMin, kPauseMax);
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, pause_, [&] { return stop_.load(); });
}

}  // namespace shoal::upload
