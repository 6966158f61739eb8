// SPDX-License-Identifier: Apache-2.0
#include "prefetch/confidence.h"

namespace shoal::prefetch {
namespace {

// Less than this says nothing.
constexpr std::uint64_t kWasteNoiseBytes = 1u << 20;
constexpr std::uint64_t kUseNoiseBytes = 4u << 20;
// A reader of small files at 20 ms comes back to a silent policy after less than a minute.
constexpr std::uint64_t kSilentReadsMin = 1024;
constexpr std::uint32_t kSilencesMax = 6;

}  // namespace

void Confidence::on_used(std::uint64_t bytes) {
  used_lately_ += bytes;
  if (used_lately_ < 4 * wasted_lately_ + kUseNoiseBytes) return;
  if (level_ > 0) --level_;
  if (level_ == 0) silences_ = 0;
  silent_reads_ = 0;
  reset_period();
}

void Confidence::on_wasted(std::uint64_t bytes) {
  wasted_lately_ += bytes;
  if (wasted_lately_ < used_lately_ / 2 + kWasteNoiseBytes) return;
  reset_period();
  if (level_ < kLevelMax) {
    ++level_;
  } else if (silent_reads_ == 0) {
    silent_reads_ = kSilentReadsMin << silences_;
    silences_ = std::min(silences_ + 1, kSilencesMax);
  }
}

void Confidence::reset_period() {
  used_lately_ = 0;
  wasted_lately_ = 0;
}

}  // namespace shoal::prefetch
