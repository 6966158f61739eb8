// SPDX-License-Identifier: Apache-2.0
#include "index/journal.h"

#include <rocksdb/write_batch.h>

#include <algorithm>

#include "base/bytes.h"
#include "index/status.h"

namespace shoal::index {
namespace {

std::string range_key(std::uint64_t id) {
  return std::string(kRangePrefix) + encode_be<std::uint64_t>(id);
}

}  // namespace

bool Journal::State::is_listed() const {
  return std::all_of(ranges.begin(), ranges.end(),
                     [](const auto& range) { return range.second.done; });
}

std::uint64_t Journal::State::keys() const {
  std::uint64_t sum = 0;
  for (const auto& [id, range] : ranges) sum += range.keys;
  return sum;
}

Result<std::optional<Journal::State>> Journal::load() const {
  SHOAL_TRY(const auto building, database_.get(Family::meta, kBuildingKey));
  if (!building) return std::nullopt;
  State state;
  SHOAL_TRY(state.building, format::decode<format::GenerationRecord>(*building));
  const auto cursor = database_.scan(Family::meta);
  for (cursor->Seek(kRangePrefix); cursor->Valid(); cursor->Next()) {
    std::string_view key = cursor->key().ToStringView();
    if (!key.starts_with(kRangePrefix)) break;
    key.remove_prefix(kRangePrefix.size());
    if (key.size() != sizeof(std::uint64_t))
      return fail(ErrorCode::corrupt,
                  database_.describe("read", Family::meta) + ": a listing range has no number",
                  "The index is damaged: delete it and build it again.");
    SHOAL_TRY(state.ranges[decode_be<std::uint64_t>(key)],
              format::decode<format::ListingRange>(cursor->value().ToStringView()));
  }
  SHOAL_CHECK_OK(check(cursor->status(), database_.describe("read", Family::meta)));
  return state;
}

Result<void> Journal::begin(const State& state) {
  SHOAL_CHECK_OK(clear());
  return advance(state.building, state.ranges);
}

Result<void> Journal::advance(const format::GenerationRecord& building,
                              const ListingRanges& changed) {
  rocksdb::WriteBatch batch;
  rocksdb::ColumnFamilyHandle* meta = database_.handle(Family::meta);
  const std::string doing = database_.describe("write", Family::meta);
  SHOAL_CHECK_OK(check(batch.Put(meta, kBuildingKey, format::encode(building)), doing));
  for (const auto& [id, range] : changed)
    SHOAL_CHECK_OK(check(batch.Put(meta, range_key(id), format::encode(range)), doing));
  return check(database_.db().Write({}, &batch), doing);
}

Result<void> Journal::clear() {
  // The record goes first, and to the disk: without it, what is left in staging is known to be
  // rubbish; with it and without staging, keys would be missing after a power failure.
  rocksdb::WriteOptions durable;
  durable.sync = true;
  rocksdb::WriteBatch batch;
  rocksdb::ColumnFamilyHandle* meta = database_.handle(Family::meta);
  const std::string doing = database_.describe("write", Family::meta);
  SHOAL_CHECK_OK(check(batch.Delete(meta, kBuildingKey), doing));
  SHOAL_CHECK_OK(check(batch.DeleteRange(meta, kRangePrefix, kRangeEnd), doing));
  SHOAL_CHECK_OK(check(database_.db().Write(durable, &batch), doing));
  return database_.reset_staging();
}

}  // namespace shoal::index
