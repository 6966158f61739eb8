// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "prefetch/catalog.h"
#include "prefetch/policy.h"

namespace shoal::prefetch {

// Finds out whose file a read lies in that no policy has claimed, for the policies that think in
// names. A question costs a look into the index, so the longer they find nothing, the fewer are
// asked: bursts of 32 reads, with pauses of up to 63 bursts. confined.
class JumpLookup {
 public:
  // Returns whether the file told something.
  using Found = std::function<bool(const ReadSeen&, const CatalogFile&)>;
  JumpLookup(Catalog& catalog, Found found)
      : catalog_(catalog), state_(std::make_shared<State>(std::move(found))) {}

  void on_unclaimed(const ReadSeen& read);
  [[nodiscard]] std::uint64_t questions() const { return state_->questions; }

 private:
  // Held weakly by answers on the way, which may come after this object is gone.
  struct State {
    explicit State(Found f) : found(std::move(f)) {}
    Found found;
    std::uint64_t questions = 0;
    std::uint64_t useless = 0;  // answers in a row that told nothing
    std::uint32_t open = 0;
  };
  Catalog& catalog_;
  std::shared_ptr<State> state_;
  std::uint64_t reads_ = 0;
};

}  // namespace shoal::prefetch
