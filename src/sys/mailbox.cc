// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdint>

#include "base/assert.h"
#include "sys/loop_impl.h"

namespace shoal::sys {

void Mailbox::post(Task task) {
  bool was_asleep = false;
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    was_asleep = std::exchange(asleep_, false);
  }
  if (was_asleep) wake();
}

void Mailbox::stop() {
  bool was_asleep = false;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    was_asleep = std::exchange(asleep_, false);
  }
  if (was_asleep) wake();
}

bool Mailbox::fall_asleep() {
  const std::lock_guard lock(mutex_);
  asleep_ = tasks_.empty() && !stop_;
  return asleep_;
}

void Mailbox::take(std::vector<Task>& tasks) {
  const std::lock_guard lock(mutex_);
  asleep_ = false;
  tasks_.swap(tasks);
}

bool Mailbox::stop_requested() {
  const std::lock_guard lock(mutex_);
  return stop_;
}

void Mailbox::forget_stop() {
  const std::lock_guard lock(mutex_);
  stop_ = false;
}

void Mailbox::wake() {
  // Can only fail when the counter is full, after 2^64 writes.
  const std::uint64_t one = 1;
  const ssize_t written = ::write(event_.get(), &one, sizeof one);
  SHOAL_ASSERT(written == sizeof one);
}

}  // namespace shoal::sys
