// SPDX-License-Identifier: Apache-2.0
// Goal: what commands that write make of names, how they show progress, and what a journal's note
// keeps.
// Method: pure functions on values; plans and notes on a temporary directory.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "base/limits.h"
#include "tools/write/event_log.h"
#include "tools/write/journals.h"
#include "tools/write/object_address.h"
#include "tools/write/put_plan.h"
#include "tools/write/send_view.h"
#include "unit/sys/temporary_directory.h"

namespace shoal::tools::write {
namespace {

ObjectAddress address_of(const std::string& url, Named named = Named::as_written) {
  auto address = parse_object_address(url, named);
  EXPECT_TRUE(address) << url;
  return address.value_or(ObjectAddress{});
}

TEST(ObjectAddress, names_objects_and_directories) {
  EXPECT_EQ(address_of("s3://b/dir/key").key, "dir/key");
  EXPECT_FALSE(address_of("s3://b/dir/key").is_directory());
  EXPECT_EQ(address_of("s3://b/dir/").key, "dir/");
  EXPECT_TRUE(address_of("s3://b/dir/").is_directory());
  EXPECT_EQ(address_of("s3://b").key, "");
  EXPECT_TRUE(address_of("oss://b/").is_directory());
  EXPECT_EQ(address_of("s3://b/dir", Named::directory).key, "dir/");
  EXPECT_EQ(address_of("s3://b/dir/key").bucket.to_url(), "s3://b/");
  EXPECT_EQ(address_of("s3://b/dir/key").url_of("other"), "s3://b/other");
}

TEST(ObjectAddress, of_a_directory_store_is_a_file_in_it) {
  EXPECT_EQ(address_of("file:///tmp/x/key").key, "key");
  EXPECT_EQ(address_of("file:///tmp/x/key").bucket.bucket, "/tmp/x");
  EXPECT_EQ(address_of("file:///tmp/x/").key, "");
}

TEST(ObjectAddress, refuses_what_is_no_url) {
  for (const char* url : {"", "b/key", "ftp://b/key", "s3://", "s3:///key"})
    EXPECT_FALSE(parse_object_address(url)) << url;
}

class PutPlanTest : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& content = "x") {
    const auto path = directory_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
    return path.string();
  }
  Result<std::map<std::string, std::string>> keys(const std::string& source, const std::string& url,
                                                  bool recursive = false) {
    const auto done = plan_source(source, address_of(url), recursive, plan_);
    if (!done) return fail(done.error());
    std::map<std::string, std::string> found;
    for (const PlannedFile& planned : plan_.files) found[planned.key] = planned.file.string();
    return found;
  }
  testing::TemporaryDirectory directory_;
  PutPlan plan_;
};

TEST_F(PutPlanTest, a_file_becomes_the_key_or_keeps_its_name) {
  const std::string path = file("one", "12345");
  EXPECT_TRUE(keys(path, "s3://b/k").value().contains("k"));
  EXPECT_TRUE(keys(path, "s3://b/d/").value().contains("d/one"));
  EXPECT_EQ(plan_.bytes, 10u);
}

TEST_F(PutPlanTest, a_tree_keeps_its_name_unless_it_ends_in_a_slash) {
  file("tree/a");
  file("tree/sub/.hidden");
  const std::string tree = (directory_.path() / "tree").string();
  EXPECT_EQ(keys(tree, "s3://b/p/", true).value(),
            (std::map<std::string, std::string>{{"p/tree/a", tree + "/a"},
                                                {"p/tree/sub/.hidden", tree + "/sub/.hidden"}}));
  plan_ = {};
  EXPECT_TRUE(keys(tree + "/", "s3://b/p/", true).value().contains("p/a"));
  plan_ = {};
  EXPECT_TRUE(keys(tree + "/.", "s3://b/", true).value().contains("a"));
}

TEST_F(PutPlanTest, what_cannot_be_an_object_is_named) {
  file("tree/a");
  std::filesystem::create_directory_symlink(".", directory_.path() / "tree/circle");
  std::filesystem::create_symlink("nowhere", directory_.path() / "tree/dangling");
  std::filesystem::create_symlink("a", directory_.path() / "tree/link");
  std::filesystem::create_directory(directory_.path() / "tree/empty");
  const auto found = keys((directory_.path() / "tree").string(), "s3://b/", true);
  EXPECT_EQ(found.value().size(), 2u);
  EXPECT_TRUE(found->contains("tree/link"));
  ASSERT_EQ(plan_.left_out.size(), 2u);
  EXPECT_EQ(plan_.left_out[0].path.filename(), "circle");
  EXPECT_EQ(plan_.left_out[1].path.filename(), "dangling");
  EXPECT_EQ(plan_.empty_directories, 1u);
}

TEST_F(PutPlanTest, refuses_missing_files_unasked_trees_and_long_keys) {
  EXPECT_EQ(keys("/no/such/file", "s3://b/k").error().code(), ErrorCode::not_found);
  EXPECT_EQ(keys(directory_.path().string(), "s3://b/").error().code(), ErrorCode::bad_input);
  const std::string long_url = "s3://b/" + std::string(limits::kKeyBytesMax, 'k') + "/";
  EXPECT_EQ(keys(file("one"), long_url).error().code(), ErrorCode::bad_input);
}

TEST(SendBar, counts_parts_under_way_and_never_hides_failures) {
  SendTotals totals;
  totals.files = 10;
  totals.bytes = 1000;
  totals.sent = 4;
  totals.sent_bytes = 400;
  totals.wire_bytes = 500;
  totals.elapsed_seconds = 5;
  const std::string text = send_bar_text("put", totals, 100);
  EXPECT_NE(text.find("50%"), std::string::npos) << text;
  EXPECT_NE(text.find("4/10 files"), std::string::npos) << text;
  EXPECT_NE(text.find("100 B/s"), std::string::npos) << text;
  EXPECT_NE(text.find("about 5 s left"), std::string::npos) << text;
  totals.failed = 3;
  EXPECT_NE(send_bar_text("put", totals, 30).find("3 FAILED"), std::string::npos);
}

TEST(SendBar, of_nothing_and_of_empty_files_is_no_division_by_zero) {
  EXPECT_NE(send_bar_text("put", {}, 80).find("0%"), std::string::npos);
  SendTotals totals;
  totals.files = totals.sent = 2;
  EXPECT_NE(send_bar_text("put", totals, 80).find("100%"), std::string::npos);
}

TEST(JournalNote, keeps_where_the_service_is) {
  const testing::TemporaryDirectory directory;
  const auto journal = directory.path() / "put-1";
  EXPECT_FALSE(read_note(journal).value());
  JournalNote note{.url = "s3://b/", .command = "shoal put", .options = {}};
  note.options.endpoint = "http://h:1";
  note.options.profile = "work";
  note.options.sign_requests = false;
  ASSERT_TRUE(write_note(journal, note));
  const auto read = read_note(journal).value();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->url, "s3://b/");
  EXPECT_EQ(read->command, "shoal put");
  EXPECT_EQ(read->options.endpoint, "http://h:1");
  EXPECT_EQ(read->options.profile, "work");
  EXPECT_FALSE(read->options.sign_requests);
  EXPECT_EQ(read->options.journal, journal);
  std::ofstream(journal.string() + ".json") << "{\"url\": 7}";
  EXPECT_EQ(read_note(journal).error().code(), ErrorCode::corrupt);
}

TEST(EventLog, tells_hopeless_work_of_this_run_and_nothing_else) {
  const Error denied(ErrorCode::permission, "denied");
  const Error busy(ErrorCode::throttled, "busy");
  EventLog log;
  const auto add = [&log](UploadEvent::Kind kind, std::uint64_t id, const Error* error,
                          bool is_recovered) {
    log.add({.kind = kind,
             .id = id,
             .key = "k",
             .file = {},
             .error = error,
             .result = nullptr,
             .is_recovered = is_recovered});
  };
  add(UploadEvent::Kind::delayed, 1, &denied, false);
  add(UploadEvent::Kind::delayed, 2, &busy, false);
  add(UploadEvent::Kind::waiting, 3, &denied, true);
  const auto hopeless = log.take_hopeless();
  ASSERT_EQ(hopeless.size(), 1u);
  EXPECT_EQ(hopeless[0].id, 1u);
  EXPECT_TRUE(log.take_hopeless().empty());
  EXPECT_EQ(log.take_first_delay()->code(), ErrorCode::throttled);
  EXPECT_FALSE(log.take_first_delay());
  EXPECT_EQ(log.recovered().waiting, 1u);
  log.expect_end(7);
  EXPECT_FALSE(log.wait_for_ends(std::chrono::milliseconds(0)));
  add(UploadEvent::Kind::refused, 7, &denied, false);
  EXPECT_TRUE(log.wait_for_ends(std::chrono::milliseconds(0)));
}

}  // namespace
}  // namespace shoal::tools::write
