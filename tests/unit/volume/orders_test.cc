// SPDX-License-Identifier: Apache-2.0
// Goal: lists and shuffled epochs become the order they say, names that do not exist are counted,
// and a recorded trace is a list of what was first read.
// Method: a real index of 400 files in chunks of 4 MiB.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <set>
#include <thread>

#include "base/clock.h"
#include "sys/loop.h"
#include "unit/volume/prepared_index.h"
#include "volume/order_loader.h"
#include "volume/path_list.h"
#include "volume/recorder.h"
#include "volume/shuffled_files.h"

namespace shoal::volume {
namespace {

using namespace std::chrono_literals;

class Orders : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 400; ++i)
      made_.add(fmt::format("d{}/f{:03}", i % 8, i), 40'000 + 100 * static_cast<std::size_t>(i));
    made_.add("large", 9'000'000);
    made_.add("empty", 0);
    made_.build();
  }
  [[nodiscard]] std::shared_ptr<prefetch::Order> new_order() const {
    return std::make_shared<prefetch::Order>(made_.geometry());
  }
  [[nodiscard]] OrderLoader::Parts parts() const {
    return {made_.index(), made_.geometry(), made_.data_end()};
  }
  [[nodiscard]] ReadOrder list_of(const std::string& text) const {
    ReadOrder order;
    order.list = made_.scratch("list");
    std::ofstream(order.list, std::ios::binary) << text;
    return order;
  }
  // Loading is done by another thread: waits until there are so many files, a minute at most.
  static bool has(const prefetch::Order& order, std::uint64_t files) {
    const TimePoint deadline = system_clock().now() + 60s;
    while (order.size() < files && system_clock().now() < deadline) std::this_thread::yield();
    return order.size() == files;
  }
  PreparedIndex made_;
};

TEST_F(Orders, a_list_is_looked_up_in_its_order_and_missing_names_are_counted) {
  OrderLoader loader(parts());
  const auto order = new_order();
  // Last, for then the loader has counted all before it.
  const auto list = list_of("d3/f003\nnone\nempty\nd1/f001\nd3\nd3/f003\nlarge\n");
  ASSERT_TRUE(loader.add(list, order, true));
  ASSERT_TRUE(has(*order, 4));
  const char* expected[] = {"d3/f003", "d1/f001", "d3/f003", "large"};
  for (std::uint64_t i = 0; i < 4; ++i)
    EXPECT_EQ(order->at(i).begin, made_.address_of(expected[i])) << i;
  EXPECT_EQ(loader.missing(), 2u) << "none, and a directory; an empty file needs no fetching";
}

TEST_F(Orders, another_order_replaces_or_goes_on) {
  OrderLoader loader(parts());
  const auto order = new_order();
  ASSERT_TRUE(loader.add(list_of("d1/f001\nnone\n"), order, true));
  ASSERT_TRUE(has(*order, 1));
  ASSERT_TRUE(loader.add(list_of("d2/f002\n"), order, false));
  ASSERT_TRUE(has(*order, 2));
  EXPECT_EQ(order->at(1).begin, made_.address_of("d2/f002"));
  EXPECT_EQ(loader.missing(), 1u);
  const auto next = new_order();
  ASSERT_TRUE(loader.add(list_of("large\n"), next, true));
  ASSERT_TRUE(has(*next, 1));
  EXPECT_EQ(loader.missing(), 0u) << "of the order that was replaced";
  EXPECT_EQ(order->size(), 2u);
}

TEST_F(Orders, a_list_that_cannot_be_opened_changes_nothing) {
  OrderLoader loader(parts());
  const auto order = new_order();
  ASSERT_TRUE(loader.add(list_of("d1/f001\n"), order, true));
  ReadOrder none;
  none.list = made_.scratch("none");
  EXPECT_FALSE(loader.add(none, order, true));
  EXPECT_TRUE(has(*order, 1));
}

TEST_F(Orders, a_shuffled_epoch_has_every_file_once_and_is_what_is_printed) {
  const ShuffledEpoch epoch{.seed = 5, .epoch = 2, .group_bytes = 8u << 20};
  auto shuffled =
      ShuffledFiles::create(made_.index(), made_.geometry(), made_.data_end(), epoch).value();
  EXPECT_EQ(shuffled.file_count(), 401u);
  std::vector<ShuffledFiles::File> all, group;
  while (shuffled.next_group(group).value()) {
    std::set<std::uint64_t> chunks;
    for (const auto& file : group) chunks.insert(made_.geometry().chunk_of(file.begin).value);
    EXPECT_LE(chunks.size(), 2u) << "a group is two chunks";
    all.insert(all.end(), group.begin(), group.end());
  }
  ASSERT_EQ(all.size(), 401u);
  std::set<std::string> names;
  for (const auto& file : all) {
    names.insert(file.path);
    EXPECT_EQ(file.begin, made_.address_of(file.path)) << file.path;
    EXPECT_EQ(file.length, made_.sizes().at(file.path)) << file.path;
  }
  EXPECT_EQ(names.size(), 401u);
  EXPECT_FALSE(std::ranges::is_sorted(all, {}, [](const auto& file) { return file.begin.value; }));

  OrderLoader loader(parts());
  const auto order = new_order();
  ReadOrder announced;
  announced.shuffle = epoch;
  ASSERT_TRUE(loader.add(announced, order, true));
  ASSERT_TRUE(has(*order, 401));
  for (std::uint64_t i = 0; i < 401; ++i) ASSERT_EQ(order->at(i).begin, all[i].begin) << i;
}

TEST_F(Orders, groups_smaller_than_a_chunk_are_refused) {
  const auto refused = ShuffledFiles::create(made_.index(), made_.geometry(), made_.data_end(),
                                             {.group_bytes = 1u << 20});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::bad_input);
}

TEST_F(Orders, a_trace_names_each_file_once_in_the_order_of_first_reads) {
  auto worker = std::make_unique<sys::WorkerPool>("test", 1);
  const auto file = made_.scratch("trace");
  auto recorder = Recorder::create(file, {made_.index(), made_.geometry(), *worker}).value();
  const auto read = [&](const std::string& path, std::uint64_t offset, std::uint64_t bytes) {
    recorder->on_read({DataAddress{made_.address_of(path).value + offset}, bytes});
  };
  read("d5/f005", 0, 4096);
  read("large", 8'000'000, 4096);  // another chunk than its first
  read("d0/f000", 0, 4096);
  read("d5/f005", 8192, 4096);
  read("large", 0, 4096);
  // One read over two files that lie one behind the other.
  read("d1/f001", 0, made_.address_of("d1/f009").value - made_.address_of("d1/f001").value + 1);
  recorder->finish();
  worker.reset();  // what the recorder has posted is over
  EXPECT_EQ(recorder->files(), 5u);
  auto list = PathList::open(file).value();
  std::vector<std::string> names;
  for (std::string path; list.next(path).value();) names.push_back(path);
  EXPECT_EQ(names, (std::vector<std::string>{"d5/f005", "large", "d0/f000", "d1/f001", "d1/f009"}));
}

TEST_F(Orders, a_trace_of_thousands_of_reads_loses_none) {
  auto worker = std::make_unique<sys::WorkerPool>("test", 1);
  const auto file = made_.scratch("trace");
  auto recorder = Recorder::create(file, {made_.index(), made_.geometry(), *worker}).value();
  for (int round = 0; round < 10; ++round)
    for (const auto& [path, bytes] : made_.sizes())
      if (bytes > 0) recorder->on_read({made_.address_of(path), bytes});
  recorder->finish();
  worker.reset();  // what the recorder has posted is over
  EXPECT_EQ(recorder->files(), 401u);
}

}  // namespace
}  // namespace shoal::volume
