// SPDX-License-Identifier: Apache-2.0
// Goal: the C interface carries work, outcomes and errors across faithfully, whoever owns what.
// Method: every function on a bucket that is a directory, with the journal beside it.
#include "shoal/uploader_c.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "unit/sys/temporary_directory.h"

namespace {

struct ErrorFree {
  void operator()(shoal_error* error) const { shoal_error_free(error); }
};
using ErrorPointer = std::unique_ptr<shoal_error, ErrorFree>;

std::string text_of(const ErrorPointer& error) {
  return error ? shoal_error_text(error.get()) : "";
}

class CApiTest : public testing::Test {
 protected:
  void SetUp() override {
    bucket_ = directory_.path() / "bucket";
    journal_ = (directory_.path() / "journal").string();
    std::filesystem::create_directory(bucket_);
    url_ = "file://" + bucket_.string();
    options_.struct_bytes = sizeof options_;
    options_.journal = journal_.c_str();
  }
  void TearDown() override { shoal_uploader_close(uploader_); }
  void open() {
    const ErrorPointer error(shoal_uploader_open(url_.c_str(), &options_, &uploader_));
    ASSERT_EQ(text_of(error), "");
  }
  std::string content(const std::string& key) {
    std::ifstream file(bucket_ / key, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  shoal::testing::TemporaryDirectory directory_;
  std::filesystem::path bucket_;
  std::string journal_;
  std::string url_;
  shoal_uploader_options options_{};
  shoal_uploader* uploader_ = nullptr;
};

TEST_F(CApiTest, bytes_arrive_and_the_result_says_so) {
  open();
  shoal_upload* upload = nullptr;
  ErrorPointer error(shoal_uploader_put_object(uploader_, "dir/key", "hello", 5, nullptr, &upload));
  ASSERT_EQ(text_of(error), "");
  EXPECT_EQ(shoal_upload_wait(upload, -1), 1);
  EXPECT_EQ(shoal_upload_is_ready(upload), 1);
  shoal_uploaded uploaded{};
  uploaded.struct_bytes = sizeof uploaded;
  error.reset(shoal_upload_result(upload, &uploaded));
  ASSERT_EQ(text_of(error), "");
  EXPECT_STREQ(uploaded.key, "dir/key");
  EXPECT_EQ(uploaded.bytes, 5u);
  EXPECT_NE(std::string(uploaded.etag), "");
  shoal_upload_free(upload);
  EXPECT_EQ(content("dir/key"), "hello");
}

TEST_F(CApiTest, a_file_arrives_without_asking_for_the_upload) {
  open();
  const std::string file = (directory_.path() / "local").string();
  std::ofstream(file) << "from a file";
  ErrorPointer error(
      shoal_uploader_put_object_from_file(uploader_, "key", file.c_str(), nullptr, nullptr));
  ASSERT_EQ(text_of(error), "");
  error.reset(shoal_uploader_flush(uploader_, -1));
  ASSERT_EQ(text_of(error), "");
  EXPECT_EQ(content("key"), "from a file");
}

TEST_F(CApiTest, appending_goes_on_at_the_end_and_refuses_a_wrong_position) {
  open();
  for (const char* piece : {"one ", "two"}) {
    const ErrorPointer error(shoal_uploader_append_object(uploader_, "log", SHOAL_AT_END, piece,
                                                          std::strlen(piece), nullptr));
    ASSERT_EQ(text_of(error), "");
  }
  ErrorPointer error(shoal_uploader_flush(uploader_, -1));
  ASSERT_EQ(text_of(error), "");
  EXPECT_EQ(content("log"), "one two");
  shoal_upload* upload = nullptr;
  error.reset(shoal_uploader_append_object(uploader_, "log", 3, "x", 1, &upload));
  ASSERT_EQ(text_of(error), "");
  error.reset(shoal_upload_result(upload, nullptr));
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(shoal_error_code(error.get()), SHOAL_PRECONDITION);
  EXPECT_STREQ(shoal_error_name(error.get()), "precondition");
  shoal_upload_free(upload);
}

TEST_F(CApiTest, a_removed_object_is_gone) {
  open();
  ErrorPointer error(shoal_uploader_put_object(uploader_, "key", "x", 1, nullptr, nullptr));
  ASSERT_EQ(text_of(error), "");
  error.reset(shoal_uploader_remove_object(uploader_, "key", nullptr));
  ASSERT_EQ(text_of(error), "");
  error.reset(shoal_uploader_flush(uploader_, -1));
  ASSERT_EQ(text_of(error), "");
  EXPECT_FALSE(std::filesystem::exists(bucket_ / "key"));
}

TEST_F(CApiTest, an_error_belongs_to_the_caller_and_says_everything) {
  open();
  const ErrorPointer error(
      shoal_uploader_put_object_from_file(uploader_, "key", "/no/such/file", nullptr, nullptr));
  ASSERT_NE(error, nullptr);
  shoal_uploader_close(uploader_);
  uploader_ = nullptr;
  EXPECT_EQ(shoal_error_code(error.get()), SHOAL_NOT_FOUND);
  EXPECT_NE(text_of(error).find("/no/such/file"), std::string::npos) << text_of(error);
  EXPECT_NE(text_of(error).find(shoal_error_message(error.get())), std::string::npos);
}

TEST_F(CApiTest, a_failed_upload_tells_everyone_who_asks) {
  open();
  ErrorPointer error(shoal_uploader_put_object(uploader_, "key", "old", 3, nullptr, nullptr));
  ASSERT_EQ(text_of(error), "");
  shoal_put_options put{};
  put.struct_bytes = sizeof put;
  put.no_clobber = 1;
  shoal_upload* upload = nullptr;
  error.reset(shoal_uploader_put_object(uploader_, "key", "new", 3, &put, &upload));
  ASSERT_EQ(text_of(error), "");
  std::vector<std::jthread> threads;
  std::vector<int> codes(8);
  for (int& code : codes)
    threads.emplace_back([upload, &code] {
      const ErrorPointer mine(shoal_upload_result(upload, nullptr));
      code = mine ? shoal_error_code(mine.get()) : 0;
    });
  threads.clear();
  EXPECT_EQ(codes, std::vector<int>(8, SHOAL_PRECONDITION));
  shoal_upload_free(upload);
  EXPECT_EQ(content("key"), "old");
}

TEST_F(CApiTest, an_upload_outlives_its_uploader) {
  open();
  shoal_upload* upload = nullptr;
  ErrorPointer error(shoal_uploader_put_object(uploader_, "key", "x", 1, nullptr, &upload));
  ASSERT_EQ(text_of(error), "");
  shoal_uploader_close(uploader_);
  uploader_ = nullptr;
  EXPECT_EQ(shoal_upload_wait(upload, -1), 1);
  error.reset(shoal_upload_result(upload, nullptr));
  EXPECT_TRUE(!error || shoal_error_code(error.get()) == SHOAL_CLOSED) << text_of(error);
  shoal_upload_free(upload);
}

TEST_F(CApiTest, structs_of_an_older_header_are_read_and_filled_as_far_as_they_go) {
  // As if the structs had ended behind these members.
  options_.struct_bytes = offsetof(shoal_uploader_options, memory_bytes_max);
  options_.memory_bytes_max = 1;  // an older caller's stack: not to be read
  open();
  ErrorPointer error(shoal_uploader_put_object(uploader_, "key", "x", 1, nullptr, nullptr));
  ASSERT_EQ(text_of(error), "");
  error.reset(shoal_uploader_flush(uploader_, -1));
  ASSERT_EQ(text_of(error), "");
  shoal_uploader_stats stats{};
  std::memset(&stats, 0xee, sizeof stats);
  stats.struct_bytes = offsetof(shoal_uploader_stats, recovered);
  error.reset(shoal_uploader_get_stats(uploader_, &stats));
  ASSERT_EQ(text_of(error), "");
  EXPECT_EQ(stats.accepted, 1u);
  EXPECT_EQ(stats.recovered, 0xeeeeeeeeeeeeeeeeu);
}

TEST_F(CApiTest, mistakes_of_the_caller_are_errors) {
  open();
  shoal_uploader* other = nullptr;
  ErrorPointer error(shoal_uploader_open("ftp://x/y", nullptr, &other));
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(shoal_error_code(error.get()), SHOAL_BAD_INPUT);
  EXPECT_EQ(other, nullptr);
  error.reset(shoal_uploader_open(nullptr, nullptr, &other));
  EXPECT_EQ(shoal_error_code(error.get()), SHOAL_BAD_INPUT);
  shoal_uploader_options unset{};
  error.reset(shoal_uploader_open(url_.c_str(), &unset, &other));
  ASSERT_NE(error, nullptr);
  EXPECT_NE(text_of(error).find("struct_bytes"), std::string::npos);
  error.reset(shoal_uploader_put_object(uploader_, nullptr, "x", 1, nullptr, nullptr));
  EXPECT_EQ(shoal_error_code(error.get()), SHOAL_BAD_INPUT);
  error.reset(shoal_uploader_put_object(uploader_, "key", nullptr, 1, nullptr, nullptr));
  EXPECT_EQ(shoal_error_code(error.get()), SHOAL_BAD_INPUT);
  // One journal, one process: the second one is told who has it.
  error.reset(shoal_uploader_open(url_.c_str(), &options_, &other));
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(shoal_error_code(error.get()), SHOAL_PRECONDITION);
}

TEST_F(CApiTest, url_and_journal_are_told) {
  open();
  EXPECT_EQ(std::string(shoal_uploader_url(uploader_)).substr(0, url_.size()), url_);
  EXPECT_EQ(journal_, shoal_uploader_journal(uploader_));
}

TEST_F(CApiTest, null_can_be_freed_and_closed) {
  shoal_error_free(nullptr);
  shoal_upload_free(nullptr);
  shoal_uploader_close(nullptr);
}

}  // namespace
