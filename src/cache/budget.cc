// SPDX-License-Identifier: Apache-2.0
#include "cache/budget.h"

#include <algorithm>

#include "base/assert.h"

namespace shoal::cache {
namespace {

// Rounded down, and less than `bound` whenever percent < 100: something is always left for demand.
std::uint64_t percent_of(std::uint64_t bound, std::uint32_t percent) {
  return bound / 100 * percent + bound % 100 * percent / 100;
}

}  // namespace

Budget::Budget(std::uint64_t maximum, std::uint32_t threads, std::uint64_t share_min)
    : maximum_(maximum),
      share_(std::max(maximum / 2 / threads, share_min)),
      pool_(maximum > share_ * threads ? maximum - share_ * threads : 0) {}

BudgetShare::~BudgetShare() {
  SHOAL_ASSERT(used() == 0);
}

bool BudgetShare::take(std::uint64_t amount, std::uint32_t percent) {
  const std::uint64_t share = percent_of(budget_.share_, percent);
  const std::uint64_t pool = percent_of(budget_.pool_, percent);
  const std::uint64_t share_left = share > from_share_ ? share - from_share_ : 0;
  const std::uint64_t small = std::min(amount, share_left);
  const std::uint64_t large = amount - small;
  if (large > 0) {
    std::uint64_t used = budget_.pool_used_.load(std::memory_order_relaxed);
    // Relaxed is enough: the number alone is shared, no data is published through it.
    do {
      if (used + large > pool) return false;
    } while (
        !budget_.pool_used_.compare_exchange_weak(used, used + large, std::memory_order_relaxed));
  }
  from_share_ += small;
  from_pool_ += large;
  budget_.used_.fetch_add(amount, std::memory_order_relaxed);
  return true;
}

void BudgetShare::give(std::uint64_t amount) {
  SHOAL_ASSERT(amount <= used());
  // The pool first: what others can use is freed before what only this thread can.
  const std::uint64_t large = std::min(amount, from_pool_);
  from_pool_ -= large;
  from_share_ -= amount - large;
  if (large > 0) budget_.pool_used_.fetch_sub(large, std::memory_order_relaxed);
  budget_.used_.fetch_sub(amount, std::memory_order_relaxed);
}

}  // namespace shoal::cache
