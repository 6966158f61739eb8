// SPDX-License-Identifier: Apache-2.0
// Goal: the last pattern that matches decides, by name or by path, as --include and --exclude say.
// Method: tables of patterns and paths.
#include "upload/name_filter.h"

#include <gtest/gtest.h>

namespace shoal::upload {
namespace {

using Effect = NameFilter::Effect;
using Rules = std::vector<std::pair<Effect, std::string>>;

bool includes(const Rules& rules, const std::string& path) {
  NameFilter filter;
  for (const auto& [effect, pattern] : rules) {
    const auto added = filter.add(effect, pattern);
    EXPECT_TRUE(added) << pattern;
  }
  return filter.includes(path);
}
bool excludes(const std::string& pattern, const std::string& path) {
  return !includes({{Effect::exclude, pattern}}, path);
}

TEST(NameFilter, without_patterns_everything_is_meant) {
  EXPECT_TRUE(NameFilter{}.includes("a/b"));
}

TEST(NameFilter, the_last_match_decides) {
  const Rules csv{{Effect::exclude, "*"}, {Effect::include, "*.csv"}};
  EXPECT_TRUE(includes(csv, "a.csv"));
  EXPECT_TRUE(includes(csv, "d/e/a.csv"));
  EXPECT_FALSE(includes(csv, "d/a.txt"));
  const Rules reversed{{Effect::include, "*.csv"}, {Effect::exclude, "*"}};
  EXPECT_FALSE(includes(reversed, "a.csv"));
}

TEST(NameFilter, without_a_slash_the_name_counts_with_one_the_path) {
  EXPECT_TRUE(excludes("*.tmp", "a/b/c.tmp"));
  EXPECT_FALSE(excludes("a", "a/b")) << "a directory is named with a slash";
  EXPECT_TRUE(excludes("a/*.tmp", "a/c.tmp"));
  EXPECT_FALSE(excludes("a/*.tmp", "a/b/c.tmp"));
  EXPECT_FALSE(excludes("a/*.tmp", "x/a/c.tmp"));
  EXPECT_TRUE(excludes("/c.tmp", "c.tmp"));
  EXPECT_FALSE(excludes("/c.tmp", "a/c.tmp"));
}

TEST(NameFilter, two_stars_are_any_number_of_directories) {
  EXPECT_TRUE(excludes("a/**/*.tmp", "a/c.tmp"));
  EXPECT_TRUE(excludes("a/**/*.tmp", "a/b/b/c.tmp"));
  EXPECT_TRUE(excludes("**", "a/b"));
  EXPECT_TRUE(excludes("**/b/**", "x/b/c/d"));
  EXPECT_FALSE(excludes("**/b/*", "x/b/c/d"));
}

TEST(NameFilter, a_slash_at_the_end_means_everything_below) {
  EXPECT_TRUE(excludes("logs/", "logs/a/b"));
  EXPECT_TRUE(excludes("logs/", "x/logs/a"));
  EXPECT_FALSE(excludes("/logs/", "x/logs/a"));
  EXPECT_TRUE(excludes("/logs/", "logs/a"));
  EXPECT_FALSE(excludes("logs/", "logs.txt"));
}

TEST(NameFilter, many_stars_end_soon) {
  std::string pattern = "a";
  std::string path = "a";
  for (int i = 0; i < 200; ++i) pattern += "/**/a*a*a*a*b", path += "/aaaaaaaaaaaa";
  EXPECT_FALSE(excludes(pattern, path));
}

TEST(NameFilter, names_are_bytes) {
  EXPECT_TRUE(excludes("*\xff*", "a\xff\nb"));
  EXPECT_TRUE(excludes("\\*", "*"));
  EXPECT_FALSE(excludes("\\*", "a"));
}

TEST(NameFilter, what_names_nothing_is_refused) {
  NameFilter filter;
  for (const char* pattern : {"", "/", "../x", "a/./b", "//"}) {
    const auto added = filter.add(Effect::exclude, pattern);
    ASSERT_FALSE(added) << pattern;
    EXPECT_EQ(added.error().code(), ErrorCode::bad_input);
  }
}

}  // namespace
}  // namespace shoal::upload
