// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "base/ids.h"
#include "base/result.h"
#include "cache/block_set.h"
#include "format/layout.h"
#include "index/index.h"
#include "sys/file.h"

// The cache file is the image: one sparse file in image layout, so that a fully warm cache with the
// metadata in front is a complete EROFS image. Which blocks of a chunk are in it, and the XXH3 of
// their content, stands in the index (format::CacheRecord).
//
// Nothing is synced. The order of every change makes that safe: data before its record, record
// erased before its data. What a crash or a bad disk does to the bytes themselves is found by the
// checksum, which covers all present blocks of a chunk and is checked at the chunk's first use
// after a start. Damaged bytes are dropped and fetched again, never served.
//
// The calls marked "blocks" read or write the disk and belong on a worker thread.

namespace shoal::cache {

struct CacheStoreOptions {
  std::filesystem::path path;
  std::uint64_t layout_id = 0;
  format::Geometry geometry;
  DataAddress data_end;
  std::uint64_t bytes_max = 0;
};

// What one chunk has in the file.
struct Stored {
  BlockSet blocks;
  std::uint64_t xxh3 = 0;
  bool pinned = false;  // kept across starts for whoever evicts; nothing here acts on it
};

// Thread model: synchronized; calls for one chunk are serialized by its owner.
class CacheStore {
 public:
  using Visit = std::function<void(ChunkId, const format::CacheRecord&)>;

  // Opens or makes the file and tells `visit` what it holds, not yet verified. Everything of
  // another layout is dropped, as is what exceeds `bytes_max`, and space no record accounts for is
  // given back. `records` outlives the store. Blocks.
  [[nodiscard]] static Result<std::unique_ptr<CacheStore>> open(const CacheStoreOptions& options,
                                                                index::CacheRecords& records,
                                                                const Visit& visit);

  [[nodiscard]] int fd() const noexcept { return file_.fd(); }
  // Where to write `bytes` to: around the page cache where the file system can and the pages are
  // whole. What a reader wants is copied into the page cache of the mount; a second copy, of the
  // cache file, would cost memory and a third of the server's kernel time.
  [[nodiscard]] int write_fd(ByteSpan bytes, std::uint64_t offset) const noexcept;
  // Where to read `target` from: a long stretch, as the kernel's readahead asks for, around the
  // page cache too; a short one through it, which reads ahead and may have it.
  [[nodiscard]] int read_fd(ByteSpan target, std::uint64_t offset) const noexcept;
  [[nodiscard]] bool is_direct(int fd) const noexcept { return fd != file_.fd(); }
  [[nodiscard]] std::uint64_t file_offset(ChunkId chunk) const noexcept;
  [[nodiscard]] std::uint64_t bytes_max() const noexcept { return options_.bytes_max; }
  [[nodiscard]] std::uint64_t used_bytes() const noexcept {
    return used_.load(std::memory_order_relaxed);  // a gauge
  }

  // Reserved, and perhaps not in the file yet.
  [[nodiscard]] std::uint64_t unwritten_bytes() const noexcept {
    return unwritten_.load(std::memory_order_relaxed);  // a gauge
  }

  // Whether `bytes` more than what is reserved would leave the disk with less than others on it
  // need.
  [[nodiscard]] bool is_disk_low(std::uint64_t bytes) const;
  // What a set of blocks takes on the disk, which gives out pages: a single block of 512 bytes
  // costs one. All bytes below are counted so.
  [[nodiscard]] std::uint64_t disk_bytes(const BlockSet& blocks) const noexcept;
  // Counts bytes before they are written; false when they would exceed the bound, or the disk is
  // low. Until written(), once for each, the disk has yet to give them: they count as taken from
  // it.
  [[nodiscard]] bool reserve(std::uint64_t bytes);
  // Reserved bytes are in the file now, or will not be.
  void written(std::uint64_t bytes);
  // Gives back what is in the file no more.
  void release(std::uint64_t bytes);

  // Counts what must not be evicted, apart from `used_bytes`; false when the rest of the bound
  // would be too small for the cache to work with.
  [[nodiscard]] bool try_pin(std::uint64_t bytes);
  // Without asking: of a chunk that is pinned already.
  void add_pinned(std::uint64_t bytes) {
    pinned_.fetch_add(bytes, std::memory_order_relaxed);  // a number, nothing is ordered by it
  }
  void unpin(std::uint64_t bytes);
  [[nodiscard]] std::uint64_t pinned_bytes() const noexcept {
    return pinned_.load(std::memory_order_relaxed);  // a gauge
  }
  [[nodiscard]] std::uint64_t pinned_bytes_max() const noexcept;

  // Whether the file still holds what `stored` says. An error means that it could not be read.
  // Blocks.
  [[nodiscard]] Result<bool> verify(ChunkId chunk, const Stored& stored) const;

  struct Commit {
    Stored stored;  // what the chunk has in the file afterwards
    bool sealed = false;
    bool old_damaged = false;  // the old blocks failed their checksum and were dropped
  };
  // Makes blocks `fresh`, whose content is at `data` (the whole chunk's buffer) and has just been
  // written to the file, part of the chunk: verifies the old blocks, hashes old and new ones
  // together and stores the record. Sealed when the chunk then has `object_blocks` blocks; pinned
  // as `old` is. Blocks.
  [[nodiscard]] Result<Commit> commit(ChunkId chunk, const Stored& old, const BlockSet& fresh,
                                      const std::byte* data, std::uint32_t object_blocks);
  // Writes the record of a chunk whose bytes stay as they are. Blocks.
  [[nodiscard]] Result<void> record(ChunkId chunk, const Stored& stored, bool sealed);
  // Erases the record, then punches the chunk's blocks out. Blocks.
  [[nodiscard]] Result<void> drop(ChunkId chunk);
  // Gives back blocks that no record names. Blocks.
  [[nodiscard]] Result<void> punch(ChunkId chunk, const BlockSet& blocks);

 private:
  CacheStore(CacheStoreOptions options, index::CacheRecords& records, sys::File file);
  Result<void> load(const Visit& visit);
  Result<void> give_back_unrecorded(std::uint64_t recorded_bytes) const;
  Result<void> start_empty() const;
  void try_direct_writes();
  [[nodiscard]] Result<void> admit(const Visit& visit);
  [[nodiscard]] bool is_ours(ChunkId chunk, const format::CacheRecord& record) const;

  CacheStoreOptions options_;
  index::CacheRecords& records_;
  sys::File file_;
  std::optional<sys::File> direct_;  // the same file, written without the page cache
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> unwritten_{0};  // of `used_`
  std::atomic<std::uint64_t> pinned_{0};
};

}  // namespace shoal::cache
