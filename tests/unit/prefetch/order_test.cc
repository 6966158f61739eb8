// SPDX-License-Identifier: Apache-2.0
// Goal: an order answers where a file and a chunk come next, while it is being built. Method: a
// plain list as the oracle, seeds, and one test with threads.
#include "prefetch/order.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/rng.h"
#include "layout.h"

namespace shoal::prefetch {
namespace {

constexpr format::Geometry kGeometry{4096, 4u << 20};

std::vector<Order::File> files_of(const Layout& layout) {
  std::vector<Order::File> files;
  for (const CatalogFile& file : layout.files()) files.push_back({file.begin, file.length});
  return files;
}

TEST(Order, keeps_begin_and_blocks_of_files_of_every_size) {
  Order order(kGeometry);
  const std::vector<Order::File> files{{{0}, 1},
                                       {{4096}, 4096},
                                       {{8192}, 4097},
                                       {{16384}, 100'000},
                                       {{4u << 20}, 4u << 20},
                                       {{8u << 20}, (4u << 20) + 1},
                                       {{16u << 20}, 1ull << 40},
                                       {{(1ull << 62) - (4u << 20)}, 5000}};
  ASSERT_TRUE(order.append(files));
  ASSERT_EQ(order.size(), files.size());
  const std::uint64_t lengths[] = {4096,
                                   4096,
                                   8192,
                                   102'400,
                                   4u << 20,
                                   (4u << 20) + 4096,
                                   (1023ull << 22) + 4096,  // as much as fits: fetched on the way
                                   8192};
  for (std::size_t i = 0; i < files.size(); ++i) {
    EXPECT_EQ(order.at(i).begin, files[i].begin) << i;
    EXPECT_EQ(order.at(i).length, lengths[i]) << i;
  }
}

TEST(Order, with_small_blocks_a_range_never_reaches_into_the_next_file) {
  Order order({512, 4u << 20});
  ASSERT_TRUE(order.append(std::vector<Order::File>{{{0}, 512}, {{512}, 5000}, {{5632}, 9000}}));
  EXPECT_LE(order.at(0).end(), 512u);
  EXPECT_LE(order.at(1).end(), 5632u);
  EXPECT_GT(order.at(1).length, 0u);
}

TEST(Order, leaves_empty_files_out) {
  Order order(kGeometry);
  ASSERT_TRUE(order.append(std::vector<Order::File>{{{0}, 0}, {{0}, 10}, {{4096}, 0}}));
  EXPECT_EQ(order.size(), 1u);
}

// Files of many sizes, some larger than a chunk, in a shuffled order of three epochs, appended in
// batches: every question is answered like the plain list answers it.
TEST(Order, answers_like_a_plain_list) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Rng rng(seed);
    Layout layout(kGeometry);
    for (int i = 0; i < 300; ++i)
      layout.add("f" + Layout::digits(static_cast<std::size_t>(i)),
                 1 + (rng.below(20) == 0 ? rng.below(20u << 20) : rng.below(300'000)));
    layout.lay_out();
    Order order(kGeometry);
    std::vector<Order::File> list;
    for (int epoch = 0; epoch < 3; ++epoch) {
      std::vector<Order::File> files = files_of(layout);
      for (std::size_t i = files.size(); i > 1; --i) std::swap(files[i - 1], files[rng.below(i)]);
      for (std::size_t at = 0; at < files.size();) {
        const std::size_t count = std::min<std::size_t>(1 + rng.below(60), files.size() - at);
        ASSERT_TRUE(order.append(std::span(files).subspan(at, count)));
        at += count;
      }
      list.insert(list.end(), files.begin(), files.end());
    }
    ASSERT_EQ(order.size(), list.size());
    for (int question = 0; question < 300; ++question) {
      const std::uint64_t from = rng.below(list.size());
      const std::size_t wanted = rng.below(list.size());
      std::uint64_t expected = list.size();
      for (std::uint64_t i = 0; i < list.size() && expected == list.size(); ++i) {
        const std::uint64_t at = (from + i) % list.size();
        // Behind `from` first; else the first of all.
        if (from + i >= list.size() ? list[at].begin == list[wanted].begin
                                    : list[at].begin == list[wanted].begin)
          expected = at;
      }
      EXPECT_EQ(order.find(list[wanted].begin, from), expected);

      const ChunkId chunk{rng.below(layout.end().value / kGeometry.chunk_bytes + 1)};
      order.set_position(from);
      std::uint64_t distance = Order::kNever;
      for (std::uint64_t i = from; i < list.size(); ++i) {
        const std::uint64_t first = kGeometry.chunk_of(list[i].begin).value;
        const std::uint64_t last =
            kGeometry.chunk_of({list[i].begin.value + list[i].length - 1}).value;
        if (chunk.value < first || chunk.value > last) continue;
        distance = i - from;
        break;
      }
      EXPECT_EQ(order.next_use(chunk), distance) << "seed " << seed;
    }
    EXPECT_FALSE(order.find({layout.end().value + (64u << 20)}, 0));
  }
}

TEST(Order, may_be_asked_while_it_grows) {
  Order order(kGeometry);
  constexpr std::uint64_t kFiles = 200'000;
  std::jthread builder([&order] {
    std::vector<Order::File> batch;
    for (std::uint64_t i = 0; i < kFiles; ++i) {
      batch.push_back({{i * 8192}, 8000});
      if (batch.size() < 5000) continue;
      ASSERT_TRUE(order.append(batch));
      batch.clear();
    }
  });
  Rng rng(1);
  for (std::uint64_t size = 0; size < kFiles; size = order.size()) {
    if (size == 0) continue;
    const std::uint64_t ordinal = rng.below(size);
    ASSERT_EQ(order.at(ordinal).begin.value, ordinal * 8192);
    ASSERT_EQ(order.find({ordinal * 8192 + 100}, rng.below(size)), ordinal);
    order.set_position(ordinal);
    ASSERT_EQ(order.next_use(kGeometry.chunk_of({ordinal * 8192})), 0u);
  }
}

}  // namespace
}  // namespace shoal::prefetch
