// SPDX-License-Identifier: Apache-2.0
// Goal: every code of ours has the code of gRPC's that makes kubelet do the right thing, and what
// ends in a pod's events is text that gRPC carries. Method: the whole table, beside whether kubelet
// may take it for the end; odd bytes.
#include <gtest/gtest.h>

#include <map>

#include "csi/status_codes.h"
#include "csi/volume_progress.h"

namespace shoal::csi {
namespace {

TEST(status_codes, of_every_error) {
  const std::map<ErrorCode, StatusCode> expected{
      {ErrorCode::not_found, StatusCode::not_found},
      {ErrorCode::precondition, StatusCode::failed_precondition},
      {ErrorCode::permission, StatusCode::permission_denied},
      {ErrorCode::throttled, StatusCode::unavailable},
      {ErrorCode::timeout, StatusCode::deadline_exceeded},
      {ErrorCode::unavailable, StatusCode::unavailable},
      {ErrorCode::corrupt, StatusCode::data_loss},
      {ErrorCode::no_space, StatusCode::resource_exhausted},
      {ErrorCode::limit, StatusCode::resource_exhausted},
      {ErrorCode::canceled, StatusCode::canceled},
      {ErrorCode::bad_input, StatusCode::invalid_argument},
      {ErrorCode::unsupported, StatusCode::failed_precondition},
      {ErrorCode::io, StatusCode::internal},
      {ErrorCode::closed, StatusCode::unavailable},
      {ErrorCode::bug, StatusCode::internal}};
  for (int code = 0; code <= static_cast<int>(ErrorCode::bug); ++code) {
    const auto at = expected.find(static_cast<ErrorCode>(code));
    ASSERT_NE(at, expected.end()) << name_of(static_cast<ErrorCode>(code));
    EXPECT_EQ(status_of(at->first), at->second) << name_of(at->first);
  }
  EXPECT_EQ(expected.size(), static_cast<std::size_t>(ErrorCode::bug) + 1);
}

// What may help by itself must not look final, what needs somebody must.
TEST(status_codes, tell_kubelet_whether_something_may_still_be_going_on) {
  for (const ErrorCode code :
       {ErrorCode::throttled, ErrorCode::timeout, ErrorCode::unavailable, ErrorCode::no_space,
        ErrorCode::limit, ErrorCode::canceled, ErrorCode::closed})
    EXPECT_FALSE(is_final(status_of(code))) << name_of(code);
  for (const ErrorCode code : {ErrorCode::not_found, ErrorCode::precondition, ErrorCode::permission,
                               ErrorCode::corrupt, ErrorCode::bad_input, ErrorCode::unsupported})
    EXPECT_TRUE(is_final(status_of(code))) << name_of(code);
  EXPECT_FALSE(is_final(StatusCode::aborted));
}

TEST(status_codes, have_the_names_of_grpc) {
  EXPECT_EQ(name_of(StatusCode::ok), "OK");
  EXPECT_EQ(name_of(StatusCode::canceled), "CANCELLED");
  EXPECT_EQ(name_of(StatusCode::failed_precondition), "FAILED_PRECONDITION");
  EXPECT_EQ(name_of(StatusCode::unauthenticated), "UNAUTHENTICATED");
  for (int code = 0; code < kStatusCodes; ++code)
    EXPECT_FALSE(name_of(static_cast<StatusCode>(code)).empty()) << code;
}

TEST(failures, say_what_to_do_without_our_own_code) {
  const auto failed = failure(Error(ErrorCode::not_found, "bucket b is not there", "Make it."));
  EXPECT_EQ(failed.error().code, StatusCode::not_found);
  EXPECT_EQ(failed.error().message, "bucket b is not there. Make it.");
}

TEST(printable_text, is_utf8_without_control_characters) {
  EXPECT_EQ(printable("größe 数据 \xf0\x9f\x90\x9f"), "größe 数据 \xf0\x9f\x90\x9f");
  EXPECT_EQ(printable("a\nb\tc\x7f"), "a b?c?");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a?b");
  // Stray, cut off, overlong, surrogate, beyond the last: each byte by itself.
  EXPECT_EQ(printable("\x80"), "?");
  EXPECT_EQ(printable("a\xc3"), "a?");
  EXPECT_EQ(printable("\xc0\x80"), "??");
  EXPECT_EQ(printable("\xe0\x80\x80"), "???");
  EXPECT_EQ(printable("\xed\xa0\x80"), "???");
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "????");
  EXPECT_EQ(printable("\xf5\x80\x80\x80"), "????");
  // Never cut within a character.
  EXPECT_EQ(printable("aé", 2), "a");
  EXPECT_EQ(printable("aé", 3), "aé");
}

}  // namespace
}  // namespace shoal::csi
