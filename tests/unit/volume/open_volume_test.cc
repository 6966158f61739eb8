// SPDX-License-Identifier: Apache-2.0
// Goal: open_volume() puts the parts together: a prepared directory reads as the files it was made
// of, across restarts and without a cache, and what is not finished or not free says so.
// Method: a directory tree behind file://, prepared and opened on real threads, rings and RocksDB.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <atomic>
#include <fstream>
#include <future>
#include <map>
#include <thread>

#include "base/clock.h"
#include "base/rng.h"
#include "shoal/volume.h"
#include "sim/support/faulty_files.h"
#include "volume/prepare.h"

namespace shoal::volume {
namespace {

using namespace std::chrono_literals;

class OpenVolume : public testing::Test {
 protected:
  void SetUp() override {
    Rng rng(11);
    for (int i = 0; i < 300; ++i) {
      std::string text(rng.below(i % 50 == 0 ? 9'000'000 : 20'000), '\0');
      for (char& letter : text) letter = static_cast<char>(rng.next());
      add(fmt::format("d{}/e{}/f{:03}", i % 7, i % 3, i), std::move(text));
    }
    add("top", "hello");
  }
  void add(const std::string& path, std::string text) {
    std::filesystem::create_directories((bucket() / path).parent_path());
    std::ofstream(bucket() / path, std::ios::binary) << text;
    files_[path] = std::move(text);
  }
  [[nodiscard]] std::filesystem::path bucket() const { return temporary_.path() / "bucket"; }
  [[nodiscard]] std::filesystem::path directory() const { return temporary_.path() / "volume"; }

  void make() {
    PrepareOptions options;
    auto location = store::parse_location("file://" + bucket().string());
    ASSERT_TRUE(location) << location.error().to_string();
    options.location = *location;
    const auto prepared = prepare(directory(), options);
    ASSERT_TRUE(prepared) << prepared.error().to_string();
  }
  Result<std::unique_ptr<Volume>> open(VolumeOptions options = {}) {
    return open_volume(directory(), {}, options);
  }
  static Result<std::string> read(Volume& volume, std::uint64_t offset, std::uint64_t bytes) {
    std::string text(bytes, '?');
    std::promise<Result<void>> done;
    volume.read(offset, std::as_writable_bytes(std::span(text)), system_clock().now() + 60s,
                [&](Result<void> result) { done.set_value(std::move(result)); });
    SHOAL_CHECK_OK(done.get_future().get());
    return text;
  }
  void expect_all_files(Volume& volume) {
    for (const auto& [path, text] : files_) {
      const auto entry = volume.find(path);
      ASSERT_TRUE(entry) << entry.error().to_string();
      ASSERT_EQ(entry->size, text.size());
      if (text.empty()) continue;
      const auto content = read(volume, entry->image_offset, entry->size);
      ASSERT_TRUE(content) << content.error().to_string();
      ASSERT_TRUE(*content == text) << path;
    }
  }

  sim::TemporaryDirectory temporary_;
  std::map<std::string, std::string> files_;
};

TEST_F(OpenVolume, reads_every_file_and_keeps_it_for_the_next_start) {
  make();
  for (const std::uint32_t threads : {1u, 2u}) {
    const auto volume = open({.fetch_threads = threads});
    ASSERT_TRUE(volume) << volume.error().to_string();
    expect_all_files(**volume);
    const VolumeStats stats = (*volume)->stats();
    EXPECT_EQ(stats.read_errors, 0u);
    EXPECT_EQ(stats.gets == 0, threads == 2) << "the second start finds everything in the cache";
    EXPECT_EQ((*volume)->info().files, files_.size());
  }
}

TEST_F(OpenVolume, many_readers_on_many_threads_see_the_right_bytes) {
  make();
  const auto volume = open({.cache_bytes_max = 24u << 20, .fetch_threads = 3});
  ASSERT_TRUE(volume) << volume.error().to_string();
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> readers;
    for (std::uint64_t seed = 0; seed < 4; ++seed)
      readers.emplace_back([&, seed] {
        Rng rng(seed);
        for (int i = 0; i < 150; ++i) {
          const auto& [path, text] =
              *std::next(files_.begin(), static_cast<std::ptrdiff_t>(rng.below(files_.size())));
          if (text.empty()) continue;
          const std::uint64_t begin = rng.below(text.size());
          const std::uint64_t bytes = 1 + rng.below(text.size() - begin);
          const auto entry = (*volume)->find(path);
          const auto content = read(**volume, entry->image_offset + begin, bytes);
          if (!content || *content != text.substr(begin, bytes)) ++wrong;
        }
      });
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_LE((*volume)->stats().cache_bytes, 24u << 20);
}

TEST_F(OpenVolume, beside_its_owner_only_without_a_cache) {
  make();
  const auto owner = open();
  ASSERT_TRUE(owner) << owner.error().to_string();
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::precondition);
  const auto guest = open({.use_cache = false});
  ASSERT_TRUE(guest) << guest.error().to_string();
  expect_all_files(**guest);
  EXPECT_EQ((*guest)->stats().cache_bytes, 0u);
}

TEST_F(OpenVolume, what_is_not_finished_says_what_to_do) {
  const auto nothing = open();
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code(), ErrorCode::not_found);
  EXPECT_NE(nothing.error().remedy().find("shoal index build"), std::string::npos);
  make();
  std::filesystem::remove(directory() / "image" / "1.erofs");
  const auto no_image = open();
  ASSERT_FALSE(no_image);
  EXPECT_EQ(no_image.error().code(), ErrorCode::not_found);
}

TEST_F(OpenVolume, too_few_buffers_are_refused_with_the_number_needed) {
  make();
  const auto volume = open({.buffer_bytes_max = 1u << 20, .fetch_threads = 2});
  ASSERT_FALSE(volume);
  EXPECT_EQ(volume.error().code(), ErrorCode::bad_input);
  EXPECT_NE(volume.error().remedy().find("32.0 MiB"), std::string::npos);
}

TEST_F(OpenVolume, lists_directories_in_name_order_and_finds_implied_ones) {
  make();
  const auto volume = open();
  ASSERT_TRUE(volume) << volume.error().to_string();
  std::vector<std::string> names;
  ASSERT_TRUE((*volume)->list("", [&](const DirectoryEntry& entry) {
    names.push_back(entry.name + (entry.is_directory ? "/" : ""));
    return true;
  }));
  EXPECT_EQ(names,
            (std::vector<std::string>{"d0/", "d1/", "d2/", "d3/", "d4/", "d5/", "d6/", "top"}));
  std::size_t files = 0;
  ASSERT_TRUE((*volume)->list("d3/e1", [&](const DirectoryEntry& entry) {
    EXPECT_FALSE(entry.is_directory);
    EXPECT_EQ(entry.size, files_["d3/e1/" + entry.name].size());
    ++files;
    return true;
  }));
  EXPECT_GT(files, 5u);
  EXPECT_TRUE((*volume)->find("d3")->is_directory);
  EXPECT_EQ((*volume)->find("d3/none").error().code(), ErrorCode::not_found);
  EXPECT_EQ((*volume)->list("top", [](const DirectoryEntry&) { return true; }).error().code(),
            ErrorCode::bad_input);
}

}  // namespace
}  // namespace shoal::volume
