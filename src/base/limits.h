// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

// Every bound of the project: name, value, unit, reason. Layout constants that are part of a stored
// format live in format/ instead.

namespace shoal::limits {

using namespace std::chrono_literals;

// ---- objects and keys
inline constexpr std::uint64_t kKeyBytesMax = 1024;       // S3 and OSS refuse longer keys
inline constexpr std::uint64_t kNameBytesMax = 255;       // Linux NAME_MAX, EROFS
inline constexpr std::uint64_t kDirectoryDepthMax = 512;  // 1024-byte keys hold at most 512 levels
inline constexpr std::uint64_t kListPageKeys = 1000;      // the most a service returns in one page

// ---- requests
inline constexpr std::uint32_t kRequestsInFlightDefault = 256;  // 20 ms latency: 12,800 GET/s
inline constexpr std::uint32_t kRequestsInFlightMax = 4096;     // sockets; 20,000 files is usual
inline constexpr std::uint32_t kListersDefault = 16;  // concurrent list requests; 16 x 1000 keys
inline constexpr auto kConnectTimeout = 5s;           // a healthy endpoint answers SYN far sooner
inline constexpr auto kStallTimeout = 10s;            // no byte for this long: the request is dead
// Until the first byte of an answer once a body was sent: a service stores 8 MiB in milliseconds, a
// full or repairing one in many seconds, and the bytes would have to be sent all over again.
inline constexpr auto kAnswerTimeout = 60s;
inline constexpr auto kIoTimeoutDefault = 60s;  // what a reader waits before EIO
inline constexpr auto kRetryDelayMin = 50ms;    // first back-off step
inline constexpr auto kRetryDelayMax = 20s;     // no step is longer
inline constexpr int kRetryAttemptsMax = 10;    // reads: a kernel reader is waiting

// ---- memory
inline constexpr std::uint64_t kBufferBytesDefault = 256ull << 20;  // chunk buffers of one volume
inline constexpr std::uint64_t kResponseBytesMax = 16ull << 20;     // a list page or an error body
inline constexpr std::uint64_t kSortedRunBytes = 8ull << 20;        // one sorted run of the lister

// ---- cache
inline constexpr std::uint64_t kCacheBytesDefault = 20ull << 30;

// ---- prefetch
inline constexpr std::uint64_t kPrefetchWindowMinBytes = 128ull
                                                         << 10;  // first guess: cheap if wrong
inline constexpr std::uint64_t kPrefetchWindowMaxBytes = 64ull << 20;  // 16 chunks ahead

static_assert(kRequestsInFlightDefault <= kRequestsInFlightMax);
static_assert(kPrefetchWindowMaxBytes <= kBufferBytesDefault,
              "a full window must fit the buffers, or prefetch would evict itself");
static_assert(kStallTimeout < kAnswerTimeout, "an answer has at least the time a byte has");
static_assert(kStallTimeout < kIoTimeoutDefault, "a dead request must be retried before EIO");

}  // namespace shoal::limits
