// SPDX-License-Identifier: Apache-2.0
// Goal: each failure of RocksDB has one meaning of ours.
// Method: the whole table.
#include "index/status.h"

#include <gtest/gtest.h>

namespace shoal::index {
namespace {

TEST(StatusTable, every_code_has_a_meaning) {
  using rocksdb::Status;
  const std::pair<Status, ErrorCode> table[] = {
      {Status::NotFound("x"), ErrorCode::not_found},
      {Status::Corruption("x"), ErrorCode::corrupt},
      {Status::NotSupported("x"), ErrorCode::unsupported},
      {Status::InvalidArgument("x"), ErrorCode::bug},
      {Status::IOError("x"), ErrorCode::io},
      {Status::NoSpace("x"), ErrorCode::no_space},
      {Status::SpaceLimit(), ErrorCode::no_space},
      {Status::PathNotFound("x"), ErrorCode::not_found},
      {Status::MergeInProgress("x"), ErrorCode::bug},
      {Status::Incomplete("x"), ErrorCode::unavailable},
      {Status::ShutdownInProgress("x"), ErrorCode::closed},
      {Status::TimedOut("x"), ErrorCode::timeout},
      {Status::Aborted("x"), ErrorCode::canceled},
      {Status::MemoryLimit(), ErrorCode::limit},
      {Status::Busy("x"), ErrorCode::unavailable},
      {Status::Expired("x"), ErrorCode::timeout},
      {Status::TryAgain("x"), ErrorCode::unavailable},
      {Status::CompactionTooLarge("x"), ErrorCode::limit},
      {Status::ColumnFamilyDropped(), ErrorCode::closed},
  };
  for (const auto& [status, code] : table) {
    const Error error = error_of(status, "read chunk 7");
    EXPECT_EQ(error.code(), code) << status.ToString();
    EXPECT_EQ(error.message(), "read chunk 7: " + status.ToString());
  }
  EXPECT_TRUE(check(Status::OK(), "read"));
}

}  // namespace
}  // namespace shoal::index
