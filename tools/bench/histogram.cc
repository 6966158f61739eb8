// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/histogram.h"

#include <algorithm>
#include <cmath>

namespace shoal::tools::bench {

// A value of n bits keeps its top 8 bits; how many were dropped selects the group of 128 buckets.
std::size_t Histogram::bucket_of(std::uint64_t nanoseconds) noexcept {
  constexpr std::uint64_t kGreatest = (std::uint64_t{1} << kRangeBits) - 1;
  const std::uint64_t value = std::min(nanoseconds, kGreatest);
  const auto bits = static_cast<unsigned>(std::bit_width(value));
  if (bits <= kPrecisionBits) return value;
  const unsigned dropped = bits - kPrecisionBits - 1;
  return (std::size_t{dropped} << kPrecisionBits) + (value >> dropped);
}

std::chrono::nanoseconds Histogram::value_of(std::size_t bucket) const noexcept {
  std::uint64_t value = bucket;
  if (bucket >= (2u << kPrecisionBits)) {
    const std::size_t dropped = (bucket >> kPrecisionBits) - 1;
    const std::uint64_t top = bucket - (dropped << kPrecisionBits);
    value = (top << dropped) + (1ull << dropped) / 2;  // the middle of the bucket
  }
  return std::chrono::nanoseconds(std::clamp(value, min_, max_));
}

void Histogram::record(std::chrono::nanoseconds duration) noexcept {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(0, duration.count()));
  ++counts_[bucket_of(value)];
  ++count_;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
}

void Histogram::merge(const Histogram& other) noexcept {
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket)
    counts_[bucket] += other.counts_[bucket];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

std::chrono::nanoseconds Histogram::max() const noexcept {
  return std::chrono::nanoseconds(max_);
}

std::chrono::nanoseconds Histogram::quantile(double fraction) const noexcept {
  if (count_ == 0) return {};
  const double wanted = std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_);
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(wanted)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += counts_[bucket];
    if (seen >= rank) return value_of(bucket);
  }
  return max();
}

}  // namespace shoal::tools::bench
