// SPDX-License-Identifier: Apache-2.0
#include "index/layout.h"

#include <random>

#include "base/limits.h"
#include "index/chunk_files.h"
#include "index/staging.h"
#include "index/status.h"
#include "index/table_thread.h"

namespace shoal::index {
namespace {

using format::GenerationRecord;
using format::ObjectRecord;

constexpr std::uint32_t kKeysBetweenLooks = 4096;  // at the stop flag and the clock

// Identifies one giving-out of addresses; zero means none.
std::uint64_t new_layout_id() {
  std::random_device device;
  std::uint64_t id = 0;
  while (id == 0) id = std::uint64_t{device()} << 32 | device();
  return id;
}

class Layout {
 public:
  Layout(Database& database, const format::DatasetRecord& dataset, std::string_view prefix,
         const Journal::State& state, const std::filesystem::path& runs, Progress& progress)
      : database_(database),
        dataset_(dataset),
        prefix_(prefix),
        runs_(runs),
        progress_(progress),
        keys_expected_(std::max<std::uint64_t>(1, state.keys())),
        generation_(state.building),
        addresses_(dataset.geometry, {0}),
        objects_(database, Family::objects, runs, "objects"),
        chunks_(database, Family::chunks, runs, "chunks"),
        special_(database, Family::special, runs, "special"),
        cache_(database, Family::cache, runs, "cache"),
        meta_(database, Family::meta, runs, "meta"),
        chunk_files_(dataset.geometry, chunks_, writer_) {
    generation_.layout_id = new_layout_id();
    generation_.object_bytes = 0;
  }

  Result<GenerationRecord> run() {
    for (TableFiles* table : {&objects_, &chunks_, &special_, &cache_}) {
      SHOAL_CHECK_OK(table->erase_all());
      replaces_ |= !table->paths().empty();
    }
    SHOAL_CHECK_OK(walk());
    SHOAL_CHECK_OK(flush_shadowed());
    SHOAL_CHECK_OK(collect_special());
    SHOAL_CHECK_OK(commit());
    return generation_;
  }

 private:
  Result<void> walk() {
    const auto cursor = database_.scan(Family::staging);
    std::uint64_t keys = 0;
    std::string key;     // waits until the next one shows whether it shadows this one
    std::string record;  // of `key`, encoded
    for (cursor->Seek(kObjectStaging.data()); cursor->Valid(); cursor->Next()) {
      const std::string_view next = cursor->key().ToStringView();
      if (!key.empty()) {
        const bool is_shadowed = next.size() > key.size() && next.starts_with(key) &&
                                 next[key.size()] == '\0' && key.back() != '\0';
        SHOAL_CHECK_OK(is_shadowed ? shadow(key, record) : place(key, record));
      }
      key = next;
      record = cursor->value().ToStringView();
      if (++keys % kKeysBetweenLooks == 0) SHOAL_CHECK_OK(look(keys));
    }
    SHOAL_CHECK_OK(check(cursor->status(), database_.describe("read", Family::staging)));
    if (!key.empty()) SHOAL_CHECK_OK(place(key, record));
    generation_.data_end = addresses_.end();
    SHOAL_CHECK_OK(chunk_files_.finish());
    return writer_.drain();
  }

  Result<void> look(std::uint64_t keys) {
    if (progress_.is_stopped())
      return fail(ErrorCode::canceled, "layout was stopped; the listing is kept");
    progress_.estimate(static_cast<double>(keys) / static_cast<double>(keys_expected_));
    progress_.tell_if_due();
    return {};
  }

  // Completes `encoded`, the record staged under `key`, and stores it.
  Result<void> place(const std::string& key, std::string& encoded) {
    SHOAL_CHECK_OK(format::decode_into(encoded, record_));
    ObjectRecord& record = record_;
    count_directories(key);
    if (record.kind == ObjectRecord::Kind::file) {
      if (record.size > format::kDataBytesMax - addresses_.end().value - format::kChunkBytesMax)
        return fail(ErrorCode::limit,
                    "lay out " + std::string(prefix_) + format::path_of(key) +
                        ": the dataset is larger than an image can be",
                    "Index parts of the prefix as volumes of their own.");
      record.address = addresses_.place(record.size);
      generation_.files += 1;
      generation_.object_bytes += record.size;
      format::append_address(record.address, encoded);
      SHOAL_CHECK_OK(chunk_files_.add(key, record));
    }
    return writer_.put(objects_, key, encoded);
  }

  // Keys come depth-first: a directory that the key before did not lie in was never seen.
  void count_directories(std::string_view key) {
    const std::size_t last = key.rfind('\0');
    const std::string_view directory =
        last == std::string_view::npos ? std::string_view() : key.substr(0, last + 1);
    std::size_t same = 0;
    const std::size_t shorter = std::min(directory.size(), directory_.size());
    while (same < shorter && directory[same] == directory_[same]) ++same;
    for (std::size_t i = 0; i < directory.size(); ++i)
      if (directory[i] == '\0' && i >= same) generation_.directories += 1;
    if (same != directory.size() || same != directory_.size()) directory_ = directory;
  }

  Result<void> shadow(const std::string& key, const std::string& encoded) {
    SHOAL_TRY(const ObjectRecord record, format::decode<ObjectRecord>(encoded));
    stage_special({.key = std::string(prefix_) + format::path_of(key),
                   .reason = format::SpecialReason::shadowed_by_directory,
                   .size = record.size},
                  shadowed_);
    if (shadowed_.bytes() >= limits::kSortedRunBytes) return flush_shadowed();
    return {};
  }

  // Shadowed keys come in walk order but are kept in key order; staging sorts them for us.
  Result<void> flush_shadowed() {
    if (shadowed_.is_empty()) return {};
    TableFiles files(database_, Family::staging, runs_,
                     "shadowed-" + std::to_string(shadowed_runs_++));
    SHOAL_CHECK_OK(std::exchange(shadowed_, SortedRun()).write(files));
    SHOAL_CHECK_OK(files.finish());
    return ingest(database_, {&files});
  }

  Result<void> collect_special() {
    const rocksdb::Slice end(kObjectStaging.data(), kObjectStaging.size());
    const auto cursor = database_.scan(Family::staging, &end);
    for (cursor->Seek(rocksdb::Slice(kSpecialStaging.data(), kSpecialStaging.size()));
         cursor->Valid(); cursor->Next()) {
      std::string_view key = cursor->key().ToStringView();
      key.remove_prefix(kSpecialStaging.size());
      SHOAL_CHECK_OK(special_.put(key, cursor->value().ToStringView()));
      generation_.special_keys += 1;
    }
    return check(cursor->status(), database_.describe("read", Family::staging));
  }

  Result<void> commit() {
    SHOAL_CHECK_OK(meta_.erase(kBuildingKey));
    SHOAL_CHECK_OK(meta_.put(kDatasetKey, format::encode(dataset_)));
    SHOAL_CHECK_OK(meta_.put(kGenerationKey, format::encode(generation_)));
    const std::vector<TableFiles*> all{&objects_, &chunks_, &special_, &cache_, &meta_};
    for (TableFiles* table : all) SHOAL_CHECK_OK(table->finish());
    SHOAL_CHECK_OK(ingest(database_, all));
    if (!replaces_) return {};
    // Reading goes on meanwhile; this only gives the old generation's space back.
    for (const Family family : {Family::objects, Family::chunks, Family::special, Family::cache})
      SHOAL_CHECK_OK(
          check(database_.db().CompactRange({}, database_.handle(family), nullptr, nullptr),
                database_.describe("compact", family)));
    return {};
  }

  Database& database_;
  const format::DatasetRecord& dataset_;
  const std::string_view prefix_;
  const std::filesystem::path& runs_;
  Progress& progress_;
  const std::uint64_t keys_expected_;

  GenerationRecord generation_;
  format::AddressAllocator addresses_;
  ObjectRecord record_;    // the one at hand; its strings keep their memory
  std::string directory_;  // of the key before, as a walk key that ends with a zero byte
  SortedRun shadowed_;
  std::uint32_t shadowed_runs_ = 0;
  bool replaces_ = false;  // an older generation is there

  TableFiles objects_;
  TableFiles chunks_;
  TableFiles special_;
  TableFiles cache_;
  TableFiles meta_;
  TableThread writer_;  // of objects_ and chunks_, while walking
  ChunkFiles chunk_files_;
};

}  // namespace

Result<GenerationRecord> lay_out(Database& database, const format::DatasetRecord& dataset,
                                 std::string_view prefix, const Journal::State& state,
                                 const std::filesystem::path& runs, Progress& progress) {
  progress.enter(BuildProgress::Phase::layout);
  Layout layout(database, dataset, prefix, state, runs, progress);
  return layout.run();
}

}  // namespace shoal::index
