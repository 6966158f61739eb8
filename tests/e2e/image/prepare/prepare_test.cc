// SPDX-License-Identifier: Apache-2.0
// Goal: a volume is made once, reused, and never made over something else.
// Method: prepare() on a dataset of local files with the real store, index and image writer.
#include "volume/prepare.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "image/identity.h"
#include "sys/file.h"
#include "unit/image/memory_image.h"

namespace shoal::volume {
namespace {

namespace fs = std::filesystem;

class PrepareTest : public testing::Test {
 protected:
  PrepareTest() {
    std::string name = (fs::temp_directory_path() / "shoal-prepare-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    folder_ = name;
    add_file("data", "2024/AAPL.csv", 5000);
    add_file("data", "2024/MSFT.csv", 0);
    add_file("data", "notes", 17);
  }
  ~PrepareTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  void add_file(const std::string& dataset, const std::string& path, std::size_t bytes) const {
    const fs::path file = folder_ / dataset / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << std::string(bytes, 'x');
  }
  PrepareOptions options(const std::string& dataset = "data") const {
    PrepareOptions made;
    made.location = store::parse_location("file://" + (folder_ / dataset).string()).value();
    return made;
  }
  fs::path volume() const { return folder_ / "volume"; }
  fs::path image_of(const PrepareResult& result) const {
    return volume() / "image" / (std::to_string(result.generation.generation.value) + ".erofs");
  }
  static std::string bytes_of(const fs::path& path) {
    return sys::read_text_file(path, 1 << 20).value();
  }
  std::vector<std::string> names_in(const fs::path& directory) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory))
      names.push_back(entry.path().filename().string());
    return names;
  }
  void expect_refused(const PrepareOptions& options, ErrorCode code,
                      std::initializer_list<std::string> words) const {
    const auto result = prepare(volume(), options);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), code) << result.error().to_string();
    for (const std::string& word : words)
      EXPECT_NE(result.error().to_string().find(word), std::string::npos)
          << word << " not in: " << result.error().to_string();
    EXPECT_FALSE(result.error().remedy().empty());
  }

  fs::path folder_;
};

TEST_F(PrepareTest, new_volume_shows_the_dataset) {
  EXPECT_FALSE(is_volume(volume()));
  const auto made = prepare(volume(), options());
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_FALSE(made->reused);
  EXPECT_EQ(made->generation.files, 3u);
  EXPECT_EQ(made->image.inodes, 5u);
  EXPECT_TRUE(is_volume(volume()));
  const std::string image = bytes_of(image_of(*made));
  EXPECT_EQ(image.size(), made->image.metadata_bytes);
  const auto tree = image::ImageReader(as_bytes(image)).read();
  ASSERT_TRUE(tree) << tree.error().to_string();
  EXPECT_EQ(tree->size(), 5u);
  EXPECT_EQ(tree->at("2024/AAPL.csv").inode.size, 5000u);
  EXPECT_EQ(names_in(volume() / "image").size(), 1u);  // no scratch, no staged file
}

TEST_F(PrepareTest, finished_volume_is_reused) {
  const auto first = prepare(volume(), options());
  ASSERT_TRUE(first) << first.error().to_string();
  const auto written_at = fs::last_write_time(image_of(*first));
  add_file("data", "later", 1);  // a reused volume is not listed again
  const auto second = prepare(volume(), options());
  ASSERT_TRUE(second) << second.error().to_string();
  EXPECT_TRUE(second->reused);
  EXPECT_EQ(second->generation, first->generation);
  EXPECT_EQ(second->image.metadata_bytes, first->image.metadata_bytes);
  EXPECT_EQ(second->image.image_bytes, first->image.image_bytes);
  EXPECT_EQ(second->image.inodes, first->image.inodes);
  EXPECT_EQ(fs::last_write_time(image_of(*second)), written_at);
}

TEST_F(PrepareTest, rebuild_lists_again_and_leaves_one_image) {
  ASSERT_TRUE(prepare(volume(), options()));
  add_file("data", "later", 1);
  PrepareOptions again = options();
  again.rebuild = true;
  const auto rebuilt = prepare(volume(), again);
  ASSERT_TRUE(rebuilt) << rebuilt.error().to_string();
  EXPECT_FALSE(rebuilt->reused);
  EXPECT_EQ(rebuilt->generation.files, 4u);
  EXPECT_EQ(rebuilt->image.inodes, 6u);
  EXPECT_EQ(names_in(volume() / "image").size(), 1u);
}

TEST_F(PrepareTest, other_ownership_writes_the_image_anew_without_listing) {
  const auto first = prepare(volume(), options());
  ASSERT_TRUE(first);
  PrepareOptions other = options();
  other.image.uid = 1234;
  const auto second = prepare(volume(), other);
  ASSERT_TRUE(second) << second.error().to_string();
  EXPECT_FALSE(second->reused);
  EXPECT_EQ(second->generation, first->generation);
  const std::string image = bytes_of(image_of(*second));
  const auto tree = image::ImageReader(as_bytes(image)).read();
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->at("notes").inode.uid, 1234u);
  EXPECT_TRUE(prepare(volume(), other)->reused);
}

TEST_F(PrepareTest, missing_damaged_or_short_image_is_written_anew) {
  const auto first = prepare(volume(), options());
  ASSERT_TRUE(first);
  const fs::path path = image_of(*first);
  const std::string good = bytes_of(path);
  const auto damage = [&](int way) {
    if (way == 0) fs::remove(path);
    if (way == 1) fs::resize_file(path, 100);
    if (way == 2) std::fstream(path, std::ios::in | std::ios::out).seekp(1100).put('!');
  };
  for (int way = 0; way < 3; ++way) {
    damage(way);
    const auto again = prepare(volume(), options());
    ASSERT_TRUE(again) << again.error().to_string();
    EXPECT_FALSE(again->reused) << way;
    EXPECT_TRUE(bytes_of(path) == good) << way;
  }
}

TEST_F(PrepareTest, other_dataset_is_refused_naming_both) {
  add_file("other", "file", 1);
  ASSERT_TRUE(prepare(volume(), options()));
  expect_refused(options("other"), ErrorCode::precondition,
                 {options().location.to_url(), options("other").location.to_url()});
  EXPECT_TRUE(prepare(volume(), options())->reused);
}

TEST_F(PrepareTest, other_geometry_is_refused_unless_rebuilt) {
  ASSERT_TRUE(prepare(volume(), options()));
  PrepareOptions other = options();
  other.geometry = format::Geometry{.block_bytes = 512};
  expect_refused(other, ErrorCode::precondition, {"4096", "512"});
  other.rebuild = true;
  const auto rebuilt = prepare(volume(), other);
  ASSERT_TRUE(rebuilt) << rebuilt.error().to_string();
  other.rebuild = false;
  EXPECT_TRUE(prepare(volume(), other)->reused);
  other.geometry.reset();  // the volume's own
  EXPECT_TRUE(prepare(volume(), other)->reused);
  other.geometry = format::Geometry{.block_bytes = 1000};
  expect_refused(other, ErrorCode::bad_input, {"1000"});
}

TEST_F(PrepareTest, directory_with_something_else_is_left_alone) {
  add_file("volume", "thesis.tex", 10);
  expect_refused(options(), ErrorCode::precondition, {"thesis.tex", volume().string()});
  EXPECT_EQ(names_in(volume()), std::vector<std::string>{"thesis.tex"});
  fs::remove_all(volume());
  std::ofstream(volume()) << "a file";
  expect_refused(options(), ErrorCode::precondition, {"not a directory"});
}

TEST_F(PrepareTest, locked_volume_is_refused) {
  fs::create_directories(volume());
  const auto lock = sys::LockFile::acquire(volume() / "LOCK");
  ASSERT_TRUE(lock);
  const auto result = prepare(volume(), options());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::precondition) << result.error().to_string();
}

TEST_F(PrepareTest, stopped_before_the_image_goes_on_later) {
  std::atomic<bool> stop = false;
  PrepareOptions stopping = options();
  stopping.build.stop = &stop;
  stopping.build.on_progress = [&](const index::BuildProgress& progress) {
    if (progress.phase == index::BuildProgress::Phase::done) stop = true;
  };
  const auto stopped = prepare(volume(), stopping);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), ErrorCode::canceled) << stopped.error().to_string();
  const auto finished = prepare(volume(), options());
  ASSERT_TRUE(finished) << finished.error().to_string();
  EXPECT_EQ(finished->image.inodes, 5u);
}

TEST_F(PrepareTest, missing_dataset_is_not_found_and_can_be_tried_again) {
  const auto missing = prepare(volume(), options("later"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::not_found) << missing.error().to_string();
  add_file("later", "file", 1);
  const auto found = prepare(volume(), options("later"));
  EXPECT_TRUE(found) << found.error().to_string();
}

TEST(DefaultDirectory, is_readable_and_depends_on_url_and_endpoint) {
  ASSERT_EQ(setenv("SHOAL_VOLUMES", "/volumes", /*overwrite=*/1), 0);
  const auto location = store::parse_location("s3://bucket/some/prefix/").value();
  store::StoreConfig config;
  config.endpoint = "https://one.example";
  const fs::path first = default_directory(location, config);
  EXPECT_EQ(first.parent_path(), "/volumes");
  EXPECT_TRUE(first.filename().string().starts_with("s3-bucket-some-prefix-")) << first;
  EXPECT_EQ(first, default_directory(location, config));
  config.endpoint = "https://two.example";
  EXPECT_NE(first, default_directory(location, config));
  const auto nested = store::parse_location("s3://bucket/some-prefix/").value();
  config.endpoint = "https://one.example";
  EXPECT_NE(first, default_directory(nested, config));  // same readable part
  const auto longest = store::parse_location("s3://bucket/" + std::string(900, 'p') + "/").value();
  EXPECT_LE(default_directory(longest, config).filename().string().size(), 255u);
  unsetenv("SHOAL_VOLUMES");
}

}  // namespace
}  // namespace shoal::volume
