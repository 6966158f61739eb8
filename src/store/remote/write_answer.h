// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "store/remote/client.h"

// What a write tells the service of its body, and what the answer must say of it.

namespace shoal::store {

// Content-MD5: the service refuses another body, and the answer's sums can be compared.
void add_checks(Call& call, const BodyChecks& checks);

// ErrorCode::corrupt when the answer names another sum than the caller's. An ETag of 32 hex digits
// is the body's MD5 unless the service encrypts with keys of its own or the client's. Retry::yes;
// but Retry::unknown_effect for a call that does another thing the second time: what it wrote is
// there.
[[nodiscard]] Result<void> check_answer(const std::string& what, const Call& call,
                                        const BodyChecks& checks, const http::ResponseHead& head);
// Of the CRC-64 alone: of a completed upload, or of what an append began.
[[nodiscard]] Result<void> check_crc64(const std::string& what, std::uint64_t expected,
                                       const http::ResponseHead& head);

}  // namespace shoal::store
