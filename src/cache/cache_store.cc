// SPDX-License-Identifier: Apache-2.0
#include "cache/cache_store.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "cache/content_hash.h"

namespace shoal::cache {
namespace {

constexpr std::uint64_t kReadStepBytes = 1u << 20;  // bounds a worker's scratch memory
// The index, the log and everybody else on this disk need room more than the cache does.
constexpr std::uint64_t kHeadroomDivisor = 16;
constexpr std::uint64_t kHeadroomBytesMin = 4u << 20;
constexpr std::uint64_t kHeadroomBytesMax = 64u << 20;
// What file systems give out at least; ours punch no hole in less.
constexpr std::uint32_t kDiskPageBytes = 4096;
constexpr std::size_t kDirectReadBytesMin =
    128u << 10;  // the readahead of file systems begins about here
// Of the bound, what pins leave for everything else to pass through.
constexpr std::uint64_t kUnpinnedDivisor = 8;
constexpr std::uint64_t kUnpinnedChunksMin = 2;

// Feeds the file's bytes of one run of blocks to `take`.
template <typename Take>
Result<void> read_run(const sys::File& file, std::uint64_t begin, std::uint64_t end,
                      std::vector<std::byte>& scratch, Take take) {
  while (begin < end) {
    const std::uint64_t count = std::min(end - begin, kReadStepBytes);
    scratch.resize(count);
    SHOAL_CHECK_OK(file.read_at(begin, scratch));
    take(ByteSpan(scratch));
    begin += count;
  }
  return {};
}

}  // namespace

CacheStore::CacheStore(CacheStoreOptions options, index::CacheRecords& records, sys::File file)
    : options_(std::move(options)), records_(records), file_(std::move(file)) {}

Result<std::unique_ptr<CacheStore>> CacheStore::open(const CacheStoreOptions& options,
                                                     index::CacheRecords& records,
                                                     const Visit& visit) {
  SHOAL_TRY(sys::File file, sys::File::open(options.path, sys::File::Mode::create));
  std::unique_ptr<CacheStore> store(new CacheStore(options, records, std::move(file)));
  SHOAL_CHECK_OK(store->load(visit));
  store->try_direct_writes();
  return store;
}

// Whether direct writes work here is found out with one, to the file's first page: there is only
// metadata in an image, and nothing in the cache file.
void CacheStore::try_direct_writes() {
  auto direct = file_.open_direct();
  if (!direct) return;
  alignas(kDiskPageBytes) static constexpr std::array<std::byte, kDiskPageBytes> kZeros{};
  if (!direct->write_at(0, kZeros)) return;
  ignore(file_.punch_hole(0, kDiskPageBytes), "one page of zeros more");
  direct_.emplace(std::move(*direct));
}

int CacheStore::write_fd(ByteSpan bytes, std::uint64_t offset) const noexcept {
  const bool whole_pages =
      (reinterpret_cast<std::uintptr_t>(bytes.data()) | offset | bytes.size()) % kDiskPageBytes ==
      0;
  return whole_pages && direct_ ? direct_->fd() : file_.fd();
}

int CacheStore::read_fd(ByteSpan target, std::uint64_t offset) const noexcept {
  return target.size() >= kDirectReadBytesMin ? write_fd(target, offset) : file_.fd();
}

std::uint64_t CacheStore::file_offset(ChunkId chunk) const noexcept {
  return format::kDataRegionStart + options_.geometry.start_of(chunk).value;
}

bool CacheStore::is_ours(ChunkId chunk, const format::CacheRecord& record) const {
  return record.layout_id == options_.layout_id &&
         chunk.value <= options_.data_end.value / options_.geometry.chunk_bytes;
}

Result<void> CacheStore::load(const Visit& visit) {
  bool foreign = false;
  SHOAL_CHECK_OK(records_.visit([&](ChunkId chunk, const format::CacheRecord& record) {
    foreign = foreign || !is_ours(chunk, record);
    return !foreign;
  }));
  SHOAL_TRY(const std::uint64_t found_bytes, file_.size());
  // Another layout gives other meaning to the same addresses: nothing of the old file can stay. A
  // new file, somebody having deleted the old one, has nothing of what is recorded.
  if (foreign || found_bytes == 0) SHOAL_CHECK_OK(start_empty());

  const std::uint64_t file_bytes =
      format::kDataRegionStart + round_up(options_.data_end.value, options_.geometry.chunk_bytes);
  SHOAL_TRY(const std::uint64_t old_bytes, file_.size());
  // Full size from the start: every read then finds bytes or a hole, never the end of the file.
  if (old_bytes != file_bytes) SHOAL_CHECK_OK(file_.resize(file_bytes));

  SHOAL_CHECK_OK(admit(visit));
  return give_back_unrecorded(used_bytes());
}

// Takes over what fits into the bound, pinned chunks first, and drops the rest.
Result<void> CacheStore::admit(const Visit& visit) {
  std::uint64_t bytes = 0;
  std::vector<ChunkId> over;
  for (const bool pinned : {true, false}) {
    SHOAL_CHECK_OK(records_.visit([&](ChunkId chunk, const format::CacheRecord& record) {
      if (record.pinned != pinned) return true;
      const std::uint64_t chunk_bytes =
          disk_bytes(BlockSet::from_words(options_.geometry.blocks_per_chunk(), record.present));
      if (chunk_bytes == 0 || bytes + chunk_bytes > options_.bytes_max) {
        over.push_back(chunk);
      } else {
        bytes += chunk_bytes;
        visit(chunk, record);
      }
      return true;
    }));
  }
  for (const ChunkId chunk : over) SHOAL_CHECK_OK(drop(chunk));
  used_.store(bytes, std::memory_order_relaxed);  // no other thread has seen the store yet
  return {};
}

Result<void> CacheStore::start_empty() const {
  // The bytes go first: records that survive a crash in between then fail their checksum.
  SHOAL_CHECK_OK(file_.resize(0));
  std::vector<ChunkId> chunks;
  SHOAL_CHECK_OK(records_.visit([&](ChunkId chunk, const format::CacheRecord&) {
    chunks.push_back(chunk);
    return true;
  }));
  for (const ChunkId chunk : chunks) SHOAL_CHECK_OK(records_.erase(chunk));
  return {};
}

// A server killed between data and record leaves bytes nobody accounts for; they would add up.
Result<void> CacheStore::give_back_unrecorded(std::uint64_t recorded_bytes) const {
  SHOAL_TRY(const std::uint64_t allocated, file_.allocated_bytes());
  if (allocated <= recorded_bytes + options_.geometry.chunk_bytes) return {};
  SHOAL_TRY(const std::uint64_t file_bytes, file_.size());
  const std::uint32_t block_bytes = options_.geometry.block_bytes;
  std::uint64_t hole_begin = 0;
  Result<void> result;
  const auto punch_to = [&](std::uint64_t end) {
    if (result && hole_begin < end) result = file_.punch_hole(hole_begin, end - hole_begin);
  };
  SHOAL_CHECK_OK(records_.visit([&](ChunkId chunk, const format::CacheRecord& record) {
    const auto blocks = BlockSet::from_words(options_.geometry.blocks_per_chunk(), record.present);
    blocks.each_run([&](std::uint32_t begin, std::uint32_t end) {
      punch_to(file_offset(chunk) + std::uint64_t{begin} * block_bytes);
      hole_begin = file_offset(chunk) + std::uint64_t{end} * block_bytes;
    });
    return result.has_value();
  }));
  punch_to(file_bytes);
  return result;
}

bool CacheStore::is_disk_low(std::uint64_t bytes) const {
  std::error_code unknown;
  const auto space = std::filesystem::space(options_.path.parent_path(), unknown);
  if (unknown) return false;
  const std::uint64_t headroom = std::clamp<std::uint64_t>(space.capacity / kHeadroomDivisor,
                                                           kHeadroomBytesMin, kHeadroomBytesMax);
  return space.available < headroom + bytes + unwritten_bytes();
}

std::uint64_t CacheStore::disk_bytes(const BlockSet& blocks) const noexcept {
  const std::uint32_t block_bytes = options_.geometry.block_bytes;
  if (block_bytes >= kDiskPageBytes) return std::uint64_t{blocks.count()} * block_bytes;
  return std::uint64_t{blocks.count_groups(kDiskPageBytes / block_bytes)} * kDiskPageBytes;
}

bool CacheStore::reserve(std::uint64_t bytes) {
  // Relaxed: the numbers alone are shared, no data is published through them. Counted before it
  // looks: of two that reserve the last of a disk at the same time, both may be refused, but never
  // neither.
  unwritten_.fetch_add(bytes, std::memory_order_relaxed);
  std::uint64_t used = used_.load(std::memory_order_relaxed);
  const bool has_disk = !is_disk_low(0);
  while (has_disk && used + bytes <= options_.bytes_max)
    if (used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed)) return true;
  written(bytes);
  return false;
}

void CacheStore::written(std::uint64_t bytes) {
  const std::uint64_t before = unwritten_.fetch_sub(bytes, std::memory_order_relaxed);
  SHOAL_ASSERT(before >= bytes);
}

void CacheStore::release(std::uint64_t bytes) {
  const std::uint64_t before = used_.fetch_sub(bytes, std::memory_order_relaxed);
  SHOAL_ASSERT(before >= bytes);
}

std::uint64_t CacheStore::pinned_bytes_max() const noexcept {
  const std::uint64_t rest = std::max(options_.bytes_max / kUnpinnedDivisor,
                                      kUnpinnedChunksMin * options_.geometry.chunk_bytes);
  return options_.bytes_max - std::min(options_.bytes_max, rest);
}

bool CacheStore::try_pin(std::uint64_t bytes) {
  std::uint64_t pinned = pinned_.load(std::memory_order_relaxed);
  do {
    if (pinned + bytes > pinned_bytes_max()) return false;
  } while (!pinned_.compare_exchange_weak(pinned, pinned + bytes, std::memory_order_relaxed));
  return true;
}

void CacheStore::unpin(std::uint64_t bytes) {
  const std::uint64_t before = pinned_.fetch_sub(bytes, std::memory_order_relaxed);
  SHOAL_ASSERT(before >= bytes);
}

Result<bool> CacheStore::verify(ChunkId chunk, const Stored& stored) const {
  const std::uint64_t base = file_offset(chunk);
  const std::uint32_t block_bytes = options_.geometry.block_bytes;
  ContentHash hash;
  std::vector<std::byte> scratch;
  Result<void> result;
  stored.blocks.each_run([&](std::uint32_t begin, std::uint32_t end) {
    if (!result) return;
    result = read_run(file_, base + std::uint64_t{begin} * block_bytes,
                      base + std::uint64_t{end} * block_bytes, scratch,
                      [&](ByteSpan bytes) { hash.add(bytes); });
  });
  SHOAL_CHECK_OK(std::move(result));
  return hash.value() == stored.xxh3;
}

Result<CacheStore::Commit> CacheStore::commit(ChunkId chunk, const Stored& old,
                                              const BlockSet& fresh, const std::byte* data,
                                              std::uint32_t object_blocks) {
  const std::uint64_t base = file_offset(chunk);
  const std::uint32_t block_bytes = options_.geometry.block_bytes;
  BlockSet all = old.blocks;
  all |= fresh;
  // Runs of `all` change between old and fresh; each stretch is hashed from where it is.
  ContentHash old_hash, whole_hash, fresh_hash;
  std::vector<std::byte> scratch;
  Result<void> result;
  const auto add_stretch = [&](std::uint32_t begin, std::uint32_t end) {
    const std::uint64_t first = std::uint64_t{begin} * block_bytes;
    const std::uint64_t bytes = std::uint64_t{end - begin} * block_bytes;
    if (fresh.contains(begin)) {
      whole_hash.add(ByteSpan(data + first, bytes));
      if (!old.blocks.empty()) fresh_hash.add(ByteSpan(data + first, bytes));
      return;
    }
    result = read_run(file_, base + first, base + first + bytes, scratch, [&](ByteSpan read) {
      old_hash.add(read);
      whole_hash.add(read);
    });
  };
  all.each_run([&](std::uint32_t begin, std::uint32_t end) {
    while (begin < end && result) {
      const std::uint32_t turn =
          fresh.contains(begin) ? fresh.next_out(begin) : fresh.next_in(begin);
      add_stretch(begin, std::min(turn, end));
      begin = turn;
    }
  });

  Commit commit;
  // Unreadable is as bad as changed: only the fresh blocks are known to be right.
  commit.old_damaged = !old.blocks.empty() && (!result || old_hash.value() != old.xxh3);
  commit.stored.blocks = commit.old_damaged ? fresh : all;
  commit.stored.xxh3 = commit.old_damaged ? fresh_hash.value() : whole_hash.value();
  if (commit.old_damaged && !result) {
    ContentHash only_fresh;
    fresh.each_run([&](std::uint32_t begin, std::uint32_t end) {
      only_fresh.add(ByteSpan(data + std::uint64_t{begin} * block_bytes,
                              std::uint64_t{end - begin} * block_bytes));
    });
    commit.stored.xxh3 = only_fresh.value();
  }
  commit.sealed = commit.stored.blocks.count() == object_blocks;

  commit.stored.pinned = old.pinned;
  SHOAL_CHECK_OK(record(chunk, commit.stored, commit.sealed));
  if (commit.old_damaged) {
    BlockSet lost = old.blocks;
    lost -= fresh;
    ignore(punch(chunk, lost), "unrecorded bytes are given back at the next start at the latest");
  }
  return commit;
}

Result<void> CacheStore::record(ChunkId chunk, const Stored& stored, bool sealed) {
  format::CacheRecord record;
  record.layout_id = options_.layout_id;
  record.present = stored.blocks.words();
  record.sealed = sealed;
  record.xxh3 = stored.xxh3;
  record.pinned = stored.pinned;
  return records_.store(chunk, record);
}

Result<void> CacheStore::drop(ChunkId chunk) {
  SHOAL_CHECK_OK(records_.erase(chunk));
  return file_.punch_hole(file_offset(chunk), options_.geometry.chunk_bytes);
}

Result<void> CacheStore::punch(ChunkId chunk, const BlockSet& blocks) {
  const std::uint64_t base = file_offset(chunk);
  const std::uint32_t block_bytes = options_.geometry.block_bytes;
  Result<void> result;
  blocks.each_run([&](std::uint32_t begin, std::uint32_t end) {
    auto punched = file_.punch_hole(base + std::uint64_t{begin} * block_bytes,
                                    std::uint64_t{end - begin} * block_bytes);
    if (!punched && result) result = std::move(punched);
  });
  return result;
}

}  // namespace shoal::cache
