// SPDX-License-Identifier: Apache-2.0
// Goal: pages of a directory tree are those of the sorted set of its keys, whatever the parameters.
// Method: random keys stored in a real directory, every page compared with a brute-force listing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/rng.h"
#include "devbucket/buckets.h"
#include "devbucket/list_page.h"

namespace shoal::devbucket {
namespace {

struct Item {
  std::string name;
  bool is_prefix = false;
  bool operator==(const Item&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Item& item) {
  return out << item.name << (item.is_prefix ? " (prefix)" : "");
}

class Collector final : public PageSink {
 public:
  void on_object(const ListedObject& object) override {
    items.push_back({std::string(object.key), false});
  }
  void on_common_prefix(std::string_view prefix) override {
    items.push_back({std::string(prefix), true});
  }
  std::vector<Item> items;
};

std::vector<Item> brute_force(const std::set<std::string>& keys, const ListQuery& query) {
  std::vector<Item> items;
  for (const std::string& key : keys) {
    if (!key.starts_with(query.prefix) || (!query.after.empty() && key <= query.after)) continue;
    const auto at = query.delimiter.empty() ? std::string::npos
                                            : key.find(query.delimiter, query.prefix.size());
    if (at == std::string::npos) {
      items.push_back({key, false});
      continue;
    }
    const std::string common = key.substr(0, at + query.delimiter.size());
    if (common == query.after) continue;
    if (items.empty() || items.back() != Item{common, true}) items.push_back({common, true});
  }
  return items;
}

class ListingTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "shoal-listing-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    std::filesystem::create_directory(directory_ + "/b");
    auto opened = Buckets::open(directory_, {});
    ASSERT_TRUE(opened);
    buckets_ = std::move(*opened);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  DiskBucket& bucket() { return *buckets_->find("b").disk; }

  void put(const std::string& key) {
    auto staged = bucket().stage();
    ASSERT_TRUE(staged);
    ASSERT_TRUE(
        bucket().commit(key, std::move(*staged), {"etag", ObjectType::normal, {}, {}}, nullptr))
        << key;
    keys_.insert(key);
  }
  void remove(const std::string& key) {
    ASSERT_TRUE(bucket().remove(key));
    keys_.erase(key);
  }
  // All pages, as a client follows them.
  std::vector<Item> list_all(ListQuery query) {
    std::vector<Item> items;
    for (int page = 0; page < 10'000; ++page) {
      Collector sink;
      const auto cursor = bucket().cursor();
      const PageEnd end = list_page(*cursor, query, sink);
      EXPECT_LE(sink.items.size(), query.keys_max);
      items.insert(items.end(), sink.items.begin(), sink.items.end());
      if (!end.is_truncated) return items;
      EXPECT_EQ(sink.items.size(), query.keys_max);
      query.after = end.last;
      query.after_is_prefix = end.last_is_prefix;
    }
    ADD_FAILURE() << "the listing has no end";
    return items;
  }
  void expect_same(const ListQuery& query) {
    std::vector<Item> expected = brute_force(keys_, query);
    ASSERT_EQ(list_all(query), expected)
        << "prefix=" << query.prefix << " delimiter=" << query.delimiter << " after=" << query.after
        << " max=" << query.keys_max;
  }

  std::string directory_;
  std::unique_ptr<Buckets> buckets_;
  std::set<std::string> keys_;
};

std::string random_key(Rng& rng) {
  const char* parts[] = {"a", "b", "a.x", "a-", "", "..", ".", ".shoal~f", "ab", "z\xc3\xa9"};
  std::string key = parts[rng.below(10)];
  while (rng.below(3) != 0) key += std::string("/") + parts[rng.below(10)];
  if (rng.below(12) == 0) key += std::string(230 + rng.below(60), 'L');
  return key;
}

TEST_F(ListingTest, every_query_over_a_random_tree_matches_brute_force) {
  Rng rng(11);
  for (int i = 0; i < 400; ++i)
    if (const std::string key = random_key(rng); !key.empty()) put(key);
  for (int i = 0; i < 600; ++i) {
    ListQuery query;
    if (rng.below(2) == 0) query.prefix = random_key(rng).substr(0, rng.below(5));
    const char* delimiters[] = {"", "/", "/", "a", "//"};
    query.delimiter = delimiters[rng.below(5)];
    if (rng.below(2) == 0) query.after = random_key(rng);
    query.keys_max = static_cast<std::uint32_t>(1 + rng.below(rng.below(2) == 0 ? 5 : 500));
    expect_same(query);
    if (HasFatalFailure()) return;
  }
}

TEST_F(ListingTest, listings_follow_every_change_of_the_tree) {
  Rng rng(13);
  for (int i = 0; i < 300; ++i) {
    const std::string key = random_key(rng);
    if (key.empty()) continue;
    if (rng.below(3) == 0 && !keys_.empty())
      remove(*std::next(keys_.begin(), static_cast<long>(rng.below(keys_.size()))));
    else
      put(key);
    expect_same({});
    if (HasFatalFailure()) return;
  }
  while (!keys_.empty()) remove(std::string(*keys_.begin()));
  EXPECT_FALSE(bucket().has_keys());
  EXPECT_TRUE(buckets_->remove("b"));
}

TEST_F(ListingTest, files_a_user_drops_in_are_listed_and_links_are_not) {
  std::filesystem::create_directories(directory_ + "/b/dir/sub");
  std::ofstream(directory_ + "/b/dir/sub/file.csv") << "1,2";
  std::ofstream(directory_ + "/secret") << "not in the bucket";
  std::filesystem::create_symlink(directory_ + "/secret", directory_ + "/b/link");
  std::filesystem::create_directory_symlink(directory_, directory_ + "/b/loop");
  EXPECT_EQ(list_all({}), std::vector<Item>({{"dir/sub/file.csv", false}}));
  EXPECT_FALSE(bucket().open("link"));
  EXPECT_FALSE(bucket().open("loop/secret"));
  EXPECT_FALSE(bucket().open("../secret"));
  auto staged = bucket().stage();
  ASSERT_TRUE(staged);
  EXPECT_FALSE(
      bucket().commit("loop/x", std::move(*staged), {"e", ObjectType::normal, {}, {}}, nullptr));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/x"));
}

TEST_F(ListingTest, an_overwritten_file_loses_the_etag_of_the_put) {
  put("k");
  EXPECT_EQ(bucket().open("k")->meta.etag, "etag");
  std::ofstream(directory_ + "/b/k") << "changed by somebody else";
  const std::string weak = bucket().open("k")->meta.etag;
  EXPECT_NE(weak, "etag");
  EXPECT_EQ(bucket().open("k")->meta.etag, weak);
}

}  // namespace
}  // namespace shoal::devbucket
