// SPDX-License-Identifier: Apache-2.0
// Goal: real kernels and fsck.erofs read our images as we mean them: names, sizes, times, modes,
// bytes. Method: write an image into a sparse file whose data region holds real bytes, check it
// with fsck.erofs, mount it from the file and by loop, compare every entry with the index.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fmt/format.h>

#include <map>

#include "base/rng.h"
#include "e2e/image/kernel_mount.h"
#include "sys/file.h"
#include "unit/image/fake_index.h"
#include "unit/image/memory_image.h"

namespace shoal::image {
namespace {

namespace fs = std::filesystem;

constexpr WriteOptions kOptions{
    .uid = 1234, .gid = 4321, .file_mode = 0640, .directory_mode = 0751};
constexpr std::uint64_t kCompareWholeBytesMax = 1 << 20;

class FileSink final : public Sink {
 public:
  explicit FileSink(const sys::File& file) : file_(file) {}
  Result<void> write(std::uint64_t offset, ByteSpan bytes) override {
    return file_.write_at(offset, bytes);
  }

 private:
  const sys::File& file_;
};

// Self-describing content: a misread shows which object and offset it came from.
std::string content_of(const std::string& path, std::uint64_t offset, std::uint64_t bytes) {
  Rng start(std::hash<std::string>{}(path));
  const std::uint64_t salt = start.next();
  std::string text(bytes, '\0');
  for (std::uint64_t i = 0; i < bytes; ++i)
    text[i] = static_cast<char>((salt + (offset + i) * 0x9E3779B97F4A7C15ull) >> 56);
  return text;
}
// The parts of an object that are written and compared: all of a small one, samples of a large one.
std::vector<std::pair<std::uint64_t, std::uint64_t>> samples_of(std::uint64_t size) {
  if (size <= kCompareWholeBytesMax) return {{0, size}};
  std::vector<std::pair<std::uint64_t, std::uint64_t>> samples{{0, 70'000},
                                                               {size - 70'000, 70'000}};
  if (size > (4ull << 30) + 100) samples.push_back({(4ull << 30) - 100, 200});
  return samples;
}

void write_image_file(const TreePlan& plan, const fs::path& path) {
  const auto file = sys::File::open(path, sys::File::Mode::create);
  ASSERT_TRUE(file) << file.error().to_string();
  FileSink sink(*file);
  MemoryBytes scratch;
  const FakeIndex index = plan.index();
  const auto result = write_image(index, sink, scratch, kOptions);
  ASSERT_TRUE(result) << result.error().to_string();
  ASSERT_TRUE(file->resize(result->image_bytes));
  for (const index::Entry& entry : plan.entries())
    for (const auto& [offset, bytes] : samples_of(entry.record.size)) {
      const auto written =
          file->write_at(format::kDataRegionStart + entry.record.address.value + offset,
                         as_bytes(content_of(entry.path, offset, bytes)));
      ASSERT_TRUE(written) << written.error().to_string();
    }
}

std::string read_part(const fs::path& path, std::uint64_t offset, std::uint64_t bytes) {
  const auto file = sys::File::open(path, sys::File::Mode::read_only);
  if (!file) return file.error().to_string();
  std::string text(bytes, '\0');
  const auto read = file->read_at(offset, std::as_writable_bytes(std::span(text)));
  return read ? text : read.error().to_string();
}

void expect_status(const fs::path& path, mode_t mode, std::uint64_t size, std::int64_t mtime) {
  struct stat status {};
  ASSERT_EQ(lstat(path.c_str(), &status), 0) << path << ": " << std::strerror(errno);
  EXPECT_EQ(status.st_mode, mode) << path;
  EXPECT_EQ(status.st_uid, kOptions.uid) << path;
  EXPECT_EQ(status.st_gid, kOptions.gid) << path;
  EXPECT_EQ(status.st_mtim.tv_sec, mtime) << path;
  if (S_ISREG(mode)) {
    EXPECT_EQ(static_cast<std::uint64_t>(status.st_size), size) << path;
  }
}

std::map<std::string, format::ObjectRecord> files_of(const TreePlan& plan) {
  std::map<std::string, format::ObjectRecord> files;
  for (const index::Entry& entry : plan.entries())
    if (entry.record.kind == format::ObjectRecord::Kind::file) files[entry.path] = entry.record;
  return files;
}
std::map<std::string, std::int64_t> directories_of(const TreePlan& plan) {
  std::map<std::string, std::int64_t> directories;
  for (const index::Entry& entry : plan.entries()) {
    fs::path path = entry.path;
    if (entry.record.kind == format::ObjectRecord::Kind::file) path = path.parent_path();
    for (; !path.empty(); path = path.parent_path()) {
      std::int64_t& mtime = directories[path.string()];
      mtime = std::max(mtime, entry.record.mtime);
    }
  }
  return directories;
}

void expect_mount_shows(const TreePlan& plan, const fs::path& root) {
  auto files = files_of(plan);
  auto directories = directories_of(plan);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
    const std::string path = entry.path().lexically_relative(root).string();
    if (const auto directory = directories.find(path); directory != directories.end()) {
      expect_status(entry.path(), S_IFDIR | kOptions.directory_mode, 0, directory->second);
      directories.erase(directory);
      continue;
    }
    const auto file = files.find(path);
    if (file == files.end()) {
      ADD_FAILURE() << "nobody wrote " << path;
      continue;
    }
    expect_status(entry.path(), S_IFREG | kOptions.file_mode, file->second.size,
                  file->second.mtime);
    for (const auto& [offset, bytes] : samples_of(file->second.size))
      EXPECT_TRUE(read_part(entry.path(), offset, bytes) == content_of(path, offset, bytes))
          << path << " at " << offset;
    files.erase(file);
  }
  EXPECT_TRUE(files.empty()) << files.size() << " files missing, the first is "
                             << files.begin()->first;
  EXPECT_TRUE(directories.empty()) << directories.begin()->first << " is missing";
  // Lookup is another path in the kernel than listing: a binary search that order errors break.
  for (const auto& [path, record] : files_of(plan))
    expect_status(root / path, S_IFREG | kOptions.file_mode, record.size, record.mtime);
  struct stat status {};
  EXPECT_EQ(lstat((root / "no such file").c_str(), &status), -1);
}

int exit_code_of(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct Way {
  std::uint32_t block_bytes;
  MountKind kind;
};
std::string name_of_way(const testing::TestParamInfo<Way>& info) {
  const char* kinds[] = {"file", "file_directio", "loop"};
  return fmt::format("{}_blocks_{}", kinds[static_cast<int>(info.param.kind)],
                     info.param.block_bytes);
}

class MountTest : public testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    if (const std::string reason = enter_mount_namespace(); !reason.empty()) GTEST_SKIP() << reason;
  }
  format::Geometry geometry() const { return {.block_bytes = GetParam().block_bytes}; }
  fs::path image() const { return folder_.path / "image.erofs"; }
  fs::path root() const { return folder_.path / "mnt"; }

  // fsck.erofs before erofs-utils 1.6 knows 4096-byte blocks only.
  void expect_fsck_clean() {
    if (GetParam().block_bytes != 4096 || exit_code_of("fsck.erofs -V >/dev/null 2>&1") != 0)
      return;
    EXPECT_EQ(exit_code_of(fmt::format("fsck.erofs '{}' >&2", image().string())), 0);
  }
  void mount_image() {
    const int error = mount_.attach(image(), root(), GetParam().kind);
    if (GetParam().kind != MountKind::loop && (error == ENOTBLK || error == EINVAL))
      GTEST_SKIP() << "this kernel mounts no EROFS from a file (Linux 6.12+, directio 6.13+)";
    if (GetParam().kind == MountKind::loop && (error == ENOENT || error == ENODEV))
      GTEST_SKIP() << "no loop devices here";
    ASSERT_EQ(error, 0) << std::strerror(error);
  }
  void expect_round_trip(TreePlan& plan) {
    plan.lay_out(geometry());
    ASSERT_NO_FATAL_FAILURE(write_image_file(plan, image()));
    expect_fsck_clean();
    mount_image();
    if (HasFatalFailure() || IsSkipped()) return;
    expect_mount_shows(plan, root());
  }

  TempFolder folder_;
  KernelMount mount_;  // unmounts before the folder goes
};
INSTANTIATE_TEST_SUITE_P(
    Ways, MountTest,
    testing::Values(Way{4096, MountKind::file_backed}, Way{4096, MountKind::file_backed_directio},
                    Way{4096, MountKind::loop}, Way{512, MountKind::file_backed},
                    Way{512, MountKind::file_backed_directio}, Way{512, MountKind::loop}),
    name_of_way);

TEST_P(MountTest, sizes_around_blocks_empty_objects_and_over_4_gib) {
  TreePlan plan;
  for (const std::uint64_t size : {0ull, 1ull, 511ull, 512ull, 513ull, 4095ull, 4096ull, 4097ull,
                                   1'048'576ull, 4'194'305ull, 5'368'709'121ull})
    plan.file(fmt::format("sizes/{:012}", size), size,
              static_cast<std::int64_t>(size % 2'000'000'000));
  plan.file("old", 3, -86'400).file("empty/of/bytes", 0).marker("empty/marker", 1'234'567'890);
  expect_round_trip(plan);
}

TEST_P(MountTest, every_byte_in_names) {
  TreePlan plan;
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '/') continue;
    const std::string letter(1, static_cast<char>(byte));
    plan.file("n" + letter, 20).file(letter + "first", 30).file(letter + "dir/" + letter + "f", 40);
    if (byte != '.') plan.file(letter, 10).file("." + letter, 10);
  }
  plan.file("...", 1);
  expect_round_trip(plan);
}

TEST_P(MountTest, longest_names_and_deepest_tree) {
  TreePlan plan;
  for (int i = 0; i < 100; ++i)
    plan.file(std::string(252, 'n') + std::to_string(100 + i), 5)
        .file(std::string(252, 'd') + std::to_string(100 + i) + "/" + std::string(255, 'x'), 6);
  std::string deep = "d";
  for (int i = 0; i < 200; ++i) deep += "/d";
  plan.file(deep + "/f", 10);
  expect_round_trip(plan);
}

TEST_P(MountTest, random_trees) {
  Rng rng(20240607);
  TreePlan plan;
  for (int i = 0; i < 3000; ++i)
    plan.file(fmt::format("d{:x}/e{:x}/{:03}{}", rng.below(5), rng.below(20), i,
                          std::string(rng.below(240), 'p')),
              rng.below(3) == 0 ? rng.below(100'000) : rng.below(3000),
              static_cast<std::int64_t>(rng.below(1u << 31)));
  expect_round_trip(plan);
}

TEST_P(MountTest, directories_behind_their_inodes_of_every_length) {
  TreePlan plan;
  // From one entry to over a block of them, so that tails meet every place in a block.
  for (int i = 0; i < 260; ++i) {
    for (int j = 0; j <= i; ++j) plan.file(fmt::format("d{:03}/{:04}", i, j), 0);
    plan.file(fmt::format("d{:03}/sub/one", i), 1);
  }
  expect_round_trip(plan);
}

TEST_P(MountTest, more_than_65535_subdirectories) {
  TreePlan plan;
  for (int i = 0; i < 70'000; ++i) plan.file(fmt::format("s{:05}/f", i), 0);
  plan.lay_out(geometry());
  ASSERT_NO_FATAL_FAILURE(write_image_file(plan, image()));
  mount_image();
  if (HasFatalFailure() || IsSkipped()) return;
  struct stat status {};
  ASSERT_EQ(stat(root().c_str(), &status), 0);
  EXPECT_EQ(status.st_nlink, 70'002u);
  EXPECT_TRUE(fs::exists(root() / "s69999/f"));
  EXPECT_EQ(std::distance(fs::directory_iterator(root()), fs::directory_iterator()), 70'000);
}

TEST_P(MountTest, million_entries_in_one_directory) {
  constexpr std::uint64_t kFiles = 1'000'000;
  const auto name_of = [](std::uint64_t i) { return fmt::format("f{:07}.csv", i); };
  const FakeIndex index(geometry(), kFiles, {kFiles * 4096},
                        [&](std::uint64_t i, index::Entry& entry) {
                          entry.path = "all/" + name_of(i);
                          entry.record.size = i % 4000;
                          entry.record.mtime = static_cast<std::int64_t>(i);
                          entry.record.address = {i * 4096};
                        });
  {
    const auto file = sys::File::open(image(), sys::File::Mode::create);
    ASSERT_TRUE(file);
    FileSink sink(*file);
    MemoryBytes scratch;
    const auto result = write_image(index, sink, scratch, kOptions);
    ASSERT_TRUE(result) << result.error().to_string();
    ASSERT_TRUE(file->resize(result->image_bytes));
  }
  expect_fsck_clean();
  mount_image();
  if (HasFatalFailure() || IsSkipped()) return;
  std::uint64_t listed = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(root() / "all")) {
    // The kernel lists in the order of the image, which is the order of names.
    if (entry.path().filename() != name_of(listed++)) FAIL() << entry.path() << " is out of order";
  }
  EXPECT_EQ(listed, kFiles);
  Rng rng(7);
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t number = rng.below(kFiles);
    expect_status(root() / "all" / name_of(number), S_IFREG | kOptions.file_mode, number % 4000,
                  static_cast<std::int64_t>(number));
  }
  EXPECT_FALSE(fs::exists(root() / "all/f1000000.csv"));
  EXPECT_FALSE(fs::exists(root() / "all/f0500000.csw"));
}

TEST_P(MountTest, data_past_32_bits_of_blocks) {
  TreePlan plan;
  plan.file("near", 100).file("far/away", 5000);
  // Behind block 2^32: 16 TiB with 4096-byte blocks is more than ext4 lets a file be, so the object
  // is only looked at there, and read where the file system allows.
  const std::uint64_t start = (1ull << 32) * GetParam().block_bytes;
  plan.lay_out(geometry(), {start});
  const auto file = sys::File::open(image(), sys::File::Mode::create);
  ASSERT_TRUE(file);
  FileSink sink(*file);
  MemoryBytes scratch;
  const FakeIndex index = plan.index();
  const auto result = write_image(index, sink, scratch, kOptions);
  ASSERT_TRUE(result) << result.error().to_string();
  const bool whole = file->resize(result->image_bytes).has_value();
  if (!whole) {
    ASSERT_TRUE(file->resize(result->metadata_bytes));
  }
  for (const index::Entry& entry : plan.entries()) {
    if (!whole) break;
    ASSERT_TRUE(file->write_at(format::kDataRegionStart + entry.record.address.value,
                               as_bytes(content_of(entry.path, 0, entry.record.size))));
  }
  const int error = mount_.attach(image(), root(), GetParam().kind);
  if (error == EOPNOTSUPP || error == EINVAL)
    GTEST_SKIP() << "this kernel has no 48-bit EROFS (6.15+)";
  if (error == ENOTBLK) GTEST_SKIP() << "this kernel mounts no EROFS from a file (Linux 6.12+)";
  ASSERT_EQ(error, 0) << std::strerror(error);
  if (whole) {
    expect_mount_shows(plan, root());
  } else {
    expect_status(root() / "near", S_IFREG | kOptions.file_mode, 100, 1'600'000'000);
    expect_status(root() / "far/away", S_IFREG | kOptions.file_mode, 5000, 1'600'000'000);
  }
}

}  // namespace
}  // namespace shoal::image
