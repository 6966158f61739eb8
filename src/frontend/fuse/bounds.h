// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/limits.h"

// Every bound of the FUSE frontend: name, value, unit, reason.

namespace shoal::fuse::bounds {

using namespace std::chrono_literals;

// ---- the protocol
inline constexpr std::uint16_t kPagesPerRequest = 256;  // 1 MiB; more needs a sysctl (Linux 6.13)
inline constexpr std::uint32_t kReadBytes = kPagesPerRequest * 4096u;
// Nobody writes. A small bound here keeps the buffer a request is read into small (the kernel wants
// room for a WRITE of this size in every one).
inline constexpr std::uint32_t kWriteBytes = 4096;
inline constexpr std::size_t kRequestBytes = 8192;         // FUSE_MIN_READ_BUFFER, two pages
inline constexpr std::uint16_t kBackgroundRequests = 256;  // asynchronous reads at one time
// Names and attributes of the one file never change.
inline constexpr std::uint64_t kAttributesValidSeconds = 365ull * 24 * 3600;

// ---- the server
inline constexpr std::uint32_t kRequestSlots =
    512;  // asynchronous reads and as many waiting readers
inline constexpr std::uint64_t kBufferBytesDefault = 64ull << 20;  // 64 reads of 1 MiB
inline constexpr int kRequestsPerTurn = 64;  // then timers and posted tasks get their turn
inline constexpr auto kDrainGrace = 10s;     // beyond a read's own deadline
inline constexpr auto kDrainPoll = 2ms;

// ---- the keeper
// One request of the protocol. Not more: a random read through mmap fetches this much around
// itself.
inline constexpr std::uint64_t kReadaheadBytes = kReadBytes;
// Across small files, through the page cache of the image: four requests on their way while the
// reader takes the files of the last ones. The kernel comes to this only behind a reader that has
// read as much.
inline constexpr std::uint64_t kImageReadaheadBytes = 4 * kReadBytes;
inline constexpr auto kServerStartTimeout = 120s;  // RocksDB recovery of a large index
inline constexpr auto kMountTimeout = 60s;         // EROFS reads its super block from the server
inline constexpr auto kUnmountTimeout = 5s;        // umount(2) in a child process
inline constexpr auto kServerStopTimeout = 5s;     // SIGTERM, then SIGKILL
inline constexpr auto kDetachedGrace = 10s;        // readers with open files after `umount -l`
inline constexpr auto kForcedGrace = 1s;
inline constexpr auto kQuickDeath = 1s;  // a server that lives shorter has a reason
inline constexpr int kQuickDeathsMax = 5;
inline constexpr auto kRestartDelayMin = 100ms;
inline constexpr auto kRestartDelayDegraded = 3s;
inline constexpr auto kGiveUpAfter = 60s;  // then readers get EIO rather than a longer wait
inline constexpr std::uint64_t kLogBytesMax = 16u
                                              << 20;  // some 80,000 lines; twice, see log_file.h
inline constexpr auto kLogLookEvery = 10s;            // `debug` writes a few MB a second at most
inline constexpr auto kUnmountWait = 10s;             // `shoal umount` waits for the keeper
inline constexpr std::size_t kHoldersMax = 8;         // processes named in a "busy" message

static_assert(kRequestSlots >= 2 * kBackgroundRequests);
static_assert(kBufferBytesDefault >= kReadBytes, "one read must fit");
static_assert(kUnmountTimeout < kUnmountWait);
static_assert(kGiveUpAfter <= limits::kIoTimeoutDefault,
              "no reader waits longer for a dead server than for a dead bucket");

}  // namespace shoal::fuse::bounds
