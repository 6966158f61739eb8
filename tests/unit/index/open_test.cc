// SPDX-License-Identifier: Apache-2.0
// Goal: an index opens in every situation it promises to, and says what is wrong in the others.
// Method: real folders; a second process holds the lock where one is needed.
#include <fcntl.h>
#include <rocksdb/db.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "unit/index/fixture.h"

namespace shoal::index {
namespace {

TEST(OpenIndex, a_missing_one_is_not_found_and_create_makes_it) {
  TemporaryFolder folder;
  const auto path = folder.path() / "a" / "index";
  for (const auto mode : {Index::Mode::read_only, Index::Mode::read_write}) {
    const auto missing = Index::open(path, mode);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
    EXPECT_NE(missing.error().message().find(path.string()), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(open_or_die(path)->generation().value(), std::nullopt);
  EXPECT_EQ(open_or_die(path, Index::Mode::read_write)->dataset().value(), std::nullopt);
  EXPECT_EQ(open_or_die(path, Index::Mode::read_only)->dataset().value(), std::nullopt);
}

TEST(OpenIndex, a_file_in_the_way_is_an_io_error) {
  TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "x";
  const auto index = Index::open(folder.path() / "file" / "index", Index::Mode::create);
  ASSERT_FALSE(index);
  EXPECT_EQ(index.error().code(), ErrorCode::io);
}

TEST(OpenIndex, a_second_writer_is_refused_and_readers_see_what_the_first_wrote) {
  TemporaryFolder folder;
  const auto writer = open_or_die(folder.path());
  ASSERT_TRUE(build_keys(*writer, {"p/a", "p/d/b"}));
  ASSERT_TRUE(writer->store({3}, {.layout_id = 5, .present = {1}, .sealed = true, .xxh3 = 9}));
  for (const auto mode : {Index::Mode::create, Index::Mode::read_write}) {
    const auto second = Index::open(folder.path(), mode);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), ErrorCode::precondition);
    EXPECT_NE(second.error().message().find("this process has it open"), std::string::npos);
  }
  const auto reader = open_or_die(folder.path(), Index::Mode::read_only);
  EXPECT_EQ(content_of(*reader), content_of(*writer));
  EXPECT_EQ(reader->load({3}).value()->xxh3, 9u) << "only in the log so far";
  EXPECT_FALSE(reader->store({3}, {}));
  EXPECT_EQ(build_keys(*reader, {"p/a"}).error().code(), ErrorCode::precondition);
}

TEST(OpenIndex, the_process_that_holds_the_lock_is_named) {
  TemporaryFolder folder;
  open_or_die(folder.path()).reset();
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // RocksDB's lock is a POSIX record lock on this file; its threads would not survive the fork.
    const int fd = ::open((folder.path() / "LOCK").c_str(), O_RDWR);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    const char answer = ::fcntl(fd, F_SETLK, &lock) == 0 ? 'y' : 'n';
    if (::write(ready[1], &answer, 1) == 1) ::pause();
    ::_exit(0);
  }
  char answer = 'n';
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  const auto refused = Index::open(folder.path(), Index::Mode::read_write);
  EXPECT_TRUE(Index::open(folder.path(), Index::Mode::read_only));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::precondition);
  EXPECT_NE(refused.error().message().find("process " + std::to_string(child) + " (index_test)"),
            std::string::npos)
      << refused.error().to_string();
  EXPECT_TRUE(Index::open(folder.path(), Index::Mode::read_write));
}

// Opens the database as a newer Shoal would: with a family and a version this one does not know.
void write_version(const std::filesystem::path& path, const std::string& version) {
  rocksdb::DB* db = nullptr;
  std::vector<std::string> names;
  rocksdb::DBOptions options;
  options.create_missing_column_families = true;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(options, path.string(), &names).ok());
  names.emplace_back("novelty");
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  ASSERT_TRUE(rocksdb::DB::Open(options, path.string(), families, &handles, &db).ok());
  for (auto* handle : handles) {
    if (handle->GetName() == "meta") {
      ASSERT_TRUE(db->Put({}, handle, "version", version).ok());
    }
    ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
  }
  delete db;
}

TEST(OpenIndex, a_newer_version_is_unsupported_and_both_are_named) {
  TemporaryFolder folder;
  open_or_die(folder.path()).reset();
  write_version(folder.path(), "9");
  for (const auto mode : {Index::Mode::create, Index::Mode::read_write, Index::Mode::read_only}) {
    const auto newer = Index::open(folder.path(), mode);
    ASSERT_FALSE(newer);
    EXPECT_EQ(newer.error().code(), ErrorCode::unsupported) << newer.error().to_string();
    EXPECT_NE(newer.error().message().find("version 9"), std::string::npos);
    EXPECT_NE(newer.error().message().find("up to 1"), std::string::npos);
  }
}

TEST(OpenIndex, damage_is_corrupt) {
  TemporaryFolder folder;
  open_or_die(folder.path()).reset();
  std::ofstream(folder.path() / "CURRENT") << "rubbish\n";
  for (const auto mode : {Index::Mode::read_write, Index::Mode::read_only}) {
    const auto damaged = Index::open(folder.path(), mode);
    ASSERT_FALSE(damaged);
    EXPECT_EQ(damaged.error().code(), ErrorCode::corrupt) << damaged.error().to_string();
  }
}

TEST(CacheRecords, are_stored_visited_in_order_and_erased) {
  TemporaryFolder folder;
  auto index = open_or_die(folder.path());
  for (const std::uint64_t chunk : {300ull, 2ull, 1ull << 40})
    ASSERT_TRUE(index->store({chunk}, {.layout_id = 1, .present = {chunk}}));
  index.reset();
  index = open_or_die(folder.path());
  std::vector<std::uint64_t> seen;
  ASSERT_TRUE(index->visit([&](ChunkId chunk, const format::CacheRecord& record) {
    EXPECT_EQ(record.present.at(0), chunk.value);
    seen.push_back(chunk.value);
    return seen.size() < 2;
  }));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{2, 300}));
  ASSERT_TRUE(index->erase({300}));
  EXPECT_EQ(index->load({300}).value(), std::nullopt);
  EXPECT_EQ(index->load({2}).value()->present.at(0), 2u);
}

}  // namespace
}  // namespace shoal::index
