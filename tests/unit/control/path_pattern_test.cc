// SPDX-License-Identifier: Apache-2.0
// Goal: paths and patterns name exactly the files a person means, each once, at a small cost.
// Method: a table of patterns and names; a tree in memory that counts how often it is listed.
#include "control/path_pattern.h"

#include <gtest/gtest.h>

#include "control/selection.h"
#include "fake_volume.h"

namespace shoal::control {
namespace {

using Syntax = PathPattern::Syntax;

bool matches(std::string_view pattern, std::string_view name) {
  const auto parsed = PathPattern::parse(pattern, Syntax::pattern);
  EXPECT_TRUE(parsed) << pattern;
  EXPECT_EQ(parsed->components().size(), 1u) << pattern;
  return parsed->components().front().matches(name);
}

TEST(PathPattern, matches_as_a_shell_does) {
  EXPECT_TRUE(matches("*.csv", "a.csv"));
  EXPECT_TRUE(matches("*.csv", ".csv"));
  EXPECT_FALSE(matches("*.csv", "a.csv.gz"));
  EXPECT_TRUE(matches("*", ".hidden"));
  EXPECT_TRUE(matches("2026-0?-*", "2026-01-02.csv"));
  EXPECT_FALSE(matches("2026-0?-*", "2026-012-2"));
  EXPECT_TRUE(matches("[A-C]*", "Beta"));
  EXPECT_FALSE(matches("[!A-C]*", "Beta"));
  EXPECT_FALSE(matches("[^A-C]*", "Beta"));
  EXPECT_TRUE(matches("[]x]y", "]y"));
  EXPECT_TRUE(matches("[a-]", "-"));
  EXPECT_TRUE(matches("a*b*c*d", "a-b--c---d"));
  EXPECT_FALSE(matches("a*b*c*d", "a-b--c---e"));
  EXPECT_TRUE(matches("**.gz", "a.gz"));
}

TEST(PathPattern, question_mark_stands_for_a_character_of_utf8_or_one_odd_byte) {
  EXPECT_TRUE(matches("gr?n", "gr\xc3\xbcn"));
  EXPECT_TRUE(matches("[ä-ü]x", "öx"));
  EXPECT_TRUE(matches("?x", "\xffx"));
  EXPECT_FALSE(matches("?x", "\xc3\xc3x"));
}

TEST(PathPattern, a_backslash_and_the_name_itself_take_the_magic_away) {
  EXPECT_TRUE(matches("a\\*b", "a*b"));
  EXPECT_FALSE(matches("a\\*b", "axb"));
  EXPECT_TRUE(matches("a[1].csv", "a[1].csv"));
  EXPECT_TRUE(matches("a[1].csv", "a1.csv"));
  EXPECT_TRUE(matches("a[b", "a[b"));
  EXPECT_TRUE(matches("a\\[1\\].csv", "a[1].csv"));
  EXPECT_FALSE(matches("a\\[1\\].csv", "a1.csv"));
  EXPECT_TRUE(matches("*\\[1\\]*", "a[1].csv"));
  EXPECT_TRUE(matches("a\\b", "a\\b"));
}

TEST(PathPattern, a_hostile_pattern_takes_no_exponential_time) {
  std::string pattern, name(3000, 'a');
  for (int i = 0; i < 500; ++i) pattern += "*a";
  EXPECT_FALSE(matches(pattern + "b", name));
}

TEST(PathPattern, literal_syntax_has_no_magic) {
  const auto parsed = PathPattern::parse("a*/**/b\\c", Syntax::literal);
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->components().size(), 3u);
  EXPECT_FALSE(parsed->components()[0].matches("ab"));
  EXPECT_TRUE(parsed->components()[0].matches("a*"));
  EXPECT_FALSE(parsed->components()[1].matches("x"));
}

TEST(PathPattern, refuses_what_names_no_file_and_says_why) {
  for (const std::string& text : {std::string("../x"), std::string("a/../../x"),
                                  std::string("a\0b", 3), std::string(5000, 'a')}) {
    const auto parsed = PathPattern::parse(text, Syntax::pattern);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code(), ErrorCode::bad_input);
    EXPECT_LT(parsed.error().message().size(), 300u);
    EXPECT_FALSE(parsed.error().remedy().empty());
  }
}

class Selection : public testing::Test {
 protected:
  Selection() { add_tree(volume_); }
  // What the patterns name, in order, with a '-' for each that names nothing.
  std::string selected(const std::vector<std::string>& texts, Syntax syntax = Syntax::pattern) {
    std::vector<PathPattern> patterns;
    for (const std::string& text : texts) patterns.push_back(*PathPattern::parse(text, syntax));
    std::string names;
    const auto matched =
        select_files(volume_, patterns, [&](std::string_view path, const DirectoryEntry&) {
          names += std::string(path) + " ";
          return true;
        });
    EXPECT_TRUE(matched);
    for (const bool one : *matched) names += one ? "" : "-";
    return names;
  }
  FakeVolume volume_;
};

TEST_F(Selection, a_directory_means_everything_below_and_nothing_means_everything) {
  EXPECT_EQ(selected({"AAPL"}), "AAPL/2026-01-02.csv AAPL/2026-01-05.csv AAPL/notes.txt ");
  EXPECT_EQ(selected({"MSFT/deep/"}), "MSFT/deep/er/x.csv ");
  EXPECT_EQ(selected({""}), selected({"**"}));
  EXPECT_EQ(selected({"/"}), selected({"*"}));
  EXPECT_EQ(selected({"./top"}), "top ");
}

TEST_F(Selection, patterns_reach_across_directories) {
  EXPECT_EQ(selected({"*/2026-01-02.csv"}), "AAPL/2026-01-02.csv MSFT/2026-01-02.csv ");
  EXPECT_EQ(selected({"**/x.csv"}), "MSFT/deep/er/x.csv ");
  EXPECT_EQ(selected({"**/*.csv"}),
            "AAPL/2026-01-02.csv AAPL/2026-01-05.csv MSFT/2026-01-02.csv MSFT/2026-01-05.csv "
            "MSFT/deep/er/x.csv a[1].csv ");
  EXPECT_EQ(selected({"**/deep/**/x.csv"}), "MSFT/deep/er/x.csv ");
  EXPECT_EQ(selected({"logs/**"}), "logs/.hidden logs/day=1/part-0 ");
  EXPECT_EQ(selected({"a[1].csv"}), "a[1].csv ");
}

TEST_F(Selection, each_file_comes_once_in_walk_order_however_often_it_is_named) {
  EXPECT_EQ(selected({"top", "AAPL/notes.txt", "AAPL", "A*", "**/notes.txt", "AAPL/notes.txt"}),
            "AAPL/2026-01-02.csv AAPL/2026-01-05.csv AAPL/notes.txt top ");
}

TEST_F(Selection, what_names_nothing_is_told) {
  EXPECT_EQ(selected({"nope", "top", "AAPL/*.gz", "top/below", "AAPL/nope/**"}), "top ----");
}

TEST_F(Selection, a_name_is_looked_up_and_a_prefix_narrows_the_search) {
  volume_.lists = 0;
  selected({"MSFT/deep/er/x.csv", "AAPL/notes.txt"});
  EXPECT_EQ(volume_.lists, 0u);
  selected({"MSFT/*.csv"});
  EXPECT_EQ(volume_.lists, 1u) << "only MSFT itself: nothing below it can match";
}

TEST_F(Selection, stops_when_told) {
  const std::vector<PathPattern> patterns{*PathPattern::parse("", Syntax::pattern)};
  int visits = 0;
  const auto matched =
      select_files(volume_, patterns, [&](std::string_view, const auto&) { return ++visits < 3; });
  ASSERT_TRUE(matched);
  EXPECT_EQ(visits, 3);
}

}  // namespace
}  // namespace shoal::control
