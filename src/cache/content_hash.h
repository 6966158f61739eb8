// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"

namespace shoal::cache {

// XXH3-64 over bytes that come in pieces. confined.
class ContentHash {
 public:
  ContentHash();
  ~ContentHash();
  void add(ByteSpan bytes);
  [[nodiscard]] std::uint64_t value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shoal::cache
