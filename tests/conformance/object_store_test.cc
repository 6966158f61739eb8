// SPDX-License-Identifier: Apache-2.0
// Goal: all implementations of the store waist mean the same by its calls.
// Method: one suite over all of them; in what an implementation may differ is said by its Bench.
// Each test works below a prefix of its own, so that a bucket that is not empty does no harm.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "base/crc64.h"
#include "base/rng.h"
#include "object_store_bench.h"
#include "store/encoding.h"

namespace shoal::store {
namespace {

class ObjectStoreConformance : public testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override {
    std::string why;
    bench_ = GetParam().make(why);
    if (!bench_) GTEST_SKIP() << why;
    static int last = 0;
    prefix_ = "conformance-" + std::to_string(::getpid()) + "-" + std::to_string(++last) + "/";
  }
  void TearDown() override {
    if (!bench_) return;
    const auto all = keys_below(prefix_);
    for (const auto& key : all) static_cast<void>(remove_raw(key));
  }

  ObjectStore& store() { return bench_->store(); }
  std::string at(const std::string& key) const { return prefix_ + key; }

  Result<PutResult> put(const std::string& key, const std::string& body,
                        const WriteCondition& condition = {}, const BodyChecks& checks = {}) {
    return await<PutResult>(*bench_, [&](Done<PutResult> done) {
      store().put(
          {.key = at(key), .body = as_bytes(body), .condition = condition, .checks = checks},
          std::move(done));
    });
  }
  Result<UploadId> create_upload(const std::string& key) {
    return await<UploadId>(*bench_, [&](Done<UploadId> done) {
      store().create_upload(at(key), "text/plain", std::move(done));
    });
  }
  Result<UploadedPart> upload_part(const UploadId& upload, std::uint32_t number,
                                   const std::string& body, const BodyChecks& checks) {
    return await<UploadedPart>(*bench_, [&](Done<UploadedPart> done) {
      store().upload_part(upload, number, as_bytes(body), checks, std::move(done));
    });
  }
  Result<void> abort(const UploadId& upload) {
    return await<void>(*bench_,
                       [&](Done<void> done) { store().abort_upload(upload, std::move(done)); });
  }
  Result<AppendResult> append(const std::string& key, std::uint64_t position,
                              const std::string& body, const BodyChecks& checks = {}) {
    return await<AppendResult>(*bench_, [&](Done<AppendResult> done) {
      store().append(at(key), position, as_bytes(body), checks, std::move(done));
    });
  }
  Result<ObjectInfo> head(const std::string& key) {
    return await<ObjectInfo>(
        *bench_, [&](Done<ObjectInfo> done) { store().head(at(key), std::move(done)); });
  }
  Result<std::string> get(GetRequest request) {
    StringSink sink;
    request.key = at(request.key);
    auto result =
        await<void>(*bench_, [&](Done<void> done) { store().get(request, sink, std::move(done)); });
    if (!result) return fail(std::move(result).error());
    return std::move(sink.text);
  }
  Result<void> remove_raw(const std::string& key) {
    return await<void>(*bench_, [&](Done<void> done) { store().remove(key, std::move(done)); });
  }
  Result<ListPage> list(ListRequest request) {
    return await<ListPage>(*bench_,
                           [&](Done<ListPage> done) { store().list(request, std::move(done)); });
  }
  // All pages of a listing.
  ListPage list_all(ListRequest request) {
    ListPage all;
    for (int pages = 0; pages < 10'000; ++pages) {
      auto page = list(request);
      EXPECT_TRUE(page) << page.error().to_string();
      if (!page) return all;
      EXPECT_LE(page->objects.size() + page->common_prefixes.size(), request.keys_max);
      std::ranges::move(page->objects, std::back_inserter(all.objects));
      std::ranges::move(page->common_prefixes, std::back_inserter(all.common_prefixes));
      if (!page->next_token) return all;
      request.token = *page->next_token;
    }
    ADD_FAILURE() << "the listing never ends";
    return all;
  }
  std::vector<std::string> keys_below(const std::string& prefix) {
    std::vector<std::string> keys;
    for (const auto& object : list_all({.prefix = prefix, .start_after = "", .token = ""}).objects)
      keys.push_back(object.key);
    return keys;
  }
  // Puts many small objects, 64 at a time.
  void put_many(const std::vector<std::string>& keys) {
    std::vector<std::string> bodies(keys);
    std::size_t next = 0;
    std::size_t ended = 0;
    std::function<void()> start_one = [&] {
      if (next == keys.size()) return;
      const std::size_t i = next++;
      store().put({.key = at(keys[i]), .body = as_bytes(bodies[i])}, [&](Result<PutResult> result) {
        EXPECT_TRUE(result) << result.error().to_string();
        ++ended;
        start_one();
      });
    };
    for (int i = 0; i < 64; ++i) start_one();
    bench_->run_until([&] { return ended == keys.size(); });
    ASSERT_EQ(ended, keys.size());
  }

  std::unique_ptr<Bench> bench_;
  std::string prefix_;
};

std::string pattern(std::size_t bytes, std::uint64_t seed) {
  std::string text(bytes, '\0');
  Rng rng(seed);
  for (char& c : text) c = static_cast<char>(rng.next());
  return text;
}

BodyChecks checks_of(std::string_view body) {
  BodyChecks checks{.md5 = shoal::Md5{}, .crc64 = crc64_xz(as_bytes(body))};
  std::ranges::copy(as_bytes(md5(body)), checks.md5->begin());
  return checks;
}

const std::vector<std::string>& odd_keys() {
  static const std::vector<std::string> keys = {"plain",
                                                "with space",
                                                " leading and trailing ",
                                                "a+b",
                                                "100%",
                                                "%41",
                                                "%2F",
                                                "quote\"and'single",
                                                "\u00fcn\u00efcode/\u03b1+\u03b2",
                                                "\U0001F600",
                                                "semi;colon,comma",
                                                "question?mark=1&b=2",
                                                "hash#tag",
                                                "less<greater>&amp;",
                                                "star*(x)!~$@:[]{}|^`",
                                                "back\\slash",
                                                "tab\there",
                                                "new\nline",
                                                "\x01\x1f",
                                                ".hidden",
                                                "..twodots",
                                                "dots...",
                                                "a.b/c.d",
                                                "a-b/c",
                                                "a/b"};
  return keys;
}
const std::vector<std::string>& keys_that_are_no_paths() {
  static const std::vector<std::string> keys = {"empty//component", "directory/", "./dot",
                                                "up/../down"};
  return keys;
}

TEST_P(ObjectStoreConformance, puts_gets_and_heads_any_key) {
  auto keys = odd_keys();
  if (bench_->can_hold_any_key)
    std::ranges::copy(keys_that_are_no_paths(), std::back_inserter(keys));
  for (const auto& key : keys) {
    const std::string body = "content of " + key;
    const auto stored = put(key, body);
    ASSERT_TRUE(stored) << key << ": " << stored.error().to_string();
    const auto info = head(key);
    ASSERT_TRUE(info) << key << ": " << info.error().to_string();
    EXPECT_EQ(info->key, at(key));
    EXPECT_EQ(info->size, body.size());
    EXPECT_GT(info->mtime, 1'500'000'000);
    EXPECT_EQ(info->etag, stored->etag) << key;
    const auto got = get({.key = key, .length = body.size(), .if_match = info->etag});
    ASSERT_TRUE(got) << key << ": " << got.error().to_string();
    EXPECT_EQ(*got, body) << key;
  }
  auto expected = keys;
  for (auto& key : expected) key = at(key);
  std::ranges::sort(expected);
  EXPECT_EQ(keys_below(prefix_), expected);
}

TEST_P(ObjectStoreConformance, holds_an_empty_object) {
  ASSERT_TRUE(put("empty", ""));
  const auto info = head("empty");
  ASSERT_TRUE(info) << info.error().to_string();
  EXPECT_EQ(info->size, 0u);
  EXPECT_FALSE(info->etag.empty());
  const auto got = get({.key = "empty", .length = 0});
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, "");
}

TEST_P(ObjectStoreConformance, gets_exactly_the_range_asked_for) {
  const std::string body = pattern(300'000, 1);
  const auto stored = put("object", body);
  ASSERT_TRUE(stored);
  struct Range {
    std::uint64_t offset, length;
  };
  for (const auto& [offset, length] : {Range{0, 1}, Range{0, 300'000}, Range{299'999, 1},
                                       Range{1000, 4096}, Range{100'000, 200'000}})
    for (const std::uint64_t known_size : {std::uint64_t{0}, std::uint64_t{300'000}}) {
      const auto got = get({.key = "object",
                            .offset = offset,
                            .length = length,
                            .if_match = stored->etag,
                            .object_size = known_size});
      ASSERT_TRUE(got) << got.error().to_string();
      EXPECT_EQ(*got, body.substr(offset, length)) << offset << "+" << length;
    }
}

TEST_P(ObjectStoreConformance, a_range_outside_the_object_is_refused) {
  ASSERT_TRUE(put("object", "0123456789"));
  struct Range {
    std::uint64_t offset, length, known_size;
  };
  for (const auto& [offset, length, known_size] :
       {Range{10, 1, 0}, Range{5, 6, 0}, Range{100, 10, 0}, Range{0, 11, 0}, Range{0, 11, 11},
        Range{0, 9, 9}, Range{2, 3, 11}}) {
    const auto got =
        get({.key = "object", .offset = offset, .length = length, .object_size = known_size});
    ASSERT_FALSE(got) << offset << "+" << length;
    EXPECT_EQ(got.error().code(), ErrorCode::precondition) << got.error().to_string();
  }
}

TEST_P(ObjectStoreConformance, a_replaced_object_is_a_failed_precondition) {
  const auto first = put("object", "first content");
  ASSERT_TRUE(first);
  const auto second = put("object", "second, longer content");
  ASSERT_TRUE(second);
  EXPECT_NE(first->etag, second->etag);
  const auto old = get({.key = "object", .length = 5, .if_match = first->etag});
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code(), ErrorCode::precondition) << old.error().to_string();
  EXPECT_EQ(old.error().retry(), Retry::no);
  EXPECT_EQ(get({.key = "object", .length = 6, .if_match = second->etag}).value_or("?"), "second");
}

TEST_P(ObjectStoreConformance, a_missing_key_is_not_found) {
  const auto info = head("nothing");
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code(), ErrorCode::not_found) << info.error().to_string();
  EXPECT_NE(info.error().message().find("nothing"), std::string::npos);
  const auto got = get({.key = "nothing", .length = 1});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), ErrorCode::not_found) << got.error().to_string();
  EXPECT_TRUE(remove_raw(at("nothing")));
}

TEST_P(ObjectStoreConformance, a_missing_bucket_is_not_found_and_named) {
  const auto missing = bench_->missing_bucket();
  const auto page = await<ListPage>(*bench_, [&](Done<ListPage> done) {
    missing->list({.prefix = "", .start_after = "", .token = ""}, std::move(done));
  });
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code(), ErrorCode::not_found) << page.error().to_string();
  EXPECT_NE(page.error().message().find("does not exist"), std::string::npos)
      << page.error().to_string();
}

TEST_P(ObjectStoreConformance, refuses_keys_no_bucket_takes) {
  for (const auto& key : {std::string(), std::string(1025, 'k')}) {
    const auto info = await<ObjectInfo>(
        *bench_, [&](Done<ObjectInfo> done) { store().head(key, std::move(done)); });
    ASSERT_FALSE(info);
    EXPECT_EQ(info.error().code(), ErrorCode::bad_input) << info.error().to_string();
  }
}

TEST_P(ObjectStoreConformance, if_absent_keeps_the_first_object) {
  ASSERT_TRUE(put("object", "first", {.if_absent = true}));
  const auto second = put("object", "second", {.if_absent = true});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::precondition) << second.error().to_string();
  EXPECT_EQ(get({.key = "object", .length = 5}).value_or("?"), "first");
}

TEST_P(ObjectStoreConformance, if_match_replaces_just_that_version) {
  const auto first = put("object", "first");
  ASSERT_TRUE(first);
  if (!bench_->can_write_if_match) {
    // OSS has no such condition; Ceph 16 refuses also the version that is there. Never is it
    // ignored.
    const auto refused = put("object", "second", {.if_match = first->etag});
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().code() == ErrorCode::unsupported ||
                refused.error().code() == ErrorCode::precondition)
        << refused.error().to_string();
    EXPECT_EQ(get({.key = "object", .length = 5}).value_or("?"), "first");
    return;
  }
  ASSERT_TRUE(put("object", "second", {.if_match = first->etag}));
  for (const auto& [key, version] : {std::pair("object", first->etag), {"none", first->etag}}) {
    const auto refused = put(key, "third", {.if_match = version});
    ASSERT_FALSE(refused) << key;
    EXPECT_EQ(refused.error().code(), ErrorCode::precondition) << refused.error().to_string();
    EXPECT_NE(refused.error().remedy().find("shoal stat"), std::string::npos)
        << refused.error().to_string();
  }
  EXPECT_EQ(get({.key = "object", .length = 6}).value_or("?"), "second");
  EXPECT_EQ(head("none").error().code(), ErrorCode::not_found);
}

TEST_P(ObjectStoreConformance, a_body_that_is_not_what_was_said_is_refused) {
  const std::string body = pattern(20'000, 6);
  EXPECT_TRUE(put("right", body, {}, checks_of(body)));
  EXPECT_TRUE(put("empty", "", {}, checks_of("")));
  const auto wrong = put("wrong", body, {}, {.md5 = checks_of("another").md5});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), ErrorCode::corrupt) << wrong.error().to_string();
  EXPECT_EQ(head("wrong").error().code(), ErrorCode::not_found);
  const auto upload = create_upload("parts");
  ASSERT_TRUE(upload);
  EXPECT_TRUE(upload_part(*upload, 1, body, checks_of(body)));
  const auto part = upload_part(*upload, 2, body, {.md5 = checks_of("another").md5});
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().code(), ErrorCode::corrupt) << part.error().to_string();
  EXPECT_TRUE(abort(*upload));
  if (!bench_->can_append) return;
  EXPECT_TRUE(append("log", 0, body, checks_of(body)));
  EXPECT_TRUE(append("log", body.size(), body, checks_of(body)));
  const auto tail = append("log", 2 * body.size(), body, {.md5 = checks_of("another").md5});
  ASSERT_FALSE(tail);
  EXPECT_EQ(tail.error().code(), ErrorCode::corrupt) << tail.error().to_string();
}

TEST_P(ObjectStoreConformance, a_crc64_that_differs_is_noticed_where_there_is_one) {
  const std::string body = pattern(2000, 7);
  const auto wrong = put("wrong", body, {}, {.crc64 = 17});
  if (!bench_->has_crc64) {
    EXPECT_TRUE(wrong) << "nothing to compare it with, nothing to refuse";
    return;
  }
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), ErrorCode::corrupt) << wrong.error().to_string();
}

TEST_P(ObjectStoreConformance, completes_an_upload_on_a_condition_and_with_the_sum_of_the_whole) {
  const std::string first = pattern(std::max<std::size_t>(bench_->part_bytes_min, 1000), 1);
  const std::string second = pattern(99, 2);
  const auto run = [&](const WriteCondition& condition) -> Result<PutResult> {
    SHOAL_TRY(const auto upload, create_upload("object"));
    SHOAL_TRY(const auto one, upload_part(upload, 1, first, checks_of(first)));
    SHOAL_TRY(const auto two, upload_part(upload, 2, second, checks_of(second)));
    auto made = await<PutResult>(*bench_, [&](Done<PutResult> done) {
      store().complete_upload({.upload = upload,
                               .parts = {one, two},
                               .condition = condition,
                               .crc64 = crc64_combine(*checks_of(first).crc64,
                                                      *checks_of(second).crc64, second.size())},
                              std::move(done));
    });
    if (!made) {
      EXPECT_TRUE(abort(upload));
    }
    return made;
  };
  const auto made = run({.if_absent = true});
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(head("object")->size, first.size() + second.size());
  if (!bench_->keeps_conditions_of_completions) {
    EXPECT_TRUE(run({.if_absent = true})) << "it has learned to keep them: say so";
    return;
  }
  const auto again = run({.if_absent = true});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), ErrorCode::precondition) << again.error().to_string();
  const auto other = run({.if_match = "0123456789abcdef0123456789abcdef"});
  ASSERT_FALSE(other);
  if (!bench_->can_write_if_match) {
    EXPECT_EQ(other.error().code(), ErrorCode::unsupported);
    return;
  }
  EXPECT_EQ(other.error().code(), ErrorCode::precondition) << other.error().to_string();
  const auto replaced = run({.if_match = head("object")->etag});
  EXPECT_TRUE(replaced) << replaced.error().to_string();
}

TEST_P(ObjectStoreConformance, lists_the_uploads_that_are_open) {
  std::vector<std::string> keys = {"a b", "a+c/d", "a\u00fc", "b"};
  if (!bench_->says_how_upload_keys_are_encoded) keys = {"a-b", "a-c/d", "a-e", "b"};
  std::vector<UploadId> uploads;
  for (const auto& key : keys) {
    for (int i = 0; i < 2; ++i) {
      auto upload = create_upload(key);
      ASSERT_TRUE(upload) << upload.error().to_string();
      uploads.push_back(std::move(*upload));
    }
  }
  const auto list = [&](const std::string& prefix) {
    std::set<std::pair<std::string, std::string>> found;
    ListUploadsRequest request{.prefix = at(prefix)};
    for (bool is_last = false; !is_last;) {
      const auto page = await<UploadsPage>(
          *bench_, [&](Done<UploadsPage> done) { store().list_uploads(request, std::move(done)); });
      EXPECT_TRUE(page) << page.error().to_string();
      if (!page) break;
      std::string last;
      for (const auto& info : page->uploads) {
        EXPECT_GE(info.upload.key, last);
        EXPECT_GT(info.initiated, 1'500'000'000);
        EXPECT_TRUE(found.emplace(info.upload.key, info.upload.id).second) << info.upload.key;
        last = info.upload.key;
      }
      is_last = page->is_last;
      request.key_marker = page->next_key_marker;
      request.id_marker = page->next_id_marker;
    }
    return found;
  };
  EXPECT_EQ(list("").size(), 8u);
  EXPECT_EQ(list("a").size(), 6u);
  EXPECT_EQ(list("nothing").size(), 0u);
  for (const auto& upload : uploads) EXPECT_TRUE(list("").contains({upload.key, upload.id}));
  EXPECT_TRUE(abort(uploads[0]));
  EXPECT_FALSE(list("").contains({uploads[0].key, uploads[0].id}));
  for (const auto& upload : uploads) EXPECT_TRUE(abort(upload));
  EXPECT_EQ(list("").size(), 0u);
}

TEST_P(ObjectStoreConformance, removes_an_object) {
  ASSERT_TRUE(put("a/b/object", "x"));
  ASSERT_TRUE(put("a/other", "y"));
  EXPECT_TRUE(remove_raw(at("a/b/object")));
  EXPECT_EQ(head("a/b/object").error().code(), ErrorCode::not_found);
  EXPECT_EQ(keys_below(prefix_), std::vector<std::string>{at("a/other")});
}

TEST_P(ObjectStoreConformance, lists_2500_keys_in_order) {
  std::vector<std::string> keys;
  for (int i = 0; i < 2500; ++i)
    keys.push_back("d" + std::to_string(i % 7) + "/k" + std::to_string(i));
  put_many(keys);
  std::ranges::sort(keys);
  const auto all = list_all({.prefix = prefix_, .start_after = "", .token = ""});
  ASSERT_EQ(all.objects.size(), keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    ASSERT_EQ(all.objects[i].key, at(keys[i]));
    EXPECT_EQ(all.objects[i].size, keys[i].size());
    EXPECT_FALSE(all.objects[i].etag.empty());
    EXPECT_GT(all.objects[i].mtime, 1'500'000'000);
  }
  // From the middle, and inside one directory.
  const auto tail =
      list_all({.prefix = prefix_, .start_after = at(keys[1200]), .token = "", .keys_max = 333});
  ASSERT_EQ(tail.objects.size(), keys.size() - 1201);
  EXPECT_EQ(tail.objects.front().key, at(keys[1201]));
  const auto one = list_all({.prefix = at("d3/k1"), .start_after = "", .token = ""});
  EXPECT_EQ(one.objects.size(),
            static_cast<std::size_t>(std::ranges::count_if(
                keys, [](const auto& key) { return key.starts_with("d3/k1"); })));
}

TEST_P(ObjectStoreConformance, lists_one_directory_at_a_time) {
  std::vector<std::string> directories;
  for (int i = 0; i < 30; ++i) {
    directories.push_back(at("dir" + std::to_string(i) + "/"));
    ASSERT_TRUE(put("dir" + std::to_string(i) + "/x/y", "1"));
    ASSERT_TRUE(put("dir" + std::to_string(i) + "/z", "2"));
  }
  ASSERT_TRUE(put("dir1.txt", "3"));  // '.' sorts before '/'
  ASSERT_TRUE(put("zfile", "4"));
  std::ranges::sort(directories);
  for (const std::uint32_t keys_max : {7u, 1000u}) {
    const auto top = list_all({.prefix = prefix_,
                               .start_after = "",
                               .token = "",
                               .by_directory = true,
                               .keys_max = keys_max});
    EXPECT_EQ(top.common_prefixes, directories);
    ASSERT_EQ(top.objects.size(), 2u);
    EXPECT_EQ(top.objects[0].key, at("dir1.txt"));
    EXPECT_EQ(top.objects[1].key, at("zfile"));
  }
  const auto below =
      list_all({.prefix = at("dir3/"), .start_after = "", .token = "", .by_directory = true});
  EXPECT_EQ(below.common_prefixes, std::vector<std::string>{at("dir3/x/")});
  ASSERT_EQ(below.objects.size(), 1u);
  EXPECT_EQ(below.objects[0].key, at("dir3/z"));
}

TEST_P(ObjectStoreConformance, an_empty_prefix_is_an_empty_page) {
  const auto page = list({.prefix = at("nothing/"), .start_after = "", .token = ""});
  ASSERT_TRUE(page) << page.error().to_string();
  EXPECT_TRUE(page->objects.empty());
  EXPECT_TRUE(page->common_prefixes.empty());
  EXPECT_FALSE(page->next_token);
}

TEST_P(ObjectStoreConformance, listing_and_head_agree_on_versions) {
  for (const auto& key : odd_keys()) ASSERT_TRUE(put(key, key));
  for (const auto& object : list_all({.prefix = prefix_, .start_after = "", .token = ""}).objects) {
    const auto info = head(object.key.substr(prefix_.size()));
    ASSERT_TRUE(info);
    EXPECT_EQ(info->etag, object.etag) << object.key;
    EXPECT_EQ(info->mtime, object.mtime) << object.key;
    EXPECT_EQ(info->storage_class, object.storage_class) << object.key;
  }
}

TEST_P(ObjectStoreConformance, uploads_in_parts) {
  const std::string key = at("large \u00fc+.bin");
  const auto upload = await<UploadId>(
      *bench_, [&](Done<UploadId> done) { store().create_upload(key, "", std::move(done)); });
  ASSERT_TRUE(upload) << upload.error().to_string();
  const std::vector<std::string> bodies = {
      pattern(std::max<std::size_t>(bench_->part_bytes_min, 1000), 1),
      pattern(std::max<std::size_t>(bench_->part_bytes_min, 2000), 2), pattern(77, 3)};
  std::vector<UploadedPart> parts(3);
  for (const std::uint32_t number : {2u, 1u, 3u}) {
    auto part = await<UploadedPart>(*bench_, [&](Done<UploadedPart> done) {
      store().upload_part(*upload, number, as_bytes(bodies[number - 1]), {}, std::move(done));
    });
    ASSERT_TRUE(part) << part.error().to_string();
    EXPECT_EQ(part->number, number);
    parts[number - 1] = *part;
  }
  EXPECT_EQ(head("large \u00fc+.bin").error().code(), ErrorCode::not_found);
  const auto made = await<PutResult>(*bench_, [&](Done<PutResult> done) {
    store().complete_upload({.upload = *upload, .parts = parts}, std::move(done));
  });
  ASSERT_TRUE(made) << made.error().to_string();
  const std::string whole = bodies[0] + bodies[1] + bodies[2];
  const auto got = get({.key = "large \u00fc+.bin", .length = whole.size()});
  ASSERT_TRUE(got) << got.error().to_string();
  EXPECT_TRUE(*got == whole);
}

TEST_P(ObjectStoreConformance, an_aborted_upload_leaves_nothing) {
  const std::string key = at("aborted");
  const auto upload = await<UploadId>(
      *bench_, [&](Done<UploadId> done) { store().create_upload(key, "", std::move(done)); });
  ASSERT_TRUE(upload);
  const std::string body = "part";
  const auto part = await<UploadedPart>(*bench_, [&](Done<UploadedPart> done) {
    store().upload_part(*upload, 1, as_bytes(body), {}, std::move(done));
  });
  ASSERT_TRUE(part);
  const auto abort = [&] {
    return await<void>(*bench_,
                       [&](Done<void> done) { store().abort_upload(*upload, std::move(done)); });
  };
  EXPECT_TRUE(abort());
  EXPECT_TRUE(abort()) << "an upload that is gone is what the caller wants";
  const auto made = await<PutResult>(*bench_, [&](Done<PutResult> done) {
    store().complete_upload({.upload = *upload, .parts = {*part}}, std::move(done));
  });
  ASSERT_FALSE(made);
  if (bench_->names_gone_uploads) {
    EXPECT_EQ(made.error().code(), ErrorCode::not_found) << made.error().to_string();
  }
  EXPECT_TRUE(keys_below(prefix_).empty());
}

TEST_P(ObjectStoreConformance, appends_at_the_end_only) {
  const auto first = append("log", 0, "first ");
  if (!bench_->can_append) {
    ASSERT_FALSE(first);
    EXPECT_EQ(first.error().code(), ErrorCode::unsupported);
    EXPECT_FALSE(first.error().remedy().empty());
    return;
  }
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_EQ(first->next_position, 6u);
  const auto second = append("log", 6, "second");
  ASSERT_TRUE(second) << second.error().to_string();
  EXPECT_EQ(second->next_position, 12u);
  const auto wrong = append("log", 6, "third");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), ErrorCode::precondition) << wrong.error().to_string();
  EXPECT_EQ(get({.key = "log", .length = 12}).value_or("?"), "first second");
}

TEST_P(ObjectStoreConformance, copies_within_the_bucket) {
  ASSERT_TRUE(put("source \u03b1+%", "the content"));
  const auto copied = await<PutResult>(*bench_, [&](Done<PutResult> done) {
    store().copy(at("source \u03b1+%"), at("target/deep"), std::move(done));
  });
  ASSERT_TRUE(copied) << copied.error().to_string();
  EXPECT_EQ(get({.key = "target/deep", .length = 11}).value_or("?"), "the content");
  const auto missing = await<PutResult>(*bench_, [&](Done<PutResult> done) {
    store().copy(at("nothing"), at("target"), std::move(done));
  });
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::not_found) << missing.error().to_string();
}

TEST_P(ObjectStoreConformance, many_gets_at_once_do_not_mix) {
  std::vector<std::string> keys;
  for (int i = 0; i < 200; ++i) keys.push_back("k" + std::to_string(i));
  put_many(keys);
  std::vector<StringSink> sinks(keys.size());
  std::size_t ended = 0;
  for (std::size_t i = 0; i < keys.size(); ++i)
    store().get({.key = at(keys[i]), .length = keys[i].size(), .if_match = ""}, sinks[i],
                [&, i](Result<void> result) {
                  EXPECT_TRUE(result) << result.error().to_string();
                  EXPECT_EQ(sinks[i].text, keys[i]);
                  ++ended;
                });
  bench_->run_until([&] { return ended == keys.size(); });
  EXPECT_EQ(ended, keys.size());
}

TEST_P(ObjectStoreConformance, cancelled_calls_end_once_with_canceled) {
  ASSERT_TRUE(put("object", "content"));
  std::vector<StringSink> sinks(20);
  std::vector<int> ends(20, 0);
  for (std::size_t i = 0; i < sinks.size(); ++i)
    store().get(
        {.key = at("object"), .length = 7, .if_match = ""}, sinks[i], [&, i](Result<void> result) {
          ++ends[i];
          ASSERT_FALSE(result);
          EXPECT_EQ(result.error().code(), ErrorCode::canceled) << result.error().to_string();
        });
  store().cancel_all();
  EXPECT_EQ(std::ranges::count(ends, 0), 20) << "done ran inside cancel_all";
  bench_->run_until([&] { return std::ranges::count(ends, 0) == 0; });
  EXPECT_EQ(std::ranges::count(ends, 1), 20);
  EXPECT_EQ(get({.key = "object", .length = 7}).value_or("?"), "content") << "later calls work";
}

TEST_P(ObjectStoreConformance, one_cancelled_get_ends_with_canceled_and_the_others_go_on) {
  const std::string content = pattern(300'000, 3);
  ASSERT_TRUE(put("object", content));
  constexpr std::size_t kCalls = 12;
  std::vector<StringSink> sinks(kCalls);
  std::vector<ErrorCode> codes(kCalls, ErrorCode::bug);
  std::vector<int> ends(kCalls, 0);
  std::vector<CallId> ids;
  for (std::size_t i = 0; i < kCalls; ++i)
    ids.push_back(store().get({.key = at("object"), .length = content.size(), .if_match = ""},
                              sinks[i], [&, i](Result<void> result) {
                                ++ends[i];
                                if (!result) codes[i] = result.error().code();
                              }));
  for (std::size_t i = 0; i < kCalls; ++i) {
    EXPECT_NE(ids[i].value, 0u);
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(ids[i].value, ids[j].value);
    if (i % 3 == 0) store().cancel(ids[i]);
    if (i % 6 == 0) store().cancel(ids[i]);  // a second time has no effect
  }
  store().cancel(CallId{});
  store().cancel(CallId{ids.back().value + 1'000'000});
  EXPECT_EQ(std::ranges::count(ends, 0), std::ptrdiff_t{kCalls}) << "done ran inside cancel";
  bench_->run_until([&] { return std::ranges::count(ends, 0) == 0; });
  EXPECT_EQ(std::ranges::count(ends, 1), std::ptrdiff_t{kCalls});
  for (std::size_t i = 0; i < kCalls; ++i) {
    EXPECT_EQ(codes[i], i % 3 == 0 ? ErrorCode::canceled : ErrorCode::bug) << i;
    EXPECT_EQ(sinks[i].text, i % 3 == 0 ? "" : content) << i;
  }
  for (const CallId id : ids) store().cancel(id);  // they have ended
  EXPECT_EQ(get({.key = "object", .length = 7}).value_or("?"), content.substr(0, 7));
}

TEST_P(ObjectStoreConformance, a_sink_that_cancels_its_get_sees_no_more_bytes) {
  const std::string content = pattern(3'000'000, 4);
  ASSERT_TRUE(put("object", content));
  struct Cancelling final : BodySink {
    Result<void> on_bytes(ByteSpan bytes) override {
      ++pieces;
      first += bytes.size();
      store->cancel(id);
      return {};
    }
    ObjectStore* store = nullptr;
    CallId id;
    int pieces = 0;
    std::size_t first = 0;
  } sink;
  sink.store = &store();
  std::optional<Result<void>> outcome;
  sink.id = store().get({.key = at("object"), .length = content.size(), .if_match = ""}, sink,
                        [&](Result<void> result) { outcome = std::move(result); });
  bench_->run_until([&] { return outcome.has_value(); });
  ASSERT_TRUE(outcome);
  EXPECT_EQ(sink.pieces, 1);
  // A store that hands everything over at once may have ended.
  if (sink.first < content.size()) {
    ASSERT_FALSE(*outcome);
    EXPECT_EQ(outcome->error().code(), ErrorCode::canceled) << outcome->error().to_string();
  }
}

TEST_P(ObjectStoreConformance, a_sink_can_stop_its_get) {
  ASSERT_TRUE(put("object", pattern(100'000, 5)));
  struct Refusing final : BodySink {
    Result<void> on_bytes(ByteSpan) override {
      return fail(ErrorCode::no_space, "the reader is full");
    }
  } sink;
  const auto result = await<void>(*bench_, [&](Done<void> done) {
    store().get({.key = at("object"), .length = 100'000, .if_match = ""}, sink, std::move(done));
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::no_space);
  EXPECT_EQ(result.error().message(), "the reader is full");
}

INSTANTIATE_TEST_SUITE_P(Stores, ObjectStoreConformance, testing::ValuesIn(all_implementations()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace shoal::store
