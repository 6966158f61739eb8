// SPDX-License-Identifier: Apache-2.0
#include "prefetch/jump_lookup.h"

#include <algorithm>

namespace shoal::prefetch {
namespace {

constexpr std::uint64_t kBurstReads = 32;
constexpr std::uint64_t kUselessPerLevel = 256;
constexpr std::uint64_t kLevelMax = 6;
// A catalog that does not answer gets no more questions.
constexpr std::uint32_t kOpenMax = 16;

}  // namespace

void JumpLookup::on_unclaimed(const ReadSeen& read) {
  const std::uint64_t burst = reads_++ / kBurstReads;
  const std::uint64_t level = std::min(state_->useless / kUselessPerLevel, kLevelMax);
  if (burst % (std::uint64_t{1} << level) != 0 || state_->open >= kOpenMax) return;
  state_->open += 1;
  state_->questions += 1;
  catalog_.file_at(read.range.begin, [weak = std::weak_ptr<State>(state_),
                                      read](const std::optional<CatalogFile>& file) {
    const auto state = weak.lock();
    if (state == nullptr) return;
    state->open -= 1;
    if (file && state->found(read, *file))
      state->useless = 0;
    else
      state->useless += 1;
  });
}

}  // namespace shoal::prefetch
