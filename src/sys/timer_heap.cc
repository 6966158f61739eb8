// SPDX-License-Identifier: Apache-2.0
#include "sys/timer_heap.h"

namespace shoal::sys {

std::uint64_t TimerHeap::add(TimePoint when, Task task) {
  const std::uint64_t id = timers_.insert(Timer{std::move(task), heap_.size()});
  heap_.push_back(Entry{when, ++sequence_, id});
  sift_up(heap_.size() - 1);
  return id;
}

void TimerHeap::cancel(std::uint64_t id) {
  const Timer* timer = timers_.find(id);
  // The task dies at the end of this statement, when the heap is whole again: its destructor may
  // come back here.
  if (timer != nullptr) static_cast<void>(remove_at(timer->position));
}

std::optional<TimePoint> TimerHeap::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().when;
}

Task TimerHeap::pop_due(TimePoint now) {
  if (heap_.empty() || heap_.front().when > now) return {};
  return remove_at(0);
}

void TimerHeap::place(std::size_t position, const Entry& entry) {
  heap_[position] = entry;
  timers_.find(entry.id)->position = position;
}

void TimerHeap::sift_up(std::size_t position) {
  const Entry entry = heap_[position];
  while (position > 0) {
    const std::size_t parent = (position - 1) / 2;
    if (!earlier(entry, heap_[parent])) break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, entry);
}

void TimerHeap::sift_down(std::size_t position) {
  const Entry entry = heap_[position];
  while (2 * position + 1 < heap_.size()) {
    std::size_t child = 2 * position + 1;
    if (child + 1 < heap_.size() && earlier(heap_[child + 1], heap_[child])) ++child;
    if (!earlier(heap_[child], entry)) break;
    place(position, heap_[child]);
    position = child;
  }
  place(position, entry);
}

Task TimerHeap::remove_at(std::size_t position) {
  Task task = timers_.take(heap_[position].id).task;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (position < heap_.size()) {
    place(position, last);
    sift_up(position);
    sift_down(timers_.find(last.id)->position);
  }
  return task;
}

}  // namespace shoal::sys
