// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "agent/volume_spec.h"
#include "csi/messages.h"
#include "csi/status_codes.h"

// A report of the agent as answers and texts for people. Pure.

namespace shoal::csi {

// "listing s3://b/p/: 1,234,567 objects so far, 12 s; goes on in the background"
[[nodiscard]] std::string progress_text(const agent::VolumeReport& report);

// Of a volume that failed: its error, under what it means for the caller.
[[nodiscard]] std::unexpected<Failure> failure_of(const agent::VolumeReport& report);

// True for codes after which kubelet takes nothing to be going on, and undoes nothing.
[[nodiscard]] bool is_final(StatusCode code) noexcept;

[[nodiscard]] v1::NodeGetVolumeStatsResponse stats_of(const agent::VolumeReport& report);

}  // namespace shoal::csi
