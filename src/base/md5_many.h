// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "base/bytes.h"

namespace shoal {

using Md5 = std::array<std::byte, 16>;

// MD5 (RFC 1321) of many messages, each in a lane of the processor's vector registers: 4, or 8 with
// AVX2, or 16 with AVX-512 at a time. One message is no faster for it, and slower than with a
// library: for a few, use that. `digests` has a place for each message.
//
// Here because libraries that distributions carry hash one message at a time, at 0.7 GB/s, and a
// walk over small objects spent a quarter of its time so.
//
// `lanes` is 4, 8 or 16, at most md5_lanes(): what the processor has.
[[nodiscard]] std::size_t md5_lanes();
void md5_many(std::span<const ByteSpan> messages, std::span<Md5> digests,
              std::size_t lanes = md5_lanes());

}  // namespace shoal
