// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <vector>

#include "base/clock.h"
#include "cache/block_set.h"
#include "cache/chunk_buffer.h"
#include "fetch/fetch_op.h"
#include "fetch/read_part.h"
#include "fetch/reuse.h"

namespace shoal::fetch {

struct ByteRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

// State of one chunk. Each block that holds object bytes is in exactly one of these states:
//
//   absent --GET planned--> filling (an op) --GET ends--> in memory --flush--> in memory and in
//   file
//     ^                        |                            |                    |          |
//     |<------- failed --------'<------- dropped -----------'            evicted |          |
//     dropped
//     '<----------------------------------------------------------------- ------ ' <-- in file only
//
// The chunk is sealed when all its object blocks are in the file. Blocks between objects are in no
// state and read as zero. confined to its owner.
struct Chunk {
  // One job with the file.
  enum class Busy : std::uint8_t { no, verifying, flushing, evicting, recording };

  Chunk(ChunkId chunk, std::uint32_t blocks)
      : id(chunk), in_memory(blocks), in_file(blocks), filling(blocks), unread(blocks) {}

  const ChunkId id;
  cache::BlockSet in_memory;
  cache::BlockSet in_file;
  cache::BlockSet filling;
  cache::BlockSet unread;  // prefetched, not read so far; in memory, in the file or filling
  cache::ChunkBuffer buffer;
  std::uint32_t object_blocks = 0;  // all blocks that hold object bytes; 0: map not seen so far
  std::uint64_t xxh3 = 0;           // of the blocks in the file

  Busy busy = Busy::no;
  bool verified = true;  // false: restored by a start, checksum not checked yet
  bool sealed = false;
  bool discard = false;       // the file's bytes cannot be used: drop them once nobody reads them
  bool room_wanted = false;   // waits for cache space
  bool refused = false;       // the cache has better use for its space: lost when memory is wanted
  bool warmed = false;        // asked for by name: makes others give way, until it is in the file
  bool pinned = false;        // not evicted
  bool pin_recorded = false;  // what its record in the index says of that
  std::uint64_t pinned_bytes = 0;  // what it counts among the pinned
  std::uint32_t file_reads = 0;    // the file's bytes must stay
  std::uint32_t in_flight = 0;     // GETs that write into the buffer
  Reuse reuse;
  TimePoint touched{};
  TimePoint flush_not_before{};  // after a failed or refused write
  TimePoint drop_not_before{};   // after a failed eviction

  std::vector<FetchOp*> ops;       // by chunk_offset; the owner's
  std::vector<ReadPart*> pending;  // requests that wait for the map or for the file
  std::vector<ByteRange> parked;   // prefetches that do

  // Places in the table's orders.
  bool is_buffered = false;
  std::list<Chunk*>::iterator buffered_at;
  static constexpr std::size_t kNowhere = ~std::size_t{0};
  std::size_t cached_at = kNowhere;

  [[nodiscard]] bool is_dirty() const { return !in_file.includes(in_memory); }
  [[nodiscard]] bool is_known(std::uint32_t block) const {
    return in_memory.contains(block) || in_file.contains(block) || filling.contains(block);
  }
};

}  // namespace shoal::fetch
