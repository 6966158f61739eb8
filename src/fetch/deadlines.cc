// SPDX-License-Identifier: Apache-2.0
#include "fetch/deadlines.h"

#include <algorithm>

#include "base/assert.h"

namespace shoal::fetch {

Deadlines::~Deadlines() {
  SHOAL_ASSERT(!timer_);
}

void Deadlines::stop() {
  SHOAL_ASSERT(parts_.empty());
  if (timer_) executor_.cancel(*std::exchange(timer_, std::nullopt));
}

void Deadlines::add(ReadPart& part) {
  if (part.timed) return;
  part.timed = true;
  parts_.insert({part.deadline, &part});
  arm();
}

void Deadlines::remove(ReadPart& part) {
  if (!part.timed) return;
  part.timed = false;
  parts_.erase({part.deadline, &part});
  // The timer stays: it finds nothing to do, which is cheaper than moving it for every read.
}

void Deadlines::arm() {
  if (parts_.empty()) return;
  const TimePoint first = parts_.begin()->first;
  if (timer_ && armed_for_ <= first) return;
  if (timer_) executor_.cancel(*timer_);
  const TimePoint now = executor_.clock().now();
  armed_for_ = first;
  timer_ = executor_.after(std::max(first - now, Duration::zero()), [this] { on_timer(); });
}

void Deadlines::on_timer() {
  timer_.reset();
  const TimePoint now = executor_.clock().now();
  while (!parts_.empty() && parts_.begin()->first <= now) {
    ReadPart& part = *parts_.begin()->second;
    remove(part);
    expire_(part);
  }
  arm();
}

void Deadlines::expire_all() {
  while (!parts_.empty()) {
    ReadPart& part = *parts_.begin()->second;
    remove(part);
    expire_(part);
  }
}

}  // namespace shoal::fetch
