// SPDX-License-Identifier: Apache-2.0
// Goal: every key has a file name, ordinary keys their own, and no key leads out of its bucket.
// Method: names there and back, over chosen and over random components.
#include "devbucket/object_names.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rng.h"

namespace shoal::devbucket {
namespace {

// The component a (possibly nested) disk name stands for.
std::string read_back(std::string name) {
  std::string component;
  for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/')) {
    const std::string first = name.substr(0, slash);
    const DiskName piece = read_disk_name(first);
    EXPECT_EQ(piece.meaning, DiskName::Meaning::piece);
    component += piece.component;
    name.erase(0, slash + 1);
  }
  return component + std::string(read_disk_name(name).component);
}

void expect_usable(const std::string& name) {
  std::size_t begin = 0;
  while (begin <= name.size()) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string part = name.substr(begin, end - begin);
    EXPECT_FALSE(part.empty() || part == "." || part == ".." || part.size() > 255) << part;
    begin = end + 1;
  }
}

TEST(DiskName, ordinary_components_keep_their_names) {
  for (const char* name : {"a", "2024-01-01.csv", "...", ".hidden", "a b+%\"", "\xe4\xbd\xa0"}) {
    EXPECT_EQ(disk_name(name, NameKind::file), name);
    EXPECT_EQ(disk_name(name, NameKind::directory), name);
  }
}

TEST(DiskName, names_a_file_system_cannot_hold_are_escaped) {
  EXPECT_EQ(disk_name("", NameKind::file), ".shoal~f");
  EXPECT_EQ(disk_name("..", NameKind::directory), ".shoal~d..");
  EXPECT_EQ(disk_name("a", NameKind::file, Beside::directory), ".shoal~fa");
  EXPECT_EQ(disk_name(".shoal~state", NameKind::directory), ".shoal~d.shoal~state");
}

TEST(DiskName, random_components_come_back_and_differ_by_kind) {
  Rng rng(7);
  for (int round = 0; round < 3000; ++round) {
    const char* starts[] = {"", ".", "..", ".shoal~", ".shoal~f", ".shoal~p", "x"};
    std::string component = starts[rng.below(7)];
    const std::size_t length = rng.below(4) == 0 ? rng.below(900) : 236 + rng.below(24);
    while (component.size() < length) component += "ab.~%"[rng.below(5)];
    if (rng.below(3) == 0) component = starts[rng.below(7)];
    for (const NameKind kind : {NameKind::file, NameKind::directory}) {
      const std::string name = disk_name(component, kind);
      expect_usable(name);
      EXPECT_EQ(read_back(name), component);
    }
    const std::string aside = disk_name(component, NameKind::file, Beside::directory);
    expect_usable(aside);
    EXPECT_EQ(read_back(aside), component);
    EXPECT_NE(aside, disk_name(component, NameKind::directory));
  }
}

TEST(SplitKey, directories_are_escaped_one_by_one) {
  EXPECT_EQ(split_key("a/b/c").directory, "a/b");
  EXPECT_EQ(split_key("a/b/c").name, "c");
  EXPECT_EQ(split_key("plain").directory, "");
  EXPECT_EQ(split_key("/../x//").directory, ".shoal~d/.shoal~d../x/.shoal~d");
  EXPECT_EQ(split_key("/../x//").name, "");
}

TEST(BucketNames, the_stats_path_and_hidden_directories_are_no_buckets) {
  EXPECT_FALSE(is_served_bucket_name("-"));
  EXPECT_FALSE(is_served_bucket_name(".."));
  EXPECT_FALSE(is_served_bucket_name(".git"));
  EXPECT_TRUE(is_served_bucket_name("My_Data"));
  EXPECT_FALSE(is_new_bucket_name("My_Data"));
  EXPECT_TRUE(is_new_bucket_name("my-data.2024"));
  EXPECT_FALSE(is_storable_key(std::string("a\0b", 3)));
  EXPECT_FALSE(is_storable_key(""));
}

}  // namespace
}  // namespace shoal::devbucket
