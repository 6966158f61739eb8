// SPDX-License-Identifier: Apache-2.0
// Goal: what a journal accepted is there when it is opened again, in order, and no id comes back;
// a journal that is in use, of another bucket, newer, damaged or on a full disk says so. Method: a
// real database in a temporary directory, opened again and again; bytes of its files are changed
// between.
#include "upload/journal.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "sim/support/faulty_files.h"

namespace shoal::upload {
namespace {

namespace fs = std::filesystem;
using format::UploadJobRecord;

constexpr char kBucket[] = "s3://b";

UploadJobRecord put_of(std::string key) {
  return {.kind = UploadJobRecord::Kind::put,
          .body = UploadJobRecord::Body::file,
          .key = std::move(key),
          .file = "/f",
          .size = 7};
}

class JournalTest : public ::testing::Test {
 protected:
  [[nodiscard]] Result<std::unique_ptr<Journal>> try_open() const {
    return Journal::open({.directory = path(), .bucket = kBucket, .sync = false});
  }
  [[nodiscard]] std::unique_ptr<Journal> open() const {
    auto journal = try_open();
    EXPECT_TRUE(journal) << journal.error().to_string();
    return journal ? std::move(*journal) : nullptr;
  }
  static std::uint64_t accept(Journal& journal, const UploadJobRecord& record,
                              std::string_view body = {}) {
    const Journal::NewJob job{.id = journal.next_id(), .record = &record, .body = as_bytes(body)};
    EXPECT_TRUE(journal.accept({&job, 1}));
    return job.id;
  }
  static std::vector<Journal::StoredJob> load(const Journal& journal) {
    auto jobs = journal.load();
    EXPECT_TRUE(jobs) << jobs.error().to_string();
    return jobs ? std::move(*jobs) : std::vector<Journal::StoredJob>();
  }
  static void end(Journal& journal, std::uint64_t id) {
    const Journal::Ending ending{.id = id, .had_parts = true};
    EXPECT_TRUE(journal.end({&ending, 1}));
  }

  // Records whose keys begin so, in the database, which nobody has open.
  [[nodiscard]] std::uint64_t rows(char kind) const {
    std::uint64_t count = 0;
    with_database([&](rocksdb::DB& db) {
      const std::unique_ptr<rocksdb::Iterator> at(db.NewIterator({}));
      for (at->Seek(std::string(1, kind)); at->Valid() && at->key()[0] == kind; at->Next()) ++count;
    });
    return count;
  }
  void put_row(const std::string& key, const std::string& value) const {
    with_database([&](rocksdb::DB& db) { EXPECT_TRUE(db.Put({}, key, value).ok()); });
  }
  [[nodiscard]] fs::path path() const { return directory_.path() / "journal"; }
  // The newest file of the database whose name begins or ends so.
  [[nodiscard]] fs::path file_named(const std::string& part) const {
    fs::path found;
    for (const auto& entry : fs::directory_iterator(path() / "db"))
      if (entry.path().filename().string().find(part) != std::string::npos &&
          (found.empty() || entry.path() > found))
        found = entry.path();
    return found;
  }

 private:
  template <typename Work>
  void with_database(Work work) const {
    rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, (path() / "db").string(), &opened).ok());
    const std::unique_ptr<rocksdb::DB> db(opened);
    work(*db);
  }
  sim::TemporaryDirectory directory_;
};

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void replace(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

TEST_F(JournalTest, gives_back_what_it_accepted_in_order) {
  std::vector<std::uint64_t> ids;
  {
    const auto journal = open();
    for (int i = 0; i < 300; ++i) ids.push_back(accept(*journal, put_of(std::to_string(i))));
  }
  const auto journal = open();
  const auto jobs = load(*journal);
  ASSERT_EQ(jobs.size(), 300u);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    EXPECT_EQ(jobs[i].id, ids[i]);
    EXPECT_EQ(jobs[i].record, put_of(std::to_string(i)));
    EXPECT_FALSE(jobs[i].multipart);
  }
  EXPECT_TRUE(std::ranges::is_sorted(ids));
}

TEST_F(JournalTest, keeps_the_bodies_that_ride_in_it_until_their_jobs_end) {
  UploadJobRecord record = put_of("k");
  record.body = UploadJobRecord::Body::in_journal;
  const std::string bytes("\0with\0zeros", 11);
  std::uint64_t id = 0;
  {
    const auto journal = open();
    id = accept(*journal, record, bytes);
  }
  const auto journal = open();
  EXPECT_EQ(journal->body(id).value_or("?"), bytes);
  end(*journal, id);
  const auto gone = journal->body(id);
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().message().find(path().string()), std::string::npos);
}

TEST_F(JournalTest, takes_an_empty_body_for_one) {
  UploadJobRecord record = put_of("k");
  record.body = UploadJobRecord::Body::in_journal;
  const auto journal = open();
  const auto id = accept(*journal, record, "");
  EXPECT_EQ(journal->body(id).value_or("?"), "");
}

TEST_F(JournalTest, replaces_a_record_when_an_append_has_found_its_position) {
  UploadJobRecord record{
      .kind = UploadJobRecord::Kind::append, .body = UploadJobRecord::Body::in_journal, .key = "k"};
  {
    const auto journal = open();
    const auto id = accept(*journal, record, "x");
    record.position = 12;
    ASSERT_TRUE(journal->update(id, record));
  }
  const auto journal = open();
  const auto jobs = load(*journal);
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].record.position, 12u);
}

TEST_F(JournalTest, keeps_an_upload_with_its_parts_in_the_order_of_their_numbers) {
  const format::MultipartRecord record{.upload_id = "u", .part_bytes = 10, .identity = {.size = 1}};
  {
    const auto journal = open();
    const auto first = accept(*journal, put_of("a"));
    const auto second = accept(*journal, put_of("b"));
    ASSERT_TRUE(journal->set_multipart(first, record));
    ASSERT_TRUE(journal->set_multipart(second, {.part_bytes = 5}));
    for (const std::uint32_t number : {300u, 1u, 10'000u, 2u})
      ASSERT_TRUE(journal->add_part(first, number, {.etag = std::to_string(number)}));
    ASSERT_TRUE(journal->add_part(second, 7, {.etag = "other"}));
  }
  const auto journal = open();
  const auto jobs = load(*journal);
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0].multipart, record);
  std::vector<std::uint32_t> numbers;
  for (const auto& [number, part] : jobs[0].parts) {
    numbers.push_back(number);
    EXPECT_EQ(part.etag, std::to_string(number));
  }
  EXPECT_EQ(numbers, (std::vector<std::uint32_t>{1, 2, 300, 10'000}));
  ASSERT_EQ(jobs[1].parts.size(), 1u);
  EXPECT_EQ(jobs[1].multipart->upload_id, "");
}

TEST_F(JournalTest, a_new_upload_forgets_the_parts_of_the_one_before) {
  const auto journal = open();
  const auto id = accept(*journal, put_of("a"));
  const auto other = accept(*journal, put_of("b"));
  for (const auto one : {id, other}) {
    ASSERT_TRUE(journal->set_multipart(one, {.upload_id = "u", .part_bytes = 10}));
    ASSERT_TRUE(journal->add_part(one, 1, {.etag = "e"}));
  }
  ASSERT_TRUE(journal->set_multipart(id, {.upload_id = "v", .part_bytes = 10}));
  EXPECT_TRUE(load(*journal)[0].parts.empty());
  ASSERT_TRUE(journal->forget_multipart(id));
  EXPECT_FALSE(load(*journal)[0].multipart);
  EXPECT_EQ(load(*journal)[1].parts.size(), 1u);
}

TEST_F(JournalTest, holds_nothing_of_jobs_that_ended) {
  UploadJobRecord record = put_of("a");
  record.body = UploadJobRecord::Body::in_journal;
  {
    const auto journal = open();
    const auto id = accept(*journal, record, "bytes");
    ASSERT_TRUE(journal->set_multipart(id, {.upload_id = "u", .part_bytes = 10}));
    for (std::uint32_t number = 1; number <= 20; ++number)
      ASSERT_TRUE(journal->add_part(id, number, {.etag = "e"}));
    end(*journal, id);
    EXPECT_TRUE(load(*journal).empty());
  }
  for (const char kind : {'j', 'b', 'm', 'p', 's'}) EXPECT_EQ(rows(kind), 0u) << kind;
  EXPECT_GT(rows('a'), 0u);
}

TEST_F(JournalTest, remembers_what_was_sent_until_it_is_told_to_forget) {
  const std::string long_key(1024, '\xff');
  {
    const auto journal = open();
    const auto id = accept(*journal, put_of("k"));
    const std::vector<Journal::Ending> endings{
        {.id = id, .sent_key = "k", .sent = {.file = "/f", .etag = "e"}},
        {.id = id + 1, .sent_key = long_key, .sent = {.etag = "l"}}};
    ASSERT_TRUE(journal->end(endings));
  }
  const auto journal = open();
  ASSERT_TRUE(journal->last_sent("k").value());
  EXPECT_EQ(journal->last_sent("k").value()->etag, "e");
  EXPECT_EQ(journal->last_sent(long_key).value()->etag, "l");
  EXPECT_FALSE(journal->last_sent("other").value());
  ASSERT_TRUE(journal->forget_sent());
  EXPECT_FALSE(journal->last_sent("k").value());
  EXPECT_FALSE(journal->last_sent(long_key).value());
}

TEST_F(JournalTest, never_uses_an_id_twice_also_when_every_job_has_ended) {
  std::uint64_t last = 0;
  for (int i = 0; i < 4; ++i) {
    const auto journal = open();
    const auto id = accept(*journal, put_of("k"));
    EXPECT_GT(id, last);
    last = id;
    end(*journal, id);
  }
}

TEST_F(JournalTest, never_uses_an_id_twice_after_a_process_that_used_very_many) {
  std::uint64_t last = 0;
  {
    const auto journal = open();
    while (last < 1'000'100) last = journal->next_id();
    last = accept(*journal, put_of("pending"));
    EXPECT_EQ(load(*journal).size(), 1u);
  }
  const auto journal = open();
  const auto id = accept(*journal, put_of("new"));
  EXPECT_GT(id, last);
  EXPECT_EQ(load(*journal).size(), 2u);
}

TEST_F(JournalTest, is_of_one_process_at_a_time_and_names_it) {
  const auto journal = open();
  const auto second = try_open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::precondition);
  EXPECT_NE(second.error().message().find("process " + std::to_string(getpid())), std::string::npos)
      << second.error().to_string();
}

TEST_F(JournalTest, is_of_one_bucket_and_endpoint) {
  { const auto journal = open(); }
  for (const auto& [bucket, endpoint] : std::vector<std::pair<std::string, std::string>>{
           {"s3://other", ""}, {"oss://b", ""}, {kBucket, "http://elsewhere"}}) {
    const auto other = Journal::open({.directory = path(), .bucket = bucket, .endpoint = endpoint});
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code(), ErrorCode::precondition);
    EXPECT_NE(other.error().message().find(bucket), std::string::npos);
    EXPECT_NE(other.error().message().find(kBucket), std::string::npos);
  }
  EXPECT_TRUE(try_open());
}

TEST_F(JournalTest, of_a_newer_shoal_is_refused) {
  { const auto journal = open(); }
  put_row("aowner", format::encode(format::JournalRecord{.version = 2, .bucket = kBucket}));
  const auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::unsupported);
  EXPECT_NE(opened.error().message().find("version 2"), std::string::npos);
}

TEST_F(JournalTest, with_a_record_that_cannot_be_read_is_corrupt) {
  { const auto journal = open(); }
  put_row("j" + encode_be(std::uint64_t{5}), "\x08\x09");
  const auto journal = open();
  const auto jobs = journal->load();
  ASSERT_FALSE(jobs);
  EXPECT_EQ(jobs.error().code(), ErrorCode::corrupt);
  EXPECT_FALSE(jobs.error().remedy().empty());
}

TEST_F(JournalTest, whose_counter_of_ids_is_damaged_is_corrupt) {
  {
    const auto journal = open();
    accept(*journal, put_of("k"));
  }
  put_row("aids", "1234");
  const auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::corrupt);
}

// Each file is damaged in its middle: what was accepted must not be missing without a word.
TEST_F(JournalTest, with_a_changed_byte_fails_to_open_or_has_everything) {
  std::vector<UploadJobRecord> records;
  {
    const auto journal = open();
    for (int i = 0; i < 40; ++i) {
      records.push_back(put_of(std::string(200, static_cast<char>('a' + i % 26))));
      accept(*journal, records.back());
    }
    // The last record of a log may be torn: it stands for everything before.
    accept(*journal, put_of("last"));
  }
  const fs::path saved = path().string() + ".saved";
  fs::copy(path(), saved, fs::copy_options::recursive);
  int refused = 0;
  for (const char* name : {"MANIFEST", ".log"}) {
    const fs::path victim = file_named(name);
    ASSERT_FALSE(victim.empty()) << name;
    const std::string bytes = contents(victim);
    for (int i = 1; i < 12; ++i) {
      std::string damaged = bytes;
      const std::size_t at = bytes.size() * static_cast<std::size_t>(i) / 13;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
      replace(victim, damaged);
      const auto journal = try_open();
      if (journal) {
        const auto jobs = load(**journal);
        ASSERT_GE(jobs.size(), records.size()) << name << " at " << at;
        for (std::size_t k = 0; k < records.size(); ++k) EXPECT_EQ(jobs[k].record, records[k]);
      } else {
        ++refused;
        EXPECT_EQ(journal.error().code(), ErrorCode::corrupt) << journal.error().to_string();
        EXPECT_NE(journal.error().message().find(path().string()), std::string::npos);
        EXPECT_FALSE(journal.error().remedy().empty());
      }
      fs::remove_all(path());
      fs::copy(saved, path(), fs::copy_options::recursive);
    }
  }
  EXPECT_GT(refused, 0);
}

TEST_F(JournalTest, whose_last_write_was_torn_opens_with_everything_before) {
  {
    const auto journal = open();
    for (int i = 0; i < 10; ++i) accept(*journal, put_of(std::to_string(i)));
  }
  const fs::path log = file_named(".log");
  fs::resize_file(log, fs::file_size(log) - 3);
  const auto journal = open();
  EXPECT_EQ(load(*journal).size(), 9u);
}

// A small file system of its own, for a root that may mount one.
class SmallDisk {
 public:
  explicit SmallDisk(const fs::path& path) : path_(path) {
    fs::create_directories(path);
    is_mounted_ = ::mount("shoal-test", path.c_str(), "tmpfs", 0, "size=24m") == 0;
  }
  ~SmallDisk() {
    if (is_mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  [[nodiscard]] bool is_mounted() const { return is_mounted_; }
  // Leaves nothing.
  void fill() const {
    std::ofstream file(path_ / "filler", std::ios::binary);
    const std::string block(4096, 'x');
    while (file.write(block.data(), 4096) && file.flush()) continue;
  }
  void make_room() const { fs::remove(path_ / "filler"); }

 private:
  fs::path path_;
  bool is_mounted_ = false;
};

TEST_F(JournalTest, on_a_full_disk_says_so_and_keeps_what_it_accepted) {
  const SmallDisk disk(path());
  if (!disk.is_mounted()) GTEST_SKIP() << "mount tmpfs: " << std::strerror(errno);
  UploadJobRecord record = put_of("k");
  record.body = UploadJobRecord::Body::in_journal;
  const std::string body(60'000, 'b');
  std::size_t accepted = 0;
  {
    const auto journal =
        Journal::open({.directory = path(), .bucket = kBucket, .sync = true}).value();
    for (; accepted < 5; ++accepted) accept(*journal, record, body);
    disk.fill();
    // The log has some room reserved.
    Journal::NewJob job{.id = journal->next_id(), .record = &record, .body = as_bytes(body)};
    Result<void> refused;
    for (; (refused = journal->accept({&job, 1})) && accepted < 1000; ++accepted)
      job.id = journal->next_id();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::no_space) << refused.error().to_string();
    EXPECT_NE(refused.error().message().find(path().string()), std::string::npos);
  }
  disk.make_room();
  const auto journal = open();
  EXPECT_EQ(load(*journal).size(), accepted);
}

TEST_F(JournalTest, does_not_open_on_a_full_disk) {
  const SmallDisk disk(path());
  if (!disk.is_mounted()) GTEST_SKIP() << "mount tmpfs: " << std::strerror(errno);
  disk.fill();
  const auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::no_space) << opened.error().to_string();
}

}  // namespace
}  // namespace shoal::upload
