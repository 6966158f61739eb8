// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

// Every bound of the CSI driver: name, value, unit, reason.

namespace shoal::csi::limits {

using namespace std::chrono_literals;

// ---- what a request may say (CSI specification, "Size Limits")
inline constexpr std::size_t kStringBytesMax = 128;
inline constexpr std::size_t kMapBytesMax = 4096;  // names and values together
inline constexpr std::size_t kMountFlagsBytesMax = 4096;
inline constexpr std::size_t kNodeIdBytesMax = 256;
inline constexpr std::size_t kPathBytesMax = 4000;  // as the agent; Linux takes 4095
inline constexpr int kMessageBytesMax = 1 << 20;    // a request with tokens has 10 KiB

// ---- calls at a time
// kubelet has at most some tens under way. Each takes a thread, since it waits for the agent.
inline constexpr int kThreadsMax = 96;
// Of these so many wait for volumes to become ready; the others answer at once how far they are.
// Below what the agent keeps waiting, so that it answers us.
inline constexpr int kWaitersMax = 24;
static_assert(kWaitersMax * 2 < kThreadsMax, "a probe must be answered however many volumes wait");

// ---- time
inline constexpr auto kStageWaitDefault = 60s;  // half of what kubelet waits
inline constexpr auto kStageWaitMax = 600s;
// What is left of a caller's time for the answer and for binding the target.
inline constexpr auto kDeadlineReserve = 5s;
// The agent is asked anew so often, so that a caller who has gone and a stop are noticed.
inline constexpr auto kWaitSlice = 2s;
// Binding and unbinding are bounded by the agent at 10 s, so is its way to the mount table.
inline constexpr auto kAgentPatience = 30s;
inline constexpr auto kReportPatience = 5s;  // the agent answers these from memory
inline constexpr auto kProbePatience = 2s;   // the liveness probe waits 3 s
inline constexpr auto kHealthPatience = 3s;  // of our own probe of ourselves
inline constexpr auto kDrainTime = 10s;      // of calls under way, after SIGTERM
inline constexpr auto kFlushTime = 300ms;    // for the last answers to leave

// ---- memory
inline constexpr std::size_t kNamesKept = 10000;     // of volumes created by this process
inline constexpr std::size_t kWarningsKept = 10000;  // written to the log already

}  // namespace shoal::csi::limits
