// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/read_errors.h"

#include <cerrno>

#include "base/log.h"

namespace shoal::fuse {
int errno_of(ErrorCode code) noexcept {
  switch (code) {
    // The file system above turns every number into EIO; these two tell a person who reads `image`
    // itself that the question was wrong, not the storage.
    case ErrorCode::bad_input:
      return EINVAL;
    case ErrorCode::unsupported:
      return EOPNOTSUPP;
    // Retrying readers treat ETIMEDOUT, EAGAIN, ENOENT and EACCES as facts about a file's name or
    // rights; what failed here is always its content.
    case ErrorCode::not_found:
    case ErrorCode::precondition:
    case ErrorCode::permission:
    case ErrorCode::throttled:
    case ErrorCode::timeout:
    case ErrorCode::unavailable:
    case ErrorCode::corrupt:
    case ErrorCode::no_space:
    case ErrorCode::limit:
    case ErrorCode::canceled:
    case ErrorCode::io:
    case ErrorCode::closed:
    case ErrorCode::bug:
      return EIO;
  }
  return EIO;
}

void ReadErrorLog::record(std::uint64_t offset, std::uint64_t bytes, const Error& error) {
  log_event(limits_[static_cast<std::size_t>(error.code())], LogLevel::error, "read.failed",
            {{"offset", offset}, {"bytes", bytes}, {"error", error.to_string()}});
}

}  // namespace shoal::fuse
