// SPDX-License-Identifier: Apache-2.0
#include "index/status.h"

#include "base/assert.h"

namespace shoal::index {
namespace {

struct Meaning {
  ErrorCode code;
  const char* remedy;
};

Meaning meaning_of_io(const rocksdb::Status& status) {
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kSpaceLimit)
    return {ErrorCode::no_space, "Free space on the volume's disk, or move the volume."};
  if (status.IsPathNotFound())
    return {ErrorCode::not_found, "Check that nobody deletes files of the volume."};
  return {ErrorCode::io, "Check the disk and the rights on the volume's directory."};
}

Meaning meaning_of(const rocksdb::Status& status) {
  using Code = rocksdb::Status::Code;
  constexpr const char* kReport = "Please report this.";
  switch (status.code()) {
    case Code::kOk:
      return {ErrorCode::bug, kReport};
    case Code::kNotFound:
      return {ErrorCode::not_found, ""};
    case Code::kCorruption:
      return {ErrorCode::corrupt, "The index is damaged: delete it and build it again."};
    case Code::kNotSupported:
      return {ErrorCode::unsupported, "The RocksDB library of this machine lacks a feature."};
    case Code::kInvalidArgument:
      return {ErrorCode::bug, kReport};
    case Code::kIOError:
      return meaning_of_io(status);
    case Code::kMergeInProgress:
      return {ErrorCode::bug, kReport};
    case Code::kIncomplete:
      return {ErrorCode::unavailable, "Try again."};
    case Code::kShutdownInProgress:
      return {ErrorCode::closed, ""};
    case Code::kTimedOut:
      return {ErrorCode::timeout, "Try again when the disk is less busy."};
    case Code::kAborted:
      if (status.IsMemoryLimit()) return {ErrorCode::limit, "Give the process more memory."};
      return {ErrorCode::canceled, ""};
    case Code::kBusy:
      return {ErrorCode::unavailable, "Try again."};
    case Code::kExpired:
      return {ErrorCode::timeout, "Try again."};
    case Code::kTryAgain:
      return {ErrorCode::unavailable, "Try again."};
    case Code::kCompactionTooLarge:
      return {ErrorCode::limit, kReport};
    case Code::kColumnFamilyDropped:
      return {ErrorCode::closed, ""};
    case Code::kMaxCode:
      return {ErrorCode::bug, kReport};
  }
  return {ErrorCode::bug, kReport};
}

}  // namespace

Error error_of(const rocksdb::Status& status, std::string_view doing) {
  SHOAL_ASSERT(!status.ok());
  const Meaning meaning = meaning_of(status);
  return Error(meaning.code, std::string(doing) + ": " + status.ToString(), meaning.remedy);
}

}  // namespace shoal::index
