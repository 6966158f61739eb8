// SPDX-License-Identifier: Apache-2.0
// Goal: the shared bounds hold, no thread can be starved of its share, and speculation leaves room.
// Method: several shares of one budget, used by hand and by real threads.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "cache/budget.h"
#include "cache/chunk_buffer.h"

namespace shoal::cache {
namespace {

TEST(Budget, one_thread_may_use_what_others_leave_but_not_their_shares) {
  Budget budget(100, 2, 1);
  BudgetShare a(budget), b(budget);
  EXPECT_TRUE(a.take(75, 100));
  EXPECT_FALSE(a.take(1, 100));
  EXPECT_TRUE(b.take(25, 100));
  EXPECT_FALSE(b.take(1, 100));
  EXPECT_EQ(budget.used(), 100u);
  a.give(50);
  EXPECT_TRUE(b.take(50, 100));
  b.give(75);
  a.give(25);
  EXPECT_EQ(budget.used(), 0u);
}

TEST(Budget, speculation_leaves_room_for_demand) {
  Budget budget(256, 1, 1);
  BudgetShare share(budget);
  std::uint64_t taken = 0;
  while (share.take(1, 90)) ++taken;
  EXPECT_GE(taken, 225u);
  EXPECT_LT(taken, 256u);
  EXPECT_TRUE(share.take(256 - taken, 100));
  share.give(256);
}

TEST(Budget, every_thread_gets_at_least_its_minimum) {
  Budget budget(1, 4, 1);
  BudgetShare a(budget), b(budget);
  EXPECT_TRUE(a.take(1, 100));
  EXPECT_TRUE(b.take(1, 100));
  EXPECT_FALSE(a.take(1, 90));
  a.give(1);
  b.give(1);
}

TEST(Budget, holds_while_threads_compete) {
  Budget budget(1000, 4, 1);
  std::vector<std::jthread> threads;
  std::atomic<bool> exceeded{false};
  for (std::uint64_t seed = 0; seed < 4; ++seed)
    threads.emplace_back([&, seed] {
      Rng rng(seed);
      BudgetShare share(budget);
      for (int i = 0; i < 20000; ++i) {
        const std::uint64_t amount = 1 + rng.below(300);
        if (share.take(amount, 100)) {
          if (budget.used() > 1000) exceeded = true;
          share.give(amount);
        }
      }
    });
  threads.clear();
  EXPECT_FALSE(exceeded);
  EXPECT_EQ(budget.used(), 0u);
}

TEST(ChunkBuffer, charges_touched_groups_of_pages_once) {
  Budget budget(64u << 20, 1, 0);
  BufferPool pool(budget, 4u << 20);
  ChunkBuffer buffer;
  ASSERT_TRUE(pool.reserve(buffer, 100, 200, 100));
  EXPECT_EQ(pool.used_bytes(), 65536u);
  ASSERT_TRUE(pool.reserve(buffer, 0, 65536, 100));
  EXPECT_EQ(pool.used_bytes(), 65536u) << "a group is paid for once";
  ASSERT_TRUE(pool.reserve(buffer, 65535, 65537, 100));
  EXPECT_EQ(pool.used_bytes(), 131072u);
  pool.release(buffer);
  EXPECT_EQ(pool.used_bytes(), 0u);
  EXPECT_EQ(budget.used(), 0u) << "idle: all of it is given back";
}

TEST(ChunkBuffer, keeps_memory_while_others_are_in_use) {
  Budget budget(64u << 20, 1, 0);
  BufferPool pool(budget, 4u << 20);
  ChunkBuffer in_use, first, second;
  ASSERT_TRUE(pool.reserve(in_use, 0, 1, 100));
  ASSERT_TRUE(pool.reserve(first, 0, 1u << 20, 100));
  std::memset(first.data(), 7, 1u << 20);
  const std::byte* const memory = first.data();
  pool.release(first);
  EXPECT_EQ(pool.used_bytes(), 65536u);
  EXPECT_EQ(budget.used(), (1u << 20) + 65536u) << "kept memory is paid for";
  // Half of it again, and as much that is new.
  ASSERT_TRUE(pool.reserve(second, 512u << 10, 3u << 19, 100));
  ASSERT_EQ(second.data(), memory);
  EXPECT_EQ(pool.used_bytes(), 65536u + (1u << 20));
  EXPECT_EQ(budget.used(), 65536u + (3u << 19));
  // What is reserved already keeps its bytes.
  second.data()[512u << 10] = std::byte{9};
  ASSERT_TRUE(pool.reserve(second, 0, 3u << 19, 100));
  EXPECT_EQ(second.data()[512u << 10], std::byte{9});
  EXPECT_EQ(budget.used(), 65536u + (3u << 19));
  pool.release(second);
  pool.release(in_use);
  EXPECT_EQ(budget.used(), 0u) << "idle: all of it is given back";
}

TEST(ChunkBuffer, gives_back_the_oldest_of_what_is_kept_when_it_becomes_too_much) {
  Budget budget(64u << 20, 1, 0);  // an eighth of it is kept: two buffers
  BufferPool pool(budget, 4u << 20);
  ChunkBuffer in_use, buffers[4];
  ASSERT_TRUE(pool.reserve(in_use, 0, 1, 100));
  for (ChunkBuffer& buffer : buffers) ASSERT_TRUE(pool.reserve(buffer, 0, 4u << 20, 100));
  const std::byte* const last = buffers[3].data();
  for (ChunkBuffer& buffer : buffers) pool.release(buffer);
  EXPECT_EQ(budget.used(), 65536u + (8u << 20));
  ASSERT_TRUE(pool.reserve(buffers[0], 0, 4u << 20, 100));
  EXPECT_EQ(buffers[0].data(), last);
  EXPECT_EQ(budget.used(), 65536u + (8u << 20)) << "it was among the kept ones";
  pool.release(buffers[0]);
  pool.release(in_use);
}

TEST(ChunkBuffer, gives_kept_memory_up_when_others_need_it) {
  Budget budget(8u << 20, 1, 0);
  BufferPool pool(budget, 1u << 20);
  ChunkBuffer kept, large[8];
  for (ChunkBuffer& buffer : large) ASSERT_TRUE(pool.reserve(buffer, 0, 1, 100));
  ASSERT_TRUE(pool.reserve(kept, 0, 1u << 20, 100));
  pool.release(kept);
  EXPECT_EQ(budget.used(), pool.used_bytes() + (1u << 20));
  for (ChunkBuffer& buffer : large) ASSERT_TRUE(pool.reserve(buffer, 0, 1u << 20, 100));
  EXPECT_EQ(budget.used(), pool.used_bytes());
  EXPECT_EQ(budget.used(), 8u << 20);
  for (ChunkBuffer& buffer : large) pool.release(buffer);
  EXPECT_EQ(budget.used(), 0u);
}

TEST(ChunkBuffer, refuses_past_the_budget_and_takes_nothing) {
  Budget budget(1u << 20, 1, 0);
  BufferPool pool(budget, 4u << 20);
  ChunkBuffer buffer;
  EXPECT_FALSE(pool.reserve(buffer, 0, 2u << 20, 100));
  EXPECT_FALSE(static_cast<bool>(buffer));
  EXPECT_EQ(budget.used(), 0u);
}

}  // namespace
}  // namespace shoal::cache
