// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace shoal {

// The closed, project-wide list of ways to fail. A caller branches on these and on nothing else.
enum class ErrorCode {
  not_found,     // the thing named does not exist
  precondition,  // it exists but is not in the state the caller stated (If-Match, wrong dataset)
  permission,    // credentials missing, wrong or not allowed; or the kernel said EPERM/EACCES
  throttled,     // the service asks for fewer requests
  timeout,       // a deadline passed
  unavailable,   // cannot be reached, or says it is not well
  corrupt,       // bytes are not what their checksum, length or format says
  no_space,      // local disk or a size bound is full
  limit,         // a bound of ours was reached
  canceled,      // the caller gave up
  bad_input,     // what the user or the caller gave cannot mean anything
  unsupported,   // the service, the kernel or this build cannot do it
  io,            // the local kernel failed a system call
  closed,        // the object was shut down before the call
  bug,           // an invariant of ours broke
};

// "not_found", "throttled", ...
[[nodiscard]] std::string_view name_of(ErrorCode code) noexcept;

// Whether trying the same call again can help. Decided once, by the layer that understands the
// failure; acted on once, by the retry wrapper.
enum class Retry {
  no,
  yes,             // the call had no effect; try again
  unknown_effect,  // the call may have taken effect; only idempotent calls may be tried again
};

// A failure as a value. Its text always says what failed, on what, why, and what to do about it.
class [[nodiscard]] Error {
 public:
  // `message`: what failed, on what and why, as one clause without a full stop at the end.
  // `remedy`: what the person who reads it can do; empty when nothing can be advised.
  explicit Error(ErrorCode code, std::string message, std::string remedy = {})
      : code_(code), message_(std::move(message)), remedy_(std::move(remedy)) {}

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  [[nodiscard]] Retry retry() const noexcept { return retry_; }
  // How long the failing side asked us to wait before the next try; zero when it did not say.
  [[nodiscard]] std::chrono::milliseconds retry_after() const noexcept { return retry_after_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] const std::string& remedy() const noexcept { return remedy_; }

  Error&& with_retry(Retry retry, std::chrono::milliseconds after = {}) && {
    retry_ = retry;
    retry_after_ = after;
    return std::move(*this);
  }
  // Prepends the operation that was under way: "list page of s3://b/p" + ": " + message.
  Error&& with_context(std::string_view doing) && {
    message_.insert(0, ": ");
    message_.insert(0, doing);
    return std::move(*this);
  }
  // Appends to the message: " [request 1A2B]".
  Error&& with_note(std::string_view note) && {
    message_ += note;
    return std::move(*this);
  }
  Error&& with_remedy(std::string remedy) && {
    remedy_ = std::move(remedy);
    return std::move(*this);
  }

  // "message (code). remedy" on one line, ready for a terminal.
  [[nodiscard]] std::string to_string() const;

 private:
  ErrorCode code_;
  Retry retry_ = Retry::no;
  std::chrono::milliseconds retry_after_{0};
  std::string message_;
  std::string remedy_;
};

template <typename T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message,
                                                 std::string remedy = {}) {
  return std::unexpected<Error>(Error(code, std::move(message), std::move(remedy)));
}
[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}

}  // namespace shoal
