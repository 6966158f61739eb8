// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "format/layout.h"
#include "index/index.h"

// An index without a database, for tests and benches of the image writer: entry i comes from a
// function, so that a million entries take no memory.

namespace shoal::image {

class FakeIndex final : public index::Index {
 public:
  using MakeEntry = std::function<void(std::uint64_t, index::Entry&)>;

  FakeIndex(format::Geometry geometry, std::uint64_t count, DataAddress data_end, MakeEntry make)
      : count_(count), make_(std::move(make)) {
    dataset_.url = "s3://bucket/data/";
    dataset_.geometry = geometry;
    generation_.layout_id = 42;
    generation_.files = count;
    generation_.data_end = data_end;
  }

  Result<std::optional<format::DatasetRecord>> dataset() const override { return dataset_; }
  Result<std::optional<format::GenerationRecord>> generation() const override {
    return finished ? std::optional(generation_) : std::nullopt;
  }
  Result<std::unique_ptr<index::Cursor>> walk(std::string_view) const override {
    return std::make_unique<FakeCursor>(*this, count_ - std::min(count_, lost_by_walk_ * walks_++));
  }
  // Each walk after the first misses `entries` more of the last ones.
  void lose_by_walk(std::uint64_t entries) { lost_by_walk_ = entries; }
  bool finished = true;

  Result<std::optional<format::ObjectRecord>> find(std::string_view) const override {
    return unused();
  }
  Result<void> visit_special(
      const std::function<bool(const format::SpecialRecord&)>&) const override {
    return unused();
  }
  Result<format::ChunkRecord> chunk(ChunkId) const override { return unused(); }
  Result<std::optional<format::CacheRecord>> load(ChunkId) const override { return unused(); }
  Result<void> store(ChunkId, const format::CacheRecord&) override { return unused(); }
  Result<void> erase(ChunkId) override { return unused(); }
  Result<void> visit(
      const std::function<bool(ChunkId, const format::CacheRecord&)>&) const override {
    return unused();
  }

 private:
  class FakeCursor final : public index::Cursor {
   public:
    FakeCursor(const FakeIndex& index, std::uint64_t count) : index_(index), count_(count) {}
    Result<bool> next(index::Entry& entry) override {
      if (next_ == count_) return false;
      index_.make_(next_++, entry);
      return true;
    }
    Result<void> skip_directory(std::string_view) override { return unused(); }

   private:
    const FakeIndex& index_;
    const std::uint64_t count_;
    std::uint64_t next_ = 0;
  };

  static std::unexpected<Error> unused() {
    return fail(ErrorCode::bug, "the image writer has no business here");
  }

  std::uint64_t count_;
  MakeEntry make_;
  format::DatasetRecord dataset_;
  format::GenerationRecord generation_;
  std::uint64_t lost_by_walk_ = 0;
  mutable std::uint64_t walks_ = 0;
};

// Collects entries in any order, then sorts and lays them out as the indexer does.
class TreePlan {
 public:
  TreePlan& file(std::string path, std::uint64_t size, std::int64_t mtime = 1'600'000'000) {
    entries_.push_back(
        {std::move(path),
         {.size = size, .mtime = mtime, .etag = {}, .storage_class = {}, .address = {}}});
    return *this;
  }
  TreePlan& marker(std::string path, std::int64_t mtime = 1'600'000'000) {
    file(std::move(path), 0, mtime);
    entries_.back().record.kind = format::ObjectRecord::Kind::directory;
    return *this;
  }
  // Gives the objects their addresses, from `start` on.
  TreePlan& lay_out(format::Geometry geometry, DataAddress start = {}) {
    geometry_ = geometry;
    std::ranges::sort(entries_, {}, [](const index::Entry& entry) { return sort_key(entry); });
    format::AddressAllocator allocator(geometry, start);
    for (index::Entry& entry : entries_) entry.record.address = allocator.place(entry.record.size);
    data_end_ = allocator.end();
    return *this;
  }
  [[nodiscard]] const std::vector<index::Entry>& entries() const { return entries_; }
  [[nodiscard]] format::Geometry geometry() const { return geometry_; }
  [[nodiscard]] FakeIndex index() const {
    return FakeIndex(
        geometry_, entries_.size(), data_end_,
        [entries = entries_](std::uint64_t i, index::Entry& entry) { entry = entries[i]; });
  }

 private:
  static std::string sort_key(const index::Entry& entry) {
    std::string key = entry.path;
    std::ranges::replace(key, '/', '\0');
    if (entry.record.kind == format::ObjectRecord::Kind::directory) key.push_back('\0');
    return key;
  }

  std::vector<index::Entry> entries_;
  format::Geometry geometry_;
  DataAddress data_end_;
};

}  // namespace shoal::image
