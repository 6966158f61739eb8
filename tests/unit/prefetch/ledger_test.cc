// SPDX-License-Identifier: Apache-2.0
// Goal: every proposed byte belongs to one policy, and is told once. Method: an array of bytes as
// the oracle, seeds.
#include "prefetch/ledger.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace shoal::prefetch {
namespace {

TEST(Ledger, agrees_with_an_array_of_bytes) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    constexpr std::uint64_t kBytes = 300;
    std::array<int, kBytes> owners{};  // 0: nobody
    Ledger ledger;
    for (int step = 0; step < 400; ++step) {
      const std::uint64_t begin = rng.below(kBytes - 1);
      const Range range{DataAddress{begin},
                        1 + rng.below(std::min<std::uint64_t>(kBytes - begin, 60))};
      if (rng.below(2) == 0) {
        const auto owner = static_cast<Ledger::Owner>(1 + rng.below(4));
        std::uint64_t added = 0;
        for (std::uint64_t at = range.begin.value; at < range.end(); ++at)
          if (owners[at] == 0) {
            owners[at] = static_cast<int>(owner);
            ++added;
          }
        ASSERT_EQ(ledger.add(range, owner), added);
      } else {
        std::array<int, kBytes> told{};
        ledger.settle(range, [&](Ledger::Owner owner, const Range& part) {
          for (std::uint64_t at = part.begin.value; at < part.end(); ++at)
            told[at] = static_cast<int>(owner);
        });
        for (std::uint64_t at = 0; at < kBytes; ++at) {
          const bool inside = at >= range.begin.value && at < range.end();
          ASSERT_EQ(told[at], inside ? owners[at] : 0) << "seed " << seed;
          if (inside) owners[at] = 0;
        }
      }
    }
  }
}

TEST(Ledger, bytes_used_after_they_were_read_still_have_an_owner) {
  Ledger ledger;
  ledger.add({DataAddress{0}, 100}, 3);
  ledger.on_read({DataAddress{20}, 30});
  std::uint64_t told = 0;
  const auto visit = [&told](Ledger::Owner owner, const Range& part) {
    EXPECT_EQ(owner, 3u);
    told += part.length;
  };
  ledger.settle({DataAddress{20}, 30}, visit);
  EXPECT_EQ(told, 30u);
  ledger.settle({DataAddress{20}, 30}, visit);
  EXPECT_EQ(told, 30u) << "told once";
  ledger.settle({DataAddress{0}, 100}, visit);
  EXPECT_EQ(told, 100u);
}

TEST(Ledger, forgets_the_oldest_and_those_of_a_policy_that_is_gone) {
  Ledger ledger;
  for (std::uint64_t i = 0; i < 3 * Ledger::kEntriesMax; ++i)
    ledger.add({DataAddress{i * 10}, 5}, static_cast<Ledger::Owner>(i % 2));
  EXPECT_EQ(ledger.entries(), Ledger::kEntriesMax);
  std::uint64_t told = 0;
  const auto visit = [&told](Ledger::Owner, const Range& part) { told += part.length; };
  ledger.settle({DataAddress{0}, 10}, visit);
  EXPECT_EQ(told, 0u);
  ledger.settle({DataAddress{(3 * Ledger::kEntriesMax - 1) * 10}, 10}, visit);
  EXPECT_EQ(told, 5u);
  ledger.remove(0);
  EXPECT_LE(ledger.entries(), Ledger::kEntriesMax / 2);
}

}  // namespace
}  // namespace shoal::prefetch
