// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

// Every bound of the node agent: name, value, unit, reason.

namespace shoal::agent::limits {

using namespace std::chrono_literals;

// ---- what a request may say
inline constexpr std::size_t kIdBytesMax = 256;     // twice what CSI allows
inline constexpr std::size_t kPathBytesMax = 4000;  // PATH_MAX, less what is put behind
inline constexpr std::size_t kTextBytesMax = 4096;  // CSI allows as much for all attributes
inline constexpr std::size_t kExpirationBytesMax = 64;
inline constexpr std::size_t kSecretBytesMax = 16384;  // session tokens have a few KiB
inline constexpr std::size_t kWarmMax = 256;
inline constexpr std::size_t kBodyBytesMax = 2u << 20;  // all of the above
inline constexpr std::size_t kTargetsMax = 4096;        // of one volume: pods of a node, and more
inline constexpr auto kWaitMax = 10min;

// ---- the socket
inline constexpr std::size_t kHttpThreads = 48;
// Of these may wait for volumes; the others answer at once, however many wait.
inline constexpr std::size_t kWaitersMax = 32;
inline constexpr auto kRequestTimeout = 10s;  // per read of a client

// ---- volumes
inline constexpr std::size_t kVolumesDefault = 256;
// Listings at a time: each is bound by its bucket. Volumes that are indexed do not wait for them.
inline constexpr std::size_t kBuildsMax = 4;
inline constexpr auto kRemovePatience = 5s;         // for a look at the mount's server to end
inline constexpr unsigned kLookers = 4;             // asking servers, which may hang
inline constexpr std::uint32_t kBuildTriesMax = 3;  // of a listing that failed for a passing reason
inline constexpr std::uint32_t kAdoptTriesMax = 6;  // then readers get EIO rather than wait longer
inline constexpr unsigned kWorkers = 8;             // mounting and adopting
inline constexpr std::uint64_t kRecordBytesMax = 1u << 20;
inline constexpr std::uint64_t kBuildTailBytes = 64u << 10;  // read of a build's output at a time

// ---- the supervisor
inline constexpr auto kTickBusy = 200ms;  // something is being built
inline constexpr auto kTickIdle = 1s;
inline constexpr auto kLockedDelay = 2s;       // another process writes the volume
inline constexpr auto kFirstBuildLook = 50ms;  // an index that is there is found at once
inline constexpr auto kTurnMax = 30s;          // then the supervisor counts as hanging
inline constexpr auto kLookEvery = 5s;         // at each server
inline constexpr auto kLookPatience = 2s;
inline constexpr std::uint32_t kLooksMissedMax = 3;  // then a server counts as hanging
inline constexpr auto kRepairDelayMin = 500ms;       // doubles with each failure
inline constexpr auto kRepairDelayMax = 60s;
inline constexpr auto kJobAskEvery = 5s;       // a third of a job's lease
inline constexpr auto kListCopyTimeout = 60s;  // of an order's list, through the mount
inline constexpr std::uint64_t kListBytesMax = 1ull << 30;

static_assert(kWaitersMax < kHttpThreads, "somebody must answer while others wait");

// ---- collecting the servers' metrics; a scraper waits for 10 s as a rule
inline constexpr std::size_t kMetricsThreads = 16;
inline constexpr auto kMetricsPatience = std::chrono::milliseconds(1000);  // for one server
inline constexpr auto kMetricsTimeMax = std::chrono::seconds(4);           // for all

}  // namespace shoal::agent::limits
