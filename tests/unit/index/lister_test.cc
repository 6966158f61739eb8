// SPDX-License-Identifier: Apache-2.0
// Goal: the lister finds every key once, with hardly more requests than pages, and keeps the
// allowed number of requests busy, whatever the names look like. Method: invented buckets with a
// virtual latency on an executor of this thread, so that every number is the same in each run.
#include "index/lister.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <deque>
#include <set>

#include "unit/index/invented_store.h"

namespace shoal::index {
namespace {

class InlineExecutor final : public Executor {
 public:
  void post(Task task) override { tasks_.push_back(std::move(task)); }
  bool run_one() {
    if (tasks_.empty()) return false;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    task();
    return true;
  }

 private:
  std::deque<Task> tasks_;
};

std::string text_of(const char* pattern, unsigned a, unsigned b = 0) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, a, b);
  return text;
}

struct Outcome {
  Result<void> finished;
  std::vector<std::string> keys;  // in the order of arrival
  std::uint64_t requests = 0;
  double latency = 0;
};

Outcome list_all(const InventedStore::KeyOf& key_of, std::uint64_t count,
                 std::uint32_t requests_in_flight = 16, InventedStore::Options options = {}) {
  InlineExecutor executor;
  InventedStore store(key_of, count, executor, std::move(options));
  PageQueue queue;
  const auto lister = std::make_shared<Lister>(
      Lister::Options{.prefix = "p/", .requests_in_flight = requests_in_flight}, KeyRanges(), store,
      executor, queue);
  lister->start();
  Outcome outcome;
  for (bool finished = false; !finished;) {
    if (!executor.run_one()) {
      ADD_FAILURE() << "the lister waits for nothing";
      break;
    }
    while (auto page = queue.pop(Duration::zero())) {
      for (auto& object : page->objects) outcome.keys.push_back(std::move(object.key));
      if (page->finished) {
        outcome.finished = std::move(*page->finished);
        finished = true;
      }
    }
  }
  outcome.requests = store.requests();
  outcome.latency = store.latency();
  EXPECT_LE(store.in_flight_max(), requests_in_flight);
  return outcome;
}

struct Shape {
  const char* name;
  InventedStore::KeyOf key_of;
};
void PrintTo(const Shape& shape, std::ostream* out) {
  *out << shape.name;
}

class ListerShapes : public testing::TestWithParam<Shape> {};

TEST_P(ListerShapes, cost_few_requests_and_keep_all_of_them_busy) {
  for (const std::uint64_t count : {50000u, 200000u, 1000000u}) {
    Outcome outcome = list_all(GetParam().key_of, count);
    ASSERT_TRUE(outcome.finished) << outcome.finished.error().to_string();
    ASSERT_EQ(outcome.keys.size(), count);
    std::sort(outcome.keys.begin(), outcome.keys.end());
    for (std::uint64_t i = 0; i < count; ++i) ASSERT_EQ(outcome.keys[i], GetParam().key_of(i));
    const double pages = static_cast<double>(count) / 1000;
    EXPECT_LE(static_cast<double>(outcome.requests), pages * 1.1 + 32) << count;
    // Sixteen perfect chains take pages / 16 answers of 1.25 units on average.
    EXPECT_LE(outcome.latency, pages / 16 * 1.25 * 1.6 + 20) << count;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Names, ListerShapes,
    testing::Values(Shape{"flat", [](std::uint64_t i) { return text_of("p/f%07u", unsigned(i)); }},
                    Shape{"sparse_hex",
                          [](std::uint64_t i) {
                            return text_of("p/%08x-blob", unsigned(i) * 4294u);
                          }},
                    Shape{"symbol_and_day",
                          [](std::uint64_t i) {
                            return text_of("p/S%04u/2024-%03u.csv", unsigned(i / 200),
                                           unsigned(i % 200));
                          }},
                    Shape{"one_deep_directory",
                          [](std::uint64_t i) {
                            return text_of("p/data/v1/all/%u.json", 1000000 + unsigned(i));
                          }},
                    Shape{"one_large_directory_among_small",
                          [](std::uint64_t i) {
                            return i < 100 ? text_of("p/a%02u/x", unsigned(i))
                                           : text_of("p/b/%06u", unsigned(i));
                          }},
                    Shape{"day_then_symbol_flat",
                          [](std::uint64_t i) {
                            return text_of("p/2024%04u_", 100 + unsigned(i / 5000)) +
                                   text_of("%c", 'A' + unsigned(i % 5000) / 200) +
                                   text_of("%03u.csv", unsigned(i % 5000) % 200);
                          }}),
    [](const auto& shape) { return std::string(shape.param.name); });

// Keys of several shapes and any byte that UTF-8 allows, some of them no paths at all.
std::vector<std::string> random_keys(Rng& rng, std::size_t count) {
  std::set<std::string> keys;
  const std::uint64_t shape = rng.below(6);
  static const std::string kPieces[] = {"a", "b", "Z", "/",  "//",   "0",    "1",
                                        "9", "-", "é", "数", "\x01", "\x7f", "🐟"};
  while (keys.size() < count) {
    const std::uint64_t number = rng.next();
    std::string key = "p/";
    switch (shape) {
      case 0:
        key += "f" + std::to_string(1000000 + keys.size());
        break;
      case 1:
        key += std::to_string(number);
        break;
      case 2:
        key += "d" + std::to_string(number % 7) + "/" + std::to_string(keys.size());
        break;
      case 3:
        key += "only/one/" + std::to_string(number % 90) + "/" + std::to_string(number);
        break;
      case 4:
        key += "2024-0" + std::to_string(1 + number % 9) + "-x" + std::to_string(number >> 50);
        break;
      default:
        for (std::uint64_t length = rng.below(24); length > 0; --length)
          key += kPieces[rng.below(std::size(kPieces))];
    }
    keys.insert(key);
  }
  return {keys.begin(), keys.end()};
}

TEST(Lister, finds_every_key_exactly_once_whatever_their_shape) {
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    Rng rng(seed);
    const auto keys = random_keys(rng, 1 + rng.below(12000));
    Outcome outcome =
        list_all(keys_of(keys), keys.size(), static_cast<std::uint32_t>(1 + rng.below(24)),
                 {.seed = seed, .empty_page_every = seed % 4 == 0 ? 0 : 1 + seed % 4});
    ASSERT_TRUE(outcome.finished) << seed << ": " << outcome.finished.error().to_string();
    std::sort(outcome.keys.begin(), outcome.keys.end());
    ASSERT_EQ(outcome.keys, keys) << seed;
  }
}

TEST(Lister, page_boundaries_lose_and_repeat_nothing) {
  const auto key_of = [](std::uint64_t i) { return text_of("p/%u", 100000 + unsigned(i)); };
  for (const std::size_t count : {0, 1, 2, 999, 1000, 1001, 1999, 2000, 2001, 3000, 4000, 5001}) {
    Outcome outcome = list_all(key_of, count);
    ASSERT_TRUE(outcome.finished);
    std::sort(outcome.keys.begin(), outcome.keys.end());
    ASSERT_EQ(outcome.keys.size(), count);
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(outcome.keys[i], key_of(i));
  }
}

TEST(Lister, a_failure_is_told_once_after_every_answer_came) {
  const auto key_of = [](std::uint64_t i) { return text_of("p/f%07u", unsigned(i)); };
  for (std::uint64_t request = 1; request <= 60; ++request) {
    const Outcome outcome = list_all(key_of, 40000, 8, {.fail_request = request});
    if (outcome.finished) {
      EXPECT_GT(request, 40u);
      EXPECT_EQ(outcome.keys.size(), 40000u);
    } else {
      EXPECT_EQ(outcome.finished.error().code(), ErrorCode::unavailable);
    }
  }
}

TEST(Lister, pages_that_nobody_takes_stop_the_requests) {
  InlineExecutor executor;
  InventedStore store([](std::uint64_t i) { return text_of("p/f%07u", unsigned(i)); }, 1000000,
                      executor);
  PageQueue queue;
  const auto lister =
      std::make_shared<Lister>(Lister::Options{.prefix = "p/", .requests_in_flight = 4},
                               KeyRanges(), store, executor, queue);
  lister->start();
  while (executor.run_one()) continue;
  EXPECT_LE(queue.size(), 8u);
  const std::uint64_t before = store.requests();
  ASSERT_TRUE(queue.pop(Duration::zero()));
  lister->resume();
  while (executor.run_one()) continue;
  EXPECT_GT(store.requests(), before);
  EXPECT_LE(queue.size(), 8u);
  lister->stop();
  while (executor.run_one()) continue;
  std::optional<ListedPage> last;
  while (auto page = queue.pop(Duration::zero())) last = std::move(page);
  ASSERT_TRUE(last && last->finished);
  EXPECT_EQ(last->finished->error().code(), ErrorCode::canceled);
}

}  // namespace
}  // namespace shoal::index
