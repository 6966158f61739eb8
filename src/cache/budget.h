// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

// A bound shared by the fetch threads (requests in flight, bytes of buffers) without a lock and
// without wake-ups between them: half of it is split into shares, one per thread, the other half is
// a pool. A thread always has its share, so it never waits for another thread to wake it up: it
// tries again whenever something of its own ends.

namespace shoal::cache {

// synchronized.
class Budget {
 public:
  // `maximum` may be exceeded only to give each thread a share of `share_min`.
  Budget(std::uint64_t maximum, std::uint32_t threads, std::uint64_t share_min);
  [[nodiscard]] std::uint64_t maximum() const noexcept { return maximum_; }
  [[nodiscard]] std::uint64_t used() const noexcept {
    return used_.load(std::memory_order_relaxed);  // a gauge: nothing is ordered by it
  }

 private:
  friend class BudgetShare;
  std::uint64_t maximum_;
  std::uint64_t share_;
  std::uint64_t pool_;
  std::atomic<std::uint64_t> pool_used_{0};
  std::atomic<std::uint64_t> used_{0};
};

// One thread's hand in a Budget. confined.
class BudgetShare {
 public:
  explicit BudgetShare(Budget& budget) : budget_(budget) {}
  ~BudgetShare();
  BudgetShare(const BudgetShare&) = delete;
  BudgetShare& operator=(const BudgetShare&) = delete;

  // Takes `amount` when it fits into `percent` of share and pool; false and nothing taken
  // otherwise. Speculative work asks for less than 100 percent, so that it cannot starve demand.
  [[nodiscard]] bool take(std::uint64_t amount, std::uint32_t percent);
  void give(std::uint64_t amount);
  [[nodiscard]] std::uint64_t used() const noexcept { return from_share_ + from_pool_; }

 private:
  Budget& budget_;
  std::uint64_t from_share_ = 0;
  std::uint64_t from_pool_ = 0;
};

}  // namespace shoal::cache
