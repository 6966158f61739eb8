// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <chrono>
#include <cstdint>
#include <vector>

namespace shoal::tools::bench {

// Durations, counted in buckets whose width is 1/128 of their value: any quantile is right within
// 0.4 %, in 35 KiB however many are recorded. Below 128 ns each nanosecond has its bucket; above
// 4.8 hours all share the last. Least and greatest are kept exactly. confined.
class Histogram {
 public:
  Histogram() : counts_(kBuckets) {}

  void record(std::chrono::nanoseconds duration) noexcept;
  void merge(const Histogram& other) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::chrono::nanoseconds max() const noexcept;
  // The duration that `fraction` (0 to 1) of all do not exceed; zero when there is none.
  [[nodiscard]] std::chrono::nanoseconds quantile(double fraction) const noexcept;
  // Calls visit(duration, count up to and with it) for each bucket that holds any, in order.
  template <typename Visit>
  void visit_cumulative(const Visit& visit) const {
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
      if (counts_[bucket] == 0) continue;
      seen += counts_[bucket];
      visit(value_of(bucket), seen);
    }
  }

 private:
  static constexpr unsigned kPrecisionBits = 7;  // buckets per doubling: 128
  static constexpr unsigned kRangeBits = 44;     // 2^44 ns: 4.8 hours
  static constexpr std::size_t kBuckets = std::size_t{kRangeBits - kPrecisionBits + 1}
                                          << kPrecisionBits;
  [[nodiscard]] static std::size_t bucket_of(std::uint64_t nanoseconds) noexcept;
  [[nodiscard]] std::chrono::nanoseconds value_of(std::size_t bucket) const noexcept;

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t min_ = ~0ull;
  std::uint64_t max_ = 0;
};

}  // namespace shoal::tools::bench
