// SPDX-License-Identifier: Apache-2.0
// Goal: whatever the keys, each is in the index exactly once, in walk order, at a lawful address.
// Method: invented buckets of many shapes, compared with plain sorted maps and a plain recursion.
#include <set>

#include "base/rng.h"
#include "format/path_rules.h"
#include "unit/index/fixture.h"

namespace shoal::index {
namespace {

using format::SpecialReason;

std::vector<std::string> paths_of(const Content& content) {
  std::vector<std::string> paths;
  for (const auto& [path, record] : content.entries) paths.push_back(path);
  return paths;
}

// ---- listing

// Keys of several shapes; all of them valid paths and none beside a directory of its name.
std::vector<std::string> random_keys(Rng& rng, std::size_t count) {
  std::set<std::string> keys;
  const std::uint64_t shape = rng.below(6);
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
        for (int i = 0; i < 4; ++i) key += static_cast<char>('a' + (number >> (8 * i)) % 26);
        key += (number >> 40) % 2 == 0 ? "/é" + std::to_string(number >> 48)
                                       : "数" + std::to_string(number);
        break;
      default:
        key += "2024-0" + std::to_string(1 + number % 9) + "-x" + std::to_string(number >> 50);
    }
    keys.insert(key + ".csv");
  }
  return {keys.begin(), keys.end()};
}

TEST(Build, finds_every_key_exactly_once_whatever_their_shape) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    Rng rng(seed);
    const auto keys = random_keys(rng, 1 + rng.below(9000));
    TemporaryFolder folder;
    const auto index = open_or_die(folder.path());
    const auto built = build_keys(
        *index, keys, {.seed = seed, .empty_page_every = seed % 4 == 0 ? 0 : 1 + seed % 4},
        {.list_requests_in_flight = static_cast<std::uint32_t>(1 + rng.below(24))});
    ASSERT_TRUE(built) << "seed " << seed << ": " << built.error().to_string();
    std::set<std::string> expected;
    for (const std::string& key : keys) expected.insert(format::walk_key(key.substr(2)));
    const Content content = content_of(*index);
    ASSERT_EQ(content.entries.size(), expected.size()) << "seed " << seed;
    auto at = expected.begin();
    for (const auto& [path, record] : content.entries)
      ASSERT_EQ(format::walk_key(path), *at++) << "seed " << seed;
    EXPECT_EQ(built->files, keys.size());
  }
}

TEST(Build, page_boundaries_lose_and_repeat_nothing) {
  for (const std::size_t count : {1, 999, 1000, 1001, 2000, 5001}) {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < count; ++i) keys.push_back("p/" + std::to_string(100000 + i));
    TemporaryFolder folder;
    const auto index = open_or_die(folder.path());
    const auto built = build_keys(*index, keys);
    ASSERT_TRUE(built) << built.error().to_string();
    EXPECT_EQ(built->files, count);
    EXPECT_EQ(content_of(*index).entries.size(), count);
  }
}

std::string text_of(const char* pattern, unsigned a, unsigned b = 0) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, a, b);
  return text;
}

TEST(Build, small_datasets_cost_few_requests) {
  std::vector<std::string> keys;
  for (int i = 0; i < 1500; ++i) keys.push_back("p/" + std::to_string(10000 + i));
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  EXPECT_EQ(build_keys(*index, keys)->list_requests, 3u)
      << "two pages and one look for directories";
}

TEST(Build, never_asks_for_more_at_once_than_allowed) {
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  SerialExecutor executor;
  InventedStore store([](std::uint64_t i) { return text_of("p/f%07u", unsigned(i)); }, 30000,
                      executor);
  ASSERT_TRUE(
      build(*index, dataset_record(), "p/", store, executor, {.list_requests_in_flight = 3}));
  EXPECT_EQ(store.in_flight_max(), 3u);
}

TEST(Build, an_unordered_listing_is_refused_by_name) {
  std::vector<std::string> keys;
  for (int i = 0; i < 2500; ++i) keys.push_back("p/" + std::to_string(10000 + (i * 7) % 2500));
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  const auto built = build_keys(*index, keys);
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code(), ErrorCode::unsupported);
  EXPECT_NE(built.error().message().find("out of order"), std::string::npos);
}

TEST(Build, an_empty_dataset_is_not_found_and_leaves_no_generation) {
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  for (int again = 0; again < 2; ++again) {
    const auto built = build_keys(*index, {"o", "q/x"});
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().code(), ErrorCode::not_found);
    EXPECT_NE(built.error().message().find("no object under s3://bucket/p/"), std::string::npos);
    EXPECT_EQ(index->generation().value(), std::nullopt);
  }
  ASSERT_TRUE(build_keys(*index, {"p/x"}));
}

TEST(Build, progress_only_goes_forward_and_ends_done) {
  std::vector<BuildProgress> told;
  BuildOptions options;
  options.on_progress = [&](const BuildProgress& progress) { told.push_back(progress); };
  Rng rng(5);
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  ASSERT_TRUE(build_keys(*index, random_keys(rng, 20000), {}, options));
  ASSERT_GE(told.size(), 3u);
  for (std::size_t i = 1; i < told.size(); ++i) {
    EXPECT_GE(told[i].phase, told[i - 1].phase);
    EXPECT_GE(told[i].keys, told[i - 1].keys);
    if (told[i].phase == told[i - 1].phase) {
      EXPECT_GE(told[i].fraction, told[i - 1].fraction);
    }
    EXPECT_LE(told[i].fraction, 1);
  }
  EXPECT_EQ(told.back().phase, BuildProgress::Phase::done);
  EXPECT_EQ(told.back().keys, 20000u);
  EXPECT_EQ(told.back().fraction, 1);
}

// ---- special keys

TEST(Build, every_key_that_cannot_be_shown_is_recorded_with_its_reason) {
  const std::string long_name(256, 'n');
  const std::string nul("p/nul\0byte", 10);
  std::map<std::string, SpecialReason> expected{
      {"p//leading", SpecialReason::empty_component},
      {"p/a//b", SpecialReason::empty_component},
      {"p/./x", SpecialReason::dot_component},
      {"p/d/../y", SpecialReason::dot_component},
      {"p/" + long_name, SpecialReason::name_too_long},
      {nul, SpecialReason::nul_byte},
      {"p/both", SpecialReason::shadowed_by_directory},
      {"p/both/both", SpecialReason::shadowed_by_directory},
      {"p/marked", SpecialReason::shadowed_by_directory},
      {"p/full/", SpecialReason::directory_with_bytes},
      {"p/cold", SpecialReason::archived},
      {"p/coldbelow", SpecialReason::shadowed_by_directory},  // not shown, so not archived either
  };
  std::set<std::string> keys{"p/a/c",         "p/both/both/z", "p/both-not",    "p/marked/",
                             "p/coldbelow/x", "p/plain",       "p/full/inside", "p/"};
  for (const auto& [key, reason] : expected) keys.insert(key);
  const std::vector<std::string> sorted(keys.begin(), keys.end());
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  SerialExecutor executor;
  InventedStore store(keys_of(sorted), sorted.size(), executor);
  store.decorate = [](store::ObjectInfo& object) {
    object.size = object.key == "p/marked/" || object.key == "p/" ? 0 : 10;
    if (object.key.starts_with("p/cold")) object.storage_class = "GLACIER";
    if (object.key == "p/coldbelow/x") object.storage_class = "STANDARD";
  };
  const auto built = build(*index, dataset_record(), "p/", store, executor, {});
  ASSERT_TRUE(built) << built.error().to_string();
  const Content content = content_of(*index);
  EXPECT_EQ(content.special, expected);
  EXPECT_EQ(built->special_keys, expected.size());
  EXPECT_EQ(paths_of(content),
            (std::vector<std::string>{"a/c", "both/both/z", "both-not", "cold", "coldbelow/x",
                                      "full", "full/inside", "marked", "plain"}));
  EXPECT_EQ(built->files, 7u);
  EXPECT_EQ(built->directories, 6u) << "a both both/both coldbelow full marked";
  EXPECT_EQ(index->find("full").value()->kind, format::ObjectRecord::Kind::directory);
  EXPECT_EQ(index->find("full").value()->size, 0u);
  EXPECT_EQ(index->find("cold").value()->storage_class, "GLACIER");
  EXPECT_EQ(built->object_bytes, 70u);
}

TEST(Build, a_root_marker_with_bytes_is_recorded_and_an_empty_one_is_a_dataset) {
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  SerialExecutor executor;
  InventedStore store([](std::uint64_t) { return std::string("p/"); }, 1, executor);
  for (const std::uint64_t size : {0, 7}) {
    store.decorate = [size](store::ObjectInfo& object) { object.size = size; };
    const auto built = build(*index, dataset_record(), "p/", store, executor, {});
    ASSERT_TRUE(built) << built.error().to_string();
    EXPECT_EQ(built->files + built->directories, 0u);
    EXPECT_EQ(built->special_keys, size == 0 ? 0u : 1u);
  }
}

// ---- walk order and lookups

struct Tree {
  std::map<std::string, Tree> directories;
  std::set<std::string> files;
};
// What `find` prints with names in byte order; "/" marks directories.
void walk_tree(const Tree& tree, const std::string& path, std::vector<std::string>& out) {
  std::set<std::string> names(tree.files);
  for (const auto& [name, below] : tree.directories) names.insert(name);
  for (const std::string& name : names) {
    if (const auto below = tree.directories.find(name); below != tree.directories.end()) {
      walk_tree(below->second, path + name + "/", out);
    } else {
      out.push_back(path + name);
    }
  }
}
std::uint64_t count_directories(const Tree& tree) {
  std::uint64_t count = tree.directories.size();
  for (const auto& [name, below] : tree.directories) count += count_directories(below);
  return count;
}

TEST(Walk, is_depth_first_with_names_in_byte_order_as_a_recursion_finds_them) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Rng rng(seed);
    Tree root;
    std::set<std::string> keys;
    static const std::string kNames[] = {"a",  "b", "a-b", "a b",  "a.b",
                                         "a0", "é", "Z",   "\x01", "~"};
    for (int i = 0; i < 3000; ++i) {
      Tree* at = &root;
      std::string key = "p/";
      for (std::uint64_t depth = rng.below(5); depth > 0; --depth) {
        const std::string& name = kNames[rng.below(std::size(kNames))];
        if (at->files.contains(name)) break;
        at = &at->directories[name];
        key += name + "/";
      }
      const std::string name = kNames[rng.below(std::size(kNames))] + std::to_string(rng.below(30));
      at->files.insert(name);
      keys.insert(key + name);
    }
    std::vector<std::string> expected;
    walk_tree(root, "", expected);
    TemporaryFolder folder;
    const auto index = open_or_die(folder.path());
    const std::vector<std::string> sorted(keys.begin(), keys.end());
    const auto built = build_keys(*index, sorted);
    ASSERT_TRUE(built) << built.error().to_string();
    EXPECT_EQ(paths_of(content_of(*index)), expected) << "seed " << seed;
    EXPECT_EQ(built->directories, count_directories(root));
  }
}

TEST(Find, knows_files_markers_implied_directories_and_nothing_else) {
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  ASSERT_TRUE(build_keys(*index, {"p/a-b", "p/a/b/c", "p/m/", "p/z"}));
  using Kind = format::ObjectRecord::Kind;
  for (const char* path : {"", "/", "a", "a/", "a/b", "/a/b/", "m"})
    EXPECT_EQ(index->find(path).value().value().kind, Kind::directory) << path;
  for (const char* path : {"a/b/c", "a-b", "/z"})
    EXPECT_EQ(index->find(path).value().value().kind, Kind::file) << path;
  for (const std::string& path : {std::string("b"), std::string("a/b/c/d"), std::string("a/bb"),
                                  std::string("zz"), std::string("a/c"), std::string("a\0b", 3)})
    EXPECT_EQ(index->find(path).value(), std::nullopt) << path;
}

TEST(Cursor, lists_one_level_by_skipping_directories) {
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  ASSERT_TRUE(build_keys(*index, {"p/a-", "p/a/x", "p/a/y/z", "p/b", "p/c/", "p/c/1", "p/d"}));
  const auto cursor = index->walk("").value();
  std::vector<std::string> level;
  Entry entry;
  while (cursor->next(entry).value()) {
    const std::string name = entry.path.substr(0, entry.path.find('/'));
    level.push_back(name);
    if (name != entry.path || entry.record.kind == format::ObjectRecord::Kind::directory) {
      ASSERT_TRUE(cursor->skip_directory(name));
    }
  }
  EXPECT_EQ(level, (std::vector<std::string>{"a", "a-", "b", "c", "d"}));
}

TEST(Cursor, stays_at_and_below_its_path) {
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  ASSERT_TRUE(build_keys(*index, {"p/a", "p/a-", "p/d-", "p/d/", "p/d/x", "p/d/y/z", "p/d0"}));
  const auto below = [&](std::string_view path) {
    std::vector<std::string> paths;
    const auto cursor = index->walk(path).value();
    Entry entry;
    while (cursor->next(entry).value()) paths.push_back(entry.path);
    return paths;
  };
  using Paths = std::vector<std::string>;
  EXPECT_EQ(below("d"), (Paths{"d", "d/x", "d/y/z"}));
  EXPECT_EQ(below("d/y/"), (Paths{"d/y/z"}));
  EXPECT_EQ(below("a"), (Paths{"a"}));
  EXPECT_EQ(below("missing"), Paths());
  EXPECT_EQ(below("").size(), 7u);
}

// ---- layout

TEST(Layout, chunks_cover_every_object_exactly_and_obey_the_address_rules) {
  for (const format::Geometry geometry :
       {format::Geometry{512, 4096}, format::Geometry{4096, 16384}, format::Geometry{}}) {
    Rng rng(geometry.chunk_bytes);
    TemporaryFolder folder;
    const auto index = open_or_die(folder.path());
    SerialExecutor executor;
    InventedStore store([](std::uint64_t i) { return text_of("p/%04u", unsigned(i)); }, 3000,
                        executor);
    const std::uint64_t large = 5ull * geometry.chunk_bytes;
    store.decorate = [&](store::ObjectInfo& object) {
      const std::uint64_t hash = std::hash<std::string>{}(object.key);
      object.size = hash % 11 == 0 ? hash % large : hash % 9 == 0 ? 0 : hash % 7000;
      object.etag = std::to_string(hash);
    };
    const auto built = build(*index, dataset_record(geometry), "p/", store, executor, {});
    ASSERT_TRUE(built) << built.error().to_string();
    const Content content = content_of(*index);
    std::map<std::string, std::uint64_t> covered;
    for (std::uint64_t i = 0; i < content.chunks.size(); ++i) {
      ASSERT_FALSE(content.chunks[i].extents.empty());
      for (const format::Extent& extent : content.chunks[i].extents) {
        const auto object = index->find(extent.path).value().value();
        ASSERT_EQ(extent.object_offset, covered[extent.path]) << extent.path;
        ASSERT_EQ(extent.etag, object.etag);
        ASSERT_EQ(extent.object_size, object.size);
        ASSERT_EQ(geometry.start_of({i}).value + extent.chunk_offset,
                  object.address.value + extent.object_offset);
        ASSERT_EQ(extent.chunk_offset % geometry.block_bytes, 0u);
        covered[extent.path] += extent.length;
      }
    }
    std::uint64_t end = 0;
    for (const auto& [path, record] : content.entries) {
      ASSERT_EQ(covered[path], record.size) << path;
      ASSERT_GE(record.address.value, end) << "data order is walk order";
      if (record.size > geometry.chunk_bytes) {
        ASSERT_EQ(record.address.value % geometry.chunk_bytes, 0u);
      }
      end = record.address.value + record.size;
    }
    EXPECT_EQ(built->data_end.value, round_up(end, geometry.block_bytes));
  }
}

TEST(Layout, a_dataset_of_empty_objects_has_no_chunk) {
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  SerialExecutor executor;
  InventedStore store([](std::uint64_t i) { return text_of("p/%u", unsigned(i)); }, 9, executor);
  store.decorate = [](store::ObjectInfo&) {};
  const auto built = build(*index, dataset_record(), "p/", store, executor, {});
  ASSERT_TRUE(built);
  EXPECT_EQ(built->data_end.value, 0u);
  EXPECT_EQ(index->chunk({0}).error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace shoal::index
