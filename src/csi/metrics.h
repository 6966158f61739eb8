// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "csi/status_codes.h"

namespace shoal::csi {

// Every call of our services. Nothing else is counted: the label `rpc` is bounded by this list.
inline constexpr std::array<std::string_view, 15> kRpcs{"GetPluginInfo",
                                                        "GetPluginCapabilities",
                                                        "Probe",
                                                        "CreateVolume",
                                                        "DeleteVolume",
                                                        "ValidateVolumeCapabilities",
                                                        "NodeStageVolume",
                                                        "NodeUnstageVolume",
                                                        "NodePublishVolume",
                                                        "NodeUnpublishVolume",
                                                        "NodeGetVolumeStats",
                                                        "NodeExpandVolume",
                                                        "NodeGetCapabilities",
                                                        "ControllerGetCapabilities",
                                                        "NodeGetInfo"};

// Counts of calls by outcome, and how long they took. synchronized.
class RpcMetrics {
 public:
  explicit RpcMetrics(std::string version) : version_(std::move(version)) {}

  void record(std::string_view rpc, StatusCode code, Duration took);
  // Prometheus text. Every call is there from the start, with code OK.
  [[nodiscard]] std::string text() const;

 private:
  // From a call that knows the answer to one that waits for a volume.
  static constexpr std::array kBounds{0.001, 0.005, 0.025, 0.1,  0.5,  1.0,
                                      2.5,   5.0,   10.0,  30.0, 60.0, 120.0};
  struct Rpc {
    std::array<std::uint64_t, kStatusCodes> by_code{};
    std::array<std::uint64_t, kBounds.size() + 1> by_duration{};
    double seconds = 0;
  };

  const std::string version_;
  mutable std::mutex mutex_;
  std::array<Rpc, kRpcs.size()> rpcs_{};  // guarded by mutex_
};

}  // namespace shoal::csi
