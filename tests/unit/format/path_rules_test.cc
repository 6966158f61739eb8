// SPDX-License-Identifier: Apache-2.0
// Goal: every key that cannot be a file name is recognised, with the reason a user will read.
// Method: a table of keys.
#include "format/path_rules.h"

#include <gtest/gtest.h>

#include <string>

namespace shoal::format {
namespace {

using enum SpecialReason;

TEST(PathProblem, finds_what_no_file_system_can_show) {
  const std::string long_name(255, 'x');
  struct Case {
    std::string path;
    std::optional<SpecialReason> problem;
  };
  const Case cases[] = {
      {"a", {}},
      {"a/b/c.csv", {}},
      {"a/b/", {}},
      {"...", {}},
      {".a/..b", {}},
      {long_name, {}},
      {"d/" + long_name + "/", {}},
      {"\xff\xfe", {}},
      {"a\nb", {}},
      {"", empty_component},
      {"/", empty_component},
      {"/a", empty_component},
      {"a//b", empty_component},
      {"a//", empty_component},
      {".", dot_component},
      {"..", dot_component},
      {"a/./b", dot_component},
      {"a/..", dot_component},
      {"a/../", dot_component},
      {long_name + "x", name_too_long},
      {"d/" + long_name + "x/f", name_too_long},
      {std::string("a\0b", 3), nul_byte},
      {std::string("a//\0", 4), nul_byte},
  };
  for (const Case& c : cases) EXPECT_EQ(path_problem(c.path), c.problem) << c.path;
}

TEST(StorageClass, offline_ones_are_archived_and_instant_ones_are_not) {
  for (const char* name : {"GLACIER", "DEEP_ARCHIVE", "Archive", "ColdArchive", "DeepColdArchive"})
    EXPECT_TRUE(is_archived(name)) << name;
  for (const char* name : {"", "STANDARD", "GLACIER_IR", "INTELLIGENT_TIERING", "IA", "Standard"})
    EXPECT_FALSE(is_archived(name)) << name;
}

TEST(SpecialReason, each_has_a_name_and_a_sentence_and_says_whether_it_is_shown) {
  for (const auto reason : {empty_component, dot_component, nul_byte, name_too_long,
                            shadowed_by_directory, directory_with_bytes, archived}) {
    EXPECT_NE(name_of(reason), "unknown");
    EXPECT_TRUE(explain(reason).ends_with('.'));
    EXPECT_EQ(is_shown(reason), explain(reason).starts_with("Shown"));
  }
}

}  // namespace
}  // namespace shoal::format
