// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

// Every bound of the control plane: name, value, unit, reason.

namespace shoal::control::limits {

using namespace std::chrono_literals;

// ---- the socket
inline constexpr std::size_t kHttpThreads = 4;          // a slow client takes one of them
inline constexpr std::size_t kConnectionsWaiting = 64;  // then accepting pauses
inline constexpr int kConnectionsQueued = 256;          // by the kernel, before they are accepted
inline constexpr auto kSocketTimeout = 5s;              // per read or write of a client
inline constexpr std::size_t kMetricsThreads = 2;       // of a TCP endpoint: scrapers are few
inline constexpr std::size_t kMetricsBodyMax = 1024;    // whatever it is, nobody reads it
inline constexpr std::size_t kBodyBytesMax = 16u << 20;

// ---- what one command may name; longer lists come as several commands
inline constexpr std::size_t kPathsMax = 65536;
inline constexpr std::size_t kPathBytesMax = 4096;  // a key has 1024; a pattern may say it longer

// ---- jobs
inline constexpr std::size_t kJobsRunning = 2;  // a second user need not wait for the first
inline constexpr std::size_t kJobsWaiting = 16;
inline constexpr std::size_t kJobsKept = 64;  // finished ones, for those who ask late
inline constexpr auto kJobLease = 15s;        // nobody asks for so long: the client is dead
inline constexpr auto kLeaseCheckEvery = 1s;
inline constexpr std::size_t kNamesKept = 10;  // of failures, and of what matched nothing

// ---- warming
inline constexpr std::uint32_t kParallelDefault = 256;  // 20 ms latency: 12,800 files/s
inline constexpr std::uint32_t kParallelMax = 4096;
// A large file is asked for piece by piece, so that the bound below means something. Files larger
// than a chunk begin at one, so a piece of one chunk's size is one request.
inline constexpr std::uint64_t kPieceBytes = 4u << 20;
inline constexpr std::uint64_t kBytesInFlightMax = 64u << 20;  // 3 GB/s at 20 ms
inline constexpr auto kTimeoutDefault = 60s;                   // of one piece
inline constexpr auto kTimeoutMax = 24h;

static_assert(kBytesInFlightMax >= kPieceBytes);

}  // namespace shoal::control::limits
