// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

// One line from a child process to the one that waits for it, through a pipe: it worked (and a
// value), or the whole error. Used by server to keeper, keeper to `shoal mount`, and mount attempts
// to the keeper.

namespace shoal::fuse {

inline constexpr std::size_t kReportBytesMax = 32u << 10;  // half a pipe: writing never blocks

[[nodiscard]] std::string encode_success(std::string_view value);
[[nodiscard]] std::string encode_failure(const Error& error);
// The value or the error a report holds; corrupt when it is neither. `text` ends with a newline.
[[nodiscard]] Result<std::string> decode_report(std::string_view text);

// Write one report; a reader that is gone is no error.
void report_success(int fd, std::string_view value);
void report_failure(int fd, const Error& error);

}  // namespace shoal::fuse
