// SPDX-License-Identifier: Apache-2.0
// Goal: with the order known, readers find their files there, however they share the order among
// them, and nothing is asked for that nobody reads. Method: readers over a dataset on paper, a
// bucket that answers in 20 ms.
#include "prefetch/known_order.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "bucket_model.h"

namespace shoal::prefetch {
namespace {

struct World {
  explicit World(std::size_t files, std::uint64_t bytes = 20'000,
                 KnownOrderOptions more_options = {})
      : layout(Layout::symbols(files / 100, 100, bytes)),
        bucket(layout),
        order(std::make_shared<Order>(layout.geometry())),
        options(more_options) {
    options.geometry = layout.geometry();
    for (std::size_t i = 0; i < layout.files().size(); ++i) sequence.push_back(i);
    shuffle(sequence, 1);
  }
  static void shuffle(std::vector<std::size_t>& items, std::uint64_t seed) {
    Rng rng(seed);
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[rng.below(i)]);
  }
  void append(const std::vector<std::size_t>& files) {
    std::vector<Order::File> batch;
    for (const std::size_t file : files)
      batch.push_back({layout.files()[file].begin, layout.files()[file].length});
    ASSERT_TRUE(order->append(batch));
  }
  void start() {
    policy.emplace(options, order, bucket);
    bucket.use(*policy);
  }
  void read(std::size_t file) { bucket.read(layout.files()[file]); }

  Layout layout;
  BucketModel bucket;
  std::shared_ptr<Order> order;
  KnownOrderOptions options;
  std::vector<std::size_t> sequence;
  std::optional<KnownOrder> policy;
};

TEST(KnownOrder, one_reader_costs_one_request_per_file_and_waits_only_at_the_start) {
  World world(4000);
  world.append(world.sequence);
  world.start();
  for (const std::size_t file : world.sequence) world.read(file);
  EXPECT_EQ(world.bucket.demand_requests, 1u);
  EXPECT_EQ(world.bucket.requests, 4000u);
  EXPECT_EQ(world.bucket.unread_parts(), 0u);
  EXPECT_LE(world.bucket.waits, 60u);
}

TEST(KnownOrder, has_256_files_in_flight_within_a_fifth_of_a_second) {
  World world(10'000, 8000);
  world.append(world.sequence);
  world.start();
  std::size_t at = 0;
  while (world.bucket.in_flight() < 256 && at < 10'000) world.read(world.sequence[at++]);
  EXPECT_LE(world.bucket.now_ms, 200);
}

TEST(KnownOrder, a_fast_bucket_is_not_asked_for_more_than_the_first_window) {
  World world(4000);
  world.append(world.sequence);
  BucketModel fast(world.layout, 0.05);
  KnownOrder policy(world.options, world.order, fast);
  fast.use(policy);
  for (std::size_t i = 0; i < 1000; ++i) fast.read(world.layout.files()[world.sequence[i]]);
  EXPECT_LE(fast.unread_parts(), 32u);
}

TEST(KnownOrder, sixteen_readers_that_take_the_next_file_each_are_one_zone) {
  World world(4000);
  world.append(world.sequence);
  world.start();
  Rng rng(3);
  // Each of the next 32 files may come first.
  std::vector<std::size_t> ready;
  std::size_t next = 0;
  while (next < world.sequence.size() || !ready.empty()) {
    while (ready.size() < 32 && next < world.sequence.size()) ready.push_back(next++);
    const std::size_t pick = rng.below(ready.size());
    world.read(world.sequence[ready[pick]]);
    ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(pick));
  }
  EXPECT_EQ(world.bucket.requests, 4000u);
  EXPECT_LE(world.bucket.demand_requests, 40u);
  EXPECT_EQ(world.bucket.unread_parts(), 0u);
}

TEST(KnownOrder, workers_that_take_a_batch_each_are_all_followed) {
  for (const std::size_t batch : {16u, 32u, 64u, 256u}) {
    World world(8000);
    world.append(world.sequence);
    world.start();
    constexpr std::size_t kWorkers = 16;
    const std::size_t count = world.sequence.size();
    // Worker w reads batches w, w + 16, ...; all at the same pace.
    for (std::size_t round = 0; round * kWorkers * batch < count; ++round)
      for (std::size_t i = 0; i < batch; ++i)
        for (std::size_t worker = 0; worker < kWorkers; ++worker) {
          const std::size_t at = (round * kWorkers + worker) * batch + i;
          if (at < count) world.read(world.sequence[at]);
        }
    EXPECT_EQ(world.bucket.requests, 8000u) << batch;
    EXPECT_LE(world.bucket.demand_requests, 8000u / 20) << batch;
    EXPECT_EQ(world.bucket.unread_parts(), 0u) << batch;
  }
}

TEST(KnownOrder, goes_on_with_the_epoch_appended_next) {
  World world(1000);
  world.append(world.sequence);
  world.start();
  std::vector<std::size_t> second = world.sequence;
  World::shuffle(second, 2);
  for (std::size_t i = 0; i < 1000; ++i) {
    if (i == 500) world.append(second);
    world.read(world.sequence[i]);
  }
  EXPECT_EQ(world.bucket.demand_requests, 1u);
  EXPECT_GT(world.policy->outstanding_bytes(), 0u) << "of the next epoch, already";
  for (const std::size_t file : second) world.read(file);
  EXPECT_GE(world.bucket.claimed, 1990u) << "two thousand reads, all foreseen";
  // Files of the next epoch that are ahead in this one already are not asked for twice.
  EXPECT_LE(world.bucket.proposals.size(), 1999u);
  EXPECT_GT(world.bucket.proposals.size(), 1300u);
  EXPECT_EQ(world.order->position(), 0u) << "at the end, readers may begin again";
}

TEST(KnownOrder, reading_the_same_order_again_is_recognised) {
  World world(2000);
  world.append(world.sequence);
  world.start();
  for (const std::size_t file : world.sequence) world.read(file);
  const auto demand = world.bucket.demand_requests;
  world.bucket.forget_cache();
  for (const std::size_t file : world.sequence) world.read(file);
  EXPECT_LE(world.bucket.demand_requests - demand, 5u);
  EXPECT_EQ(world.bucket.unread_parts(), 0u);
}

TEST(KnownOrder, a_reader_that_skips_ahead_is_found_again) {
  World world(5000);
  world.append(world.sequence);
  world.start();
  for (std::size_t i = 0; i < 500; ++i) world.read(world.sequence[i]);
  const auto demand = world.bucket.demand_requests;
  const auto left = world.bucket.unread_parts();
  for (std::size_t i = 3000; i < 4000; ++i) world.read(world.sequence[i]);
  EXPECT_LE(world.bucket.demand_requests - demand, 3u);
  EXPECT_LE(left, 1024u);
  EXPECT_LE(world.bucket.unread_parts(), left + 1024);
}

TEST(KnownOrder, reads_that_follow_another_order_cost_next_to_nothing) {
  World world(20'000);
  world.append(world.sequence);
  world.start();
  std::vector<std::size_t> other = world.sequence;
  World::shuffle(other, 77);
  for (const std::size_t file : other) world.read(file);
  EXPECT_LE(world.bucket.requests - world.bucket.demand_requests, 2000u);
  EXPECT_LE(world.bucket.claimed, 4000u) << "others must see these reads";
}

TEST(KnownOrder, replay_stops_for_good_when_predictions_fail) {
  for (const bool stop : {false, true}) {
    KnownOrderOptions options;
    options.stop_when_failing = stop;
    World world(6000, 20'000, options);
    world.append(world.sequence);
    world.start();
    // The program has changed: it reads every third file only.
    std::size_t i = 0;
    for (; i < 3000; i += 3) world.read(world.sequence[i]);
    EXPECT_EQ(world.policy->is_stopped(), stop);
    EXPECT_EQ(world.policy->state() == "stopped", stop);
    const auto proposals = world.bucket.proposals.size();
    for (; i < 6000; ++i) world.read(world.sequence[i]);
    EXPECT_EQ(world.bucket.proposals.size() == proposals, stop);
  }
}

TEST(KnownOrder, replay_of_a_trace_smaller_than_the_window_stops_too) {
  KnownOrderOptions options;
  options.stop_when_failing = true;
  World world(2400, 9000, options);
  world.append(world.sequence);
  world.start();
  for (std::size_t i = 0; i < 2400; ++i)
    if (i % 12 < 6) world.read(world.sequence[i]);
  EXPECT_TRUE(world.policy->is_stopped());
  EXPECT_LE(world.bucket.requests, 2200u);
}

TEST(KnownOrder, replay_goes_on_while_predictions_hold) {
  KnownOrderOptions options;
  options.stop_when_failing = true;
  World world(5000, 20'000, options);
  world.append(world.sequence);
  world.start();
  for (std::size_t i = 0; i < 5000; ++i)
    if (i % 5 != 0) world.read(world.sequence[i]);  // a fifth is in the page cache
  EXPECT_FALSE(world.policy->is_stopped());
  EXPECT_LE(world.bucket.demand_requests, 5u);
}

TEST(KnownOrder, may_begin_before_anything_was_read) {
  KnownOrderOptions options;
  options.begin_at_once = true;
  World world(1000, 20'000, options);
  world.append(world.sequence);
  world.start();
  EXPECT_FALSE(world.bucket.proposals.empty());
  for (const std::size_t file : world.sequence) world.read(file);
  EXPECT_EQ(world.bucket.demand_requests, 0u);
}

TEST(KnownOrder, files_larger_than_a_chunk_are_fetched_to_their_end) {
  World world(200, 9u << 20);
  world.append(world.sequence);
  world.start();
  for (const std::size_t file : world.sequence) world.read(file);
  // Three chunks each; the first file's come on demand.
  EXPECT_EQ(world.bucket.requests, 600u);
  EXPECT_LE(world.bucket.demand_requests, 3u);
  EXPECT_LE(world.bucket.max_outstanding_bytes, limits::kPrefetchWindowMaxBytes + (12u << 20));
}

TEST(KnownOrder, the_window_stays_below_its_maximum_and_waste_shrinks_it) {
  KnownOrderOptions options;
  options.window_bytes_max = 8u << 20;
  World world(4000, 100'000, options);
  world.append(world.sequence);
  world.start();
  std::uint64_t most = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    world.read(world.sequence[i]);
    most = std::max(most, world.policy->outstanding_bytes());
  }
  EXPECT_GT(most, 4u << 20);
  EXPECT_LE(most, 8u << 20);
  for (int i = 0; i < 5; ++i) world.policy->on_wasted({DataAddress{0}, 4u << 20});
  EXPECT_EQ(world.policy->state(), "turned down");
  const auto proposals = world.bucket.proposals.size();
  for (std::size_t i = 1000; i < 1030; ++i) world.read(world.sequence[i]);
  EXPECT_EQ(world.bucket.proposals.size(), proposals) << "what is ahead exceeds the window now";
}

TEST(KnownOrder, next_use_follows_the_readers) {
  World world(1000);
  world.append(world.sequence);
  world.start();
  for (std::size_t i = 0; i < 700; ++i) world.read(world.sequence[i]);
  EXPECT_EQ(world.order->position(), 700u);
  const ChunkId chunk =
      world.layout.geometry().chunk_of(world.layout.files()[world.sequence[700]].begin);
  EXPECT_EQ(world.order->next_use(chunk), 0u);
}

}  // namespace
}  // namespace shoal::prefetch
