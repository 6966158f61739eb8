// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace shoal::fetch {

// The part of one read that lies in one chunk. Made by the caller of ChunkOwner::submit, borrowed
// by the owner until on_done() has run; then it may be destroyed, from inside on_done() too. The
// fields below the line belong to the owner.
struct ReadPart {
  virtual ~ReadPart() = default;
  // Runs exactly once, on the owner's executor, never from inside submit().
  virtual void on_done(Result<void> result) = 0;

  ChunkId chunk;
  std::uint32_t chunk_offset = 0;
  MutableByteSpan target;  // inside one chunk
  TimePoint deadline{};
  bool hit = true;  // result: answered without waiting for the bucket

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
