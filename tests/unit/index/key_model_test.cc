// SPDX-License-Identifier: Apache-2.0
// Goal: a cut always lies strictly between its ends, is valid UTF-8, and halves what real names
// hold. Method: names of usual shapes, then random bytes.
#include "index/key_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "base/rng.h"

namespace shoal::index {
namespace {

std::string numbered(const char* pattern, unsigned number) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, number);
  return text;
}

TEST(KeyModel, a_counter_is_cut_near_its_middle) {
  KeyModel model("p/");
  for (unsigned i = 0; i < 1000000; i += 997) model.learn(numbered("p/f%07u", i));
  const auto cut = model.middle("p/f0000000", "p/f0999999");
  ASSERT_TRUE(cut);
  EXPECT_GT(*cut, "p/f04");
  EXPECT_LT(*cut, "p/f06");
}

TEST(KeyModel, a_digit_seen_alone_is_tried_one_up) {
  KeyModel model("p/");
  for (unsigned i = 0; i < 1000; i += 7) model.learn(numbered("p/f%07u", i));
  const auto first = model.middle("p/f0000999", "");
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->starts_with("p/f1")) << *first;
  const auto second = model.middle("p/f0000999", *first);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->starts_with("p/f01")) << *second;
}

TEST(KeyModel, distances_add_up_and_grow_with_the_number_of_keys) {
  KeyModel model("");
  for (unsigned i = 0; i < 10000; i += 13) model.learn(numbered("k%04u.csv", i));
  const KeyModel::Frame frame{"", ""};
  const double all = model.distance(frame, "k0000.csv", "k9999.csv");
  const double half = model.distance(frame, "k0000.csv", "k5000.csv");
  EXPECT_NEAR(half / all, 0.5, 0.01);
  EXPECT_DOUBLE_EQ(all, half + model.distance(frame, "k5000.csv", "k9999.csv"));
  EXPECT_EQ(model.distance(frame, "k5000.csv", "k4000.csv"), 0);
}

TEST(KeyModel, directories_are_cut_in_the_middle_of_the_known_ones) {
  KeyModel model("p/");
  model.learn_directories({"p/a/", "p/b/", "p/c/", "p/d/", "p/e/"}, /*all=*/true);
  EXPECT_EQ(model.directories_between("p/a/", "p/e/"), 3u);
  EXPECT_EQ(model.middle("p/a/", "p/e/"), "p/c/");
  EXPECT_EQ(model.middle("p/a/x", "p/c/"), "p/b/");
  model.learn_directories({"p/a/", "p/b/", "p/c/"}, /*all=*/false);
  EXPECT_EQ(model.middle("p/a/x", ""), "p/c/") << "what lies behind is the largest unknown";
}

TEST(KeyModel, characters_are_never_cut_in_two) {
  KeyModel model("");
  for (const char* key : {"数据/一", "数据/十", "数据/龙", "é/1", "🐟"}) model.learn(key);
  const auto cut = model.middle("数据/一", "数据/龙");
  ASSERT_TRUE(cut);
  EXPECT_GT(*cut, "数据/一");
  EXPECT_LT(*cut, "数据/龙");
  KeyModel decoder("");
  decoder.learn(*cut);
  // Only valid UTF-8 is learned.
  EXPECT_TRUE(decoder.distance({"", ""}, "", *cut) > 0);
}

TEST(KeyModel, whatever_was_learned_a_cut_lies_strictly_inside) {
  Rng rng(11);
  int cuts = 0;
  for (int round = 0; round < 300; ++round) {
    KeyModel model("p/");
    std::vector<std::string> keys;
    const std::string letters = round % 3 == 0   ? "01"
                                : round % 3 == 1 ? "abc/-_09Z"
                                                 : "\x01~\xc3\xa9 \x7f/";
    for (int i = 0; i < 30; ++i) {
      std::string key = "p/";
      for (std::uint64_t length = rng.below(12); length > 0; --length)
        key += letters[rng.below(letters.size())];
      keys.push_back(key);
      if (rng.below(2) == 0) model.learn(key);
    }
    std::sort(keys.begin(), keys.end());
    for (std::size_t i = 0; i + 1 < keys.size(); ++i) {
      const std::string through = i % 5 == 0 ? "" : keys[i + 1];
      if (!through.empty() && keys[i] >= through) continue;
      if (const auto cut = model.middle(keys[i], through)) {
        ++cuts;
        EXPECT_GT(*cut, keys[i]);
        if (!through.empty()) {
          EXPECT_LT(*cut, through);
        }
      }
      const double distance = model.distance({"", ""}, keys[i], through);
      EXPECT_GE(distance, 0);
      EXPECT_LE(distance, 1);
    }
  }
  EXPECT_GT(cuts, 1000);
}

}  // namespace
}  // namespace shoal::index
