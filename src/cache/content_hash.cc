// SPDX-License-Identifier: Apache-2.0
#include "cache/content_hash.h"

#define XXH_INLINE_ALL  // no link dependency and the state by value
#include <xxhash.h>

namespace shoal::cache {

struct ContentHash::State {
  XXH3_state_t xxh3;
};

ContentHash::ContentHash() : state_(std::make_unique<State>()) {
  XXH3_64bits_reset(&state_->xxh3);
}
ContentHash::~ContentHash() = default;
void ContentHash::add(ByteSpan bytes) {
  XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size());
}
std::uint64_t ContentHash::value() const {
  return XXH3_64bits_digest(&state_->xxh3);
}

}  // namespace shoal::cache
