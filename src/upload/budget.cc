// SPDX-License-Identifier: Apache-2.0
#include "upload/budget.h"

#include <utility>

namespace shoal::upload {

void Budget::acquire(std::uint64_t bytes, Task granted) {
  waiters_.push_back({bytes, std::move(granted)});
  pump_later();
}

void Budget::release(std::uint64_t bytes) {
  bytes_ -= bytes;
  --bodies_;
  if (!waiters_.empty()) pump_later();
}

void Budget::pump_later() {
  if (std::exchange(is_posted_, true)) return;
  executor_.post([this] { pump(); });
}

void Budget::pump() {
  is_posted_ = false;
  while (!waiters_.empty() && bodies_ < bodies_max_ &&
         (bodies_ == 0 || bytes_ + waiters_.front().bytes <= bytes_max_)) {
    Waiter waiter = std::move(waiters_.front());
    waiters_.pop_front();
    bytes_ += waiter.bytes;
    ++bodies_;
    waiter.granted();
  }
}

}  // namespace shoal::upload
