// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <vector>

#include "base/ids.h"
#include "format/layout.h"
#include "prefetch/policy.h"

namespace shoal::prefetch {

// The sequence in which files will be read: a list file, a trace, or epochs of a shuffle rule, one
// behind the other. A file may occur more than once. Built in batches while reading has begun.
//
// Memory: 8 bytes per file (address and length in one word) and 4 for the ways back from a chunk to
// its places in the order; 12 MB per million files. While a batch is added, up to 4 bytes more per
// file.
//
// The ways back are runs sorted by (chunk, ordinal), merged like the digits of a binary counter, so
// there are at most 32 of them and each entry is copied at most 32 times.
//
// Thread model: synchronized, with one builder: append() by one thread at a time; everything else
// by any thread meanwhile. Sorting happens outside the lock, which is held for moments. Shared by
// the policies, the eviction of the fetch threads and the builder; the last one frees it.
class Order {
 public:
  static constexpr std::uint64_t kFilesMax = (1ull << 32) - 1;
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  struct File {
    DataAddress begin;
    std::uint64_t length = 0;
  };

  explicit Order(const format::Geometry& geometry) : geometry_(geometry) {}
  Order(const Order&) = delete;
  Order& operator=(const Order&) = delete;

  // Adds files behind the last. Empty files have no bytes and are left out. False: there would be
  // more than kFilesMax; nothing was added.
  [[nodiscard]] bool append(std::span<const File> files);

  [[nodiscard]] std::uint64_t size() const { return size_.load(std::memory_order_acquire); }
  // The range to ask for: from the file's begin into its last block, or, for files larger than a
  // chunk, into its last chunk (fetching completes both). Precondition: ordinal < size().
  [[nodiscard]] Range at(std::uint64_t ordinal) const;
  // The first place at or behind `from` of the file that holds `address`; else the first place of
  // all. Of a file larger than a chunk, only addresses in its first chunk are found.
  [[nodiscard]] std::optional<std::uint64_t> find(DataAddress address, std::uint64_t from) const;

  // Where the readers are; set by the policy, read by next_use().
  void set_position(std::uint64_t ordinal) { position_.store(ordinal, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t position() const { return position_.load(std::memory_order_relaxed); }
  // Number of files between the position and the next file that lies in `chunk`, whole or in part;
  // kNever: there is none, or the chunk lies over 32 chunks behind the beginning of its file. A
  // microsecond or two.
  [[nodiscard]] std::uint64_t next_use(ChunkId chunk) const;

 private:
  // One word per file: address / 512 in the upper 53 bits; below, the length: bit 10 says whether
  // bits 0-9 count whole chunks behind the first one, or 1/1024s of a chunk behind the first one.
  using Packed = std::uint64_t;
  static constexpr std::size_t kBlockFiles = 1u << 16;
  using Block = std::unique_ptr<Packed[]>;
  using Run = std::shared_ptr<const std::vector<std::uint32_t>>;

  [[nodiscard]] Packed pack(const File& file) const;
  [[nodiscard]] Range unpack(Packed packed) const;
  [[nodiscard]] Packed packed_at(std::uint64_t ordinal) const {
    return blocks_[ordinal / kBlockFiles][ordinal % kBlockFiles];
  }
  [[nodiscard]] std::uint64_t chunk_at(std::uint64_t ordinal) const {
    return (packed_at(ordinal) >> 11 << 9) / geometry_.chunk_bytes;
  }
  [[nodiscard]] std::vector<std::uint32_t> sorted_run(std::uint64_t begin, std::uint64_t end) const;
  [[nodiscard]] std::vector<std::uint32_t> merged(const std::vector<std::uint32_t>& older,
                                                  const std::vector<std::uint32_t>& newer) const;
  [[nodiscard]] std::uint64_t next_in_run(const std::vector<std::uint32_t>& run,
                                          std::uint64_t chunk, std::uint64_t from) const;
  [[nodiscard]] std::optional<std::uint64_t> find_locked(DataAddress address, std::uint64_t from,
                                                         std::uint64_t end) const;
  [[nodiscard]] std::uint64_t next_locked(std::uint64_t chunk, std::uint64_t from) const;

  const format::Geometry geometry_;
  std::atomic<std::uint64_t> size_{0};      // release in append(), acquire in size()
  std::atomic<std::uint64_t> position_{0};  // a hint: alone, so relaxed
  mutable std::shared_mutex mutex_;
  // Written by the builder under the lock; the builder itself reads without it.
  std::vector<Block> blocks_;
  std::vector<Run> runs_;               // from the first files to the last
  std::uint64_t large_chunks_max_ = 0;  // chunks of the largest file, less one
};

}  // namespace shoal::prefetch
