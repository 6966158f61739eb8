// SPDX-License-Identifier: Apache-2.0
#include "csi/metrics.h"

#include <algorithm>

#include "base/metrics.h"

namespace shoal::csi {

void RpcMetrics::record(std::string_view rpc, StatusCode code, Duration took) {
  const auto found = std::ranges::find(kRpcs, rpc);
  if (found == kRpcs.end()) return;
  const double seconds = std::chrono::duration<double>(took).count();
  const auto bucket =
      static_cast<std::size_t>(std::ranges::lower_bound(kBounds, seconds) - kBounds.begin());
  const std::lock_guard lock(mutex_);
  Rpc& counts = rpcs_[static_cast<std::size_t>(found - kRpcs.begin())];
  ++counts.by_code[static_cast<std::size_t>(code)];
  ++counts.by_duration[bucket];
  counts.seconds += seconds;
}

std::string RpcMetrics::text() const {
  std::array<Rpc, kRpcs.size()> rpcs;
  {
    const std::lock_guard lock(mutex_);
    rpcs = rpcs_;
  }
  MetricsText text;
  text.family("csi_build_info", MetricKind::gauge,
              "Version of the CSI driver that answers; always 1");
  text.sample({{"version", version_}}, std::uint64_t{1});
  text.family("csi_requests_total", MetricKind::counter,
              "Calls of the CSI services, by the code they were answered with");
  for (std::size_t i = 0; i < rpcs.size(); ++i)
    for (std::size_t code = 0; code < kStatusCodes; ++code)
      if (code == 0 || rpcs[i].by_code[code] > 0)
        text.sample({{"rpc", kRpcs[i]}, {"code", name_of(static_cast<StatusCode>(code))}},
                    rpcs[i].by_code[code]);
  text.family("csi_request_duration_seconds", MetricKind::histogram,
              "How long calls of the CSI services took, with waiting for volumes");
  for (std::size_t i = 0; i < rpcs.size(); ++i)
    text.histogram({{"rpc", kRpcs[i]}}, kBounds, rpcs[i].by_duration, rpcs[i].seconds);
  return text.take();
}

}  // namespace shoal::csi
