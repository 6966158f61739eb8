// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "shoal/activity.h"

// Prometheus text exposition format 0.0.4, written family by family.
//
//   MetricsText text;
//   text.family("csi_requests_total", MetricKind::counter, "Calls of the CSI services");
//   text.sample({{"rpc", "NodeStageVolume"}, {"code", "OK"}}, 3);
//   response.set_content(text.take(), kMetricsContentType);

namespace shoal {

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

enum class MetricKind { counter, gauge, histogram };

struct MetricLabel {
  std::string_view name;
  std::string_view value;  // any bytes; escaped. Of a bounded set: never a key or a path of a user
};
using MetricLabels = std::initializer_list<MetricLabel>;

// Thread model: confined.
class MetricsText {
 public:
  // `labels_of_all` are written on every sample, before its own.
  explicit MetricsText(MetricLabels labels_of_all = {});

  // Begins a family; "shoal_" is put before the name. Counters' names end in "_total". Each family
  // once.
  void family(std::string_view name, MetricKind kind, std::string_view help);
  // The same without the prefix, for names of other conventions ("process_...").
  void foreign_family(std::string_view name, MetricKind kind, std::string_view help);

  void sample(MetricLabels labels, std::uint64_t value);
  void sample(MetricLabels labels, double value);
  // `counts[i]` observations were at most `bounds[i]` and more than the bound before; one count
  // more than bounds. Not cumulative: that is done here.
  void histogram(MetricLabels labels, std::span<const double> bounds,
                 std::span<const std::uint64_t> counts, double sum);
  void histogram(MetricLabels labels, const DurationCounts& durations) {
    histogram(labels, kDurationBounds, durations.counts, durations.seconds);
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void begin_family(std::string name, MetricKind kind, std::string_view help);
  void begin_sample(std::string_view suffix, MetricLabels labels, std::string_view extra);

  std::string labels_of_all_;
  std::string family_;
  std::string text_;
};

}  // namespace shoal
