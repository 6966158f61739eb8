// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/read_errors.h"

#include <cerrno>
#include <string>

#include "base/log.h"

namespace shoal::fuse {
namespace {

constexpr auto kOneLinePer = std::chrono::seconds(1);

}  // namespace

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

ReadErrorLog::Verdict ReadErrorLog::admit(ErrorCode code, TimePoint now) {
  const std::lock_guard lock(mutex_);
  Kind& kind = kinds_[static_cast<std::size_t>(code)];
  if (kind.seen && now - kind.logged_at < kOneLinePer) {
    ++kind.left_out;
    return {};
  }
  const Verdict verdict{.log = true, .left_out = kind.left_out};
  kind = {.seen = true, .logged_at = now, .left_out = 0};
  return verdict;
}

void ReadErrorLog::record(std::uint64_t offset, std::uint64_t bytes, const Error& error,
                          TimePoint now) {
  const Verdict verdict = admit(error.code(), now);
  if (!verdict.log) return;
  log_event(LogLevel::error, "read.failed",
            {{"offset", std::to_string(offset)},
             {"bytes", std::to_string(bytes)},
             {"error", error.to_string()},
             {"left_out", std::to_string(verdict.left_out)}});
}

}  // namespace shoal::fuse
