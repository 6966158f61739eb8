// SPDX-License-Identifier: Apache-2.0
// Goal: the cache file gives back what was committed or says that it cannot, keeps to its bound,
// and leaves no bytes behind that nobody accounts for. Method: a real sparse file, records in
// memory, damage done by hand.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "cache/cache_store.h"
#include "sim/support/faulty_files.h"
#include "sim/support/oracle_dataset.h"

namespace shoal::cache {
namespace {

constexpr format::Geometry kGeometry{4096, 64u << 10};

class CacheStoreTest : public testing::Test {
 protected:
  void open(std::uint64_t layout_id = 1, std::uint64_t bytes_max = 1u << 20) {
    store_.reset();
    restored_.clear();
    auto store =
        CacheStore::open({.path = path(),
                          .layout_id = layout_id,
                          .geometry = kGeometry,
                          .data_end = DataAddress{100 * kGeometry.chunk_bytes},
                          .bytes_max = bytes_max},
                         records_, [this](ChunkId chunk, const format::CacheRecord& record) {
                           restored_.emplace_back(chunk, record);
                         });
    ASSERT_TRUE(store) << store.error().to_string();
    store_ = std::move(*store);
  }
  [[nodiscard]] std::filesystem::path path() const { return directory_.path() / "data"; }
  [[nodiscard]] sys::File file() const {
    return std::move(*sys::File::open(path(), sys::File::Mode::read_write));
  }

  // Writes blocks [begin, end) of the chunk and commits them.
  Result<CacheStore::Commit> add(ChunkId chunk, const Stored& old, std::uint32_t begin,
                                 std::uint32_t end, std::uint32_t object_blocks = 16) {
    sim::oracle_fill(chunk.value, 1, 0, content_);
    BlockSet fresh(16);
    fresh.add(begin, end);
    if (!store_->reserve((end - begin) * 4096ull)) return fail(ErrorCode::limit, "cache is full");
    SHOAL_CHECK_OK(
        file().write_at(store_->file_offset(chunk) + begin * 4096ull,
                        ByteSpan(content_).subspan(begin * 4096ull, (end - begin) * 4096ull)));
    return store_->commit(chunk, old, fresh, content_.data(), object_blocks);
  }

  sim::TemporaryDirectory directory_;
  sim::MemoryRecords records_;
  std::unique_ptr<CacheStore> store_;
  std::vector<std::pair<ChunkId, format::CacheRecord>> restored_;
  std::vector<std::byte> content_ = std::vector<std::byte>(kGeometry.chunk_bytes);
};

const Stored kNothing{BlockSet(16), 0};

TEST_F(CacheStoreTest, restart_finds_sealed_and_partial_chunks_and_they_verify) {
  open();
  const auto whole = add(ChunkId{3}, kNothing, 0, 16);
  ASSERT_TRUE(whole && whole->sealed);
  const auto part = add(ChunkId{7}, kNothing, 2, 5);
  ASSERT_TRUE(part && !part->sealed);
  open();
  ASSERT_EQ(restored_.size(), 2u);
  EXPECT_EQ(store_->used_bytes(), 19u * 4096);
  for (const auto& [chunk, record] : restored_) {
    const auto good =
        store_->verify(chunk, {BlockSet::from_words(16, record.present), record.xxh3});
    ASSERT_TRUE(good);
    EXPECT_TRUE(*good);
  }
}

TEST_F(CacheStoreTest, blocks_added_later_are_covered_by_one_checksum) {
  open();
  const auto first = add(ChunkId{0}, kNothing, 4, 6);
  ASSERT_TRUE(first);
  const auto second = add(ChunkId{0}, first->stored, 0, 4);
  ASSERT_TRUE(second);
  const auto third = add(ChunkId{0}, second->stored, 8, 16, /*object_blocks=*/14);
  ASSERT_TRUE(third);
  EXPECT_TRUE(third->sealed);
  EXPECT_TRUE(*store_->verify(ChunkId{0}, third->stored));
  EXPECT_EQ(store_->used_bytes(), 14u * 4096);
}

TEST_F(CacheStoreTest, one_flipped_bit_fails_the_checksum) {
  open();
  const auto commit = add(ChunkId{1}, kNothing, 0, 16);
  ASSERT_TRUE(commit);
  std::byte byte = content_[12345] ^ std::byte{4};
  ASSERT_TRUE(file().write_at(store_->file_offset(ChunkId{1}) + 12345, ByteSpan(&byte, 1)));
  EXPECT_FALSE(*store_->verify(ChunkId{1}, commit->stored));
}

TEST_F(CacheStoreTest, adding_to_damaged_blocks_drops_them_instead_of_blessing_them) {
  open();
  const auto old = add(ChunkId{1}, kNothing, 0, 4);
  ASSERT_TRUE(old);
  std::byte byte = content_[100] ^ std::byte{1};
  ASSERT_TRUE(file().write_at(store_->file_offset(ChunkId{1}) + 100, ByteSpan(&byte, 1)));
  const auto commit = add(ChunkId{1}, old->stored, 4, 16);
  ASSERT_TRUE(commit);
  EXPECT_TRUE(commit->old_damaged);
  EXPECT_FALSE(commit->sealed);
  EXPECT_EQ(commit->stored.blocks.next_in(0), 4u);
  EXPECT_TRUE(*store_->verify(ChunkId{1}, commit->stored));
}

TEST_F(CacheStoreTest, a_torn_write_is_found_after_a_restart) {
  open();
  const auto commit = add(ChunkId{2}, kNothing, 0, 16);
  ASSERT_TRUE(commit);
  // The record reached the disk, the last blocks did not.
  ASSERT_TRUE(file().punch_hole(store_->file_offset(ChunkId{2}) + 14 * 4096, 2 * 4096));
  open();
  ASSERT_EQ(restored_.size(), 1u);
  EXPECT_FALSE(*store_->verify(ChunkId{2}, {BlockSet::from_words(16, restored_[0].second.present),
                                            restored_[0].second.xxh3}));
}

TEST_F(CacheStoreTest, another_layout_starts_with_an_empty_file) {
  open(1);
  ASSERT_TRUE(add(ChunkId{5}, kNothing, 0, 16));
  open(2);
  EXPECT_TRUE(restored_.empty());
  EXPECT_TRUE(records_.records.empty());
  EXPECT_EQ(*file().allocated_bytes(), 0u);
  EXPECT_EQ(store_->used_bytes(), 0u);
}

TEST_F(CacheStoreTest, killed_between_data_and_record_gives_the_space_back) {
  open();
  ASSERT_TRUE(add(ChunkId{5}, kNothing, 0, 16));
  for (const std::uint64_t chunk : {4, 6, 50}) {
    sim::oracle_fill(chunk, 1, 0, content_);
    ASSERT_TRUE(file().write_at(store_->file_offset(ChunkId{chunk}), content_));
  }
  ASSERT_TRUE(file().sync());
  open();
  ASSERT_TRUE(file().sync());
  EXPECT_EQ(restored_.size(), 1u);
  EXPECT_LE(*file().allocated_bytes(), 17u * 4096);
  EXPECT_TRUE(*store_->verify(ChunkId{5}, {BlockSet::from_words(16, restored_[0].second.present),
                                           restored_[0].second.xxh3}));
}

TEST_F(CacheStoreTest, a_smaller_bound_drops_what_no_longer_fits) {
  open();
  for (std::uint64_t chunk = 0; chunk < 8; ++chunk)
    ASSERT_TRUE(add(ChunkId{chunk}, kNothing, 0, 16));
  open(1, 3 * kGeometry.chunk_bytes);
  EXPECT_EQ(restored_.size(), 3u);
  EXPECT_EQ(records_.records.size(), 3u);
  EXPECT_LE(store_->used_bytes(), 3u * kGeometry.chunk_bytes);
}

TEST_F(CacheStoreTest, reserve_refuses_past_the_bound) {
  open(1, 10 * 4096);
  EXPECT_TRUE(store_->reserve(10 * 4096));
  EXPECT_FALSE(store_->reserve(4096));
  store_->release(10 * 4096);
  EXPECT_TRUE(store_->reserve(4096));
}

TEST_F(CacheStoreTest, what_is_reserved_counts_as_taken_from_the_disk_until_it_is_written) {
  open(1, std::numeric_limits<std::uint64_t>::max() / 2);
  const std::uint64_t most = std::filesystem::space(directory_.path()).available / 10 * 6;
  ASSERT_TRUE(store_->reserve(most));
  EXPECT_TRUE(store_->is_disk_low(most));
  EXPECT_FALSE(store_->reserve(most));
  EXPECT_FALSE(store_->reserve(most));  // what is refused leaves no trace
  store_->written(most);                // nothing of it, in truth: the disk is as before
  EXPECT_FALSE(store_->is_disk_low(most));
  EXPECT_TRUE(store_->reserve(most));
}

TEST_F(CacheStoreTest, small_blocks_are_counted_by_the_pages_they_take) {
  const auto store = CacheStore::open({.path = directory_.path() / "small",
                                       .layout_id = 1,
                                       .geometry = {512, 64u << 10},
                                       .data_end = DataAddress{1u << 20},
                                       .bytes_max = 1u << 20},
                                      records_, [](ChunkId, const auto&) {});
  ASSERT_TRUE(store);
  BlockSet blocks(128);
  blocks.add(7, 9);
  EXPECT_EQ((*store)->disk_bytes(blocks), 8192u);
  blocks.add(0, 7);
  EXPECT_EQ((*store)->disk_bytes(blocks), 8192u);
}

TEST_F(CacheStoreTest, pins_leave_a_part_of_the_bound_and_are_kept_first_in_a_smaller_one) {
  open();
  for (std::uint64_t chunk = 0; chunk < 8; ++chunk) {
    Stored old = kNothing;
    old.pinned = chunk >= 6;
    const auto commit = add(ChunkId{chunk}, old, 0, 16);
    ASSERT_TRUE(commit);
    EXPECT_EQ(commit->stored.pinned, old.pinned);
  }
  EXPECT_TRUE(store_->try_pin(14 * kGeometry.chunk_bytes));
  EXPECT_FALSE(store_->try_pin(1));
  store_->unpin(14 * kGeometry.chunk_bytes);
  EXPECT_EQ(store_->pinned_bytes(), 0u);
  open(1, 3 * kGeometry.chunk_bytes);
  ASSERT_EQ(restored_.size(), 3u);
  EXPECT_EQ(restored_[0].first, ChunkId{6});
  EXPECT_EQ(restored_[1].first, ChunkId{7});
  EXPECT_TRUE(restored_[0].second.pinned && restored_[1].second.pinned);
}

TEST_F(CacheStoreTest, drop_erases_the_record_and_the_bytes) {
  open();
  ASSERT_TRUE(add(ChunkId{9}, kNothing, 0, 16));
  ASSERT_TRUE(store_->drop(ChunkId{9}));
  EXPECT_TRUE(records_.records.empty());
  EXPECT_EQ(*file().allocated_bytes(), 0u);
}

TEST_F(CacheStoreTest, a_commit_whose_record_is_refused_is_an_error) {
  open();
  records_.refuse_store = true;
  EXPECT_FALSE(add(ChunkId{9}, kNothing, 0, 16));
}

TEST_F(CacheStoreTest, whole_pages_go_around_the_page_cache_and_verify_like_others) {
  open();
  alignas(4096) static std::array<std::byte, 16 * 4096> content;
  sim::oracle_fill(5, 1, 0, content);
  const std::uint64_t offset = store_->file_offset(ChunkId{5});
  const ByteSpan all(content);
  EXPECT_EQ(store_->write_fd(all.first(100), offset), store_->fd());
  EXPECT_EQ(store_->write_fd(all.subspan(512, 4096), offset), store_->fd());
  EXPECT_EQ(store_->write_fd(all, offset + 512), store_->fd());
  const int whole = store_->write_fd(all, offset);
  // A file system that cannot (some overlay or network ones) gets ordinary writes.
  EXPECT_EQ(whole != store_->fd(), file().open_direct().has_value());
  EXPECT_EQ(store_->read_fd(all, offset), store_->fd()) << "short: through the page cache";
  alignas(4096) static std::array<std::byte, 256u << 10> longer;
  EXPECT_EQ(store_->read_fd(longer, offset), whole);
  ASSERT_TRUE(store_->reserve(all.size()));
  ASSERT_EQ(::pwrite(whole, all.data(), all.size(), static_cast<off_t>(offset)),
            static_cast<ssize_t>(all.size()));
  BlockSet fresh(16);
  fresh.add(0, 16);
  const auto commit = store_->commit(ChunkId{5}, kNothing, fresh, content.data(), 16);
  ASSERT_TRUE(commit && commit->sealed);
  EXPECT_TRUE(store_->verify(ChunkId{5}, commit->stored).value());
  std::array<std::byte, 4096> start{};
  ASSERT_TRUE(file().read_at(0, start));
  EXPECT_EQ(std::ranges::count(start, std::byte{0}), 4096) << "the trial of direct writes";
}

}  // namespace
}  // namespace shoal::cache
