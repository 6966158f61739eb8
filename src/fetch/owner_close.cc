// SPDX-License-Identifier: Apache-2.0
// The end of a ChunkOwner:
//
//   draining  no new reads, no prefetch; reads under way may finish, GETs nobody waits for are cut
//   flushing  remaining reads fail with `closed`; what was fetched is written to the cache file
//   closed    nothing under way, buffers given up
#include <utility>

#include "base/assert.h"
#include "fetch/chunk_owner.h"

namespace shoal::fetch {

void ChunkOwner::close(TimePoint deadline, Task done) {
  SHOAL_ASSERT(closing_ == Closing::no);
  closing_ = Closing::draining;
  closed_ = std::move(done);
  drop_guesses();
  check_arrived();
  const Duration left = std::max(deadline - parts_.executor.clock().now(), Duration::zero());
  close_timer_ = parts_.executor.after(left, [this] {
    close_timer_.reset();
    fail_all_waiting();
    step_close();
  });
  step_close();
}

void ChunkOwner::fail_all_waiting() {
  if (closing_ != Closing::draining) return;
  closing_ = Closing::flushing;
  deadlines_.expire_all();
  parts_.store.cancel_all();
}

// Goes on as far as possible; called whenever something ended.
void ChunkOwner::step_close() {
  if (closing_ == Closing::no || closing_ == Closing::closed) return;
  if (closing_ == Closing::draining) {
    if (!deadlines_.empty()) return;
    fail_all_waiting();
  }
  if (queue_.in_flight() > 0 || !arrived_.empty() || check_posted_ || maps_.loading() > 0 ||
      file_reads_ > 0)
    return;
  if (!flushed_) {
    flushed_ = true;
    keeper_.flush_all();
  }
  if (!keeper_.is_idle()) return;
  keeper_.stop();
  deadlines_.stop();
  report();
  closing_ = Closing::closed;
  if (close_timer_) parts_.executor.cancel(*std::exchange(close_timer_, std::nullopt));
  // A later turn: the caller may destroy the owner in `closed_`, and this call has not returned
  // yet.
  parts_.executor.post(std::move(closed_));
}

}  // namespace shoal::fetch
