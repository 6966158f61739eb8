// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <map>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "cache/block_set.h"
#include "cache/chunk_buffer.h"
#include "fetch/fetch_op.h"
#include "fetch/read_part.h"

namespace shoal::fetch {

struct ByteRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

// State of one chunk. Each block that holds object bytes is in exactly one of these states:
//
//   absent --GET starts--> filling (an op) --GET ends--> in memory --flush--> in memory and in file
//     ^                        |                            |                    |          |
//     |<------- failed --------'<------- dropped -----------'            evicted |          |
//     dropped
//     '<----------------------------------------------------------------- ------ ' <-- in file only
//
// The chunk is sealed when all its object blocks are in the file. Blocks between objects are in no
// state and read as zero. confined to its owner.
struct Chunk {
  enum class Busy : std::uint8_t { no, verifying, flushing, evicting };  // one job with the file

  Chunk(ChunkId chunk, std::uint32_t blocks)
      : id(chunk), in_memory(blocks), in_file(blocks), unread(blocks) {}

  const ChunkId id;
  cache::BlockSet in_memory;
  cache::BlockSet in_file;
  cache::BlockSet unread;  // prefetched, not read so far; in memory, in the file or filling
  cache::ChunkBuffer buffer;
  std::uint32_t object_blocks = 0;  // all blocks that hold object bytes; 0: map not seen so far
  std::uint64_t xxh3 = 0;           // of the blocks in the file

  Busy busy = Busy::no;
  bool verified = true;  // false: restored by a start, checksum not checked yet
  bool sealed = false;
  bool discard = false;      // the file's bytes cannot be used: drop them once nobody reads them
  bool room_wanted = false;  // waits for cache space
  std::uint32_t file_reads = 0;  // pins: the file's bytes must stay
  std::uint32_t in_flight = 0;   // GETs that write into the buffer
  TimePoint touched{};
  TimePoint flush_not_before{};  // after a failed write

  std::map<std::uint32_t, std::unique_ptr<FetchOp>> ops;  // by chunk offset; queued or in flight
  std::vector<ReadPart*> pending;  // reads that wait for the map or for the file
  std::vector<ByteRange> parked;   // prefetches that do

  // Places in the table's orders; valid when the list is not null.
  std::list<Chunk*>* buffered_in = nullptr;
  std::list<Chunk*>* cached_in = nullptr;
  std::list<Chunk*>::iterator buffered_at;
  std::list<Chunk*>::iterator cached_at;

  [[nodiscard]] bool is_dirty() const {
    cache::BlockSet dirty = in_memory;
    dirty -= in_file;
    return !dirty.empty();
  }
};

}  // namespace shoal::fetch
