// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace shoal::fetch {

// The part of one request that lies in one chunk. Made by the caller of ChunkOwner::submit,
// borrowed by the owner until on_done() has run; then it may be destroyed, from inside on_done()
// too. The fields below the line belong to the owner.
struct ReadPart {
  enum class Kind : std::uint8_t {
    read,   // fill `target`
    warm,   // bring `length` bytes into the cache, behind every reader and before every guess
    check,  // count what of `length` bytes is there; asks the bucket nothing
    unpin,  // the chunk may be evicted again; wants no bytes
  };

  virtual ~ReadPart() = default;
  // Runs exactly once, on the owner's executor, never from inside submit().
  virtual void on_done(Result<void> result) = 0;

  Kind kind = Kind::read;
  bool pin = false;  // warm: the chunk is not to be evicted; `limit` when too much is pinned
  ChunkId chunk;
  std::uint32_t chunk_offset = 0;
  MutableByteSpan target;    // read; inside one chunk
  std::uint32_t length = 0;  // warm, check; inside one chunk
  TimePoint deadline{};

  // Results. Bytes are those of the range; what lies between two objects may count as present, and
  // never as fetched: for a range inside one object the two add up to it.
  bool hit = true;                  // answered without waiting for the bucket
  std::uint32_t bytes_present = 0;  // warm, check: in memory or in the cache file already
  std::uint32_t bytes_fetched = 0;  // warm: were not, and are

  [[nodiscard]] std::uint32_t bytes() const {
    return kind == Kind::read ? static_cast<std::uint32_t>(target.size()) : length;
  }
  [[nodiscard]] std::uint32_t end() const { return chunk_offset + bytes(); }

  // ---- the owner's
  ReadPart* next = nullptr;    // in the inbox
  std::uint32_t waits = 0;     // pieces still to come
  bool pending = false;        // stands in its chunk's `pending`
  bool wants_map = false;      // pending because of the chunk's map
  bool timed = false;          // stands in the deadlines
  bool seen = false;           // told to the observer
  bool again = false;          // a cached piece could not be read: start over
  std::optional<Error> error;  // first failure of a piece
};

}  // namespace shoal::fetch
