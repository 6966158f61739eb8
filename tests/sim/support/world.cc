// SPDX-License-Identifier: Apache-2.0
#include "sim/support/world.h"

#include <fmt/format.h>

#include "base/assert.h"

namespace shoal::sim {
namespace {

using namespace std::chrono_literals;
constexpr std::uint64_t kMetadataBytes = 3 * 4096;

}  // namespace

World::World(WorldOptions world_options)
    : options(std::move(world_options)),
      dataset(bucket, kPrefix, options.geometry, options.sizes, options.etag_kind),
      scheduler(options.seed),
      records(std::make_unique<MemoryRecords>()) {
  auto metadata = sys::File::open(directory_.path() / "1.erofs", sys::File::Mode::create);
  SHOAL_ASSERT(metadata);
  std::vector<std::byte> bytes(kMetadataBytes);
  oracle_fill(~std::uint64_t{0}, 1, 0, bytes);
  SHOAL_ASSERT(metadata->write_at(0, bytes));
  metadata_.emplace(std::move(*metadata));
  open();
}

World::~World() {
  close();
}

void World::open() {
  ++starts_;
  for (std::uint32_t i = 0; i < options.threads; ++i) {
    executors.emplace_back(scheduler, options.post_jitter);
    stores.emplace_back(bucket, executors.back(), options.bucket,
                        options.seed * 1000 + starts_ * 10 + i);
    files.emplace_back(executors.back(), options.files, options.seed * 2000 + starts_ * 10 + i);
  }
  worker_.emplace(scheduler, options.post_jitter * 4);
  std::vector<std::pair<ChunkId, format::CacheRecord>> restored;
  if (options.use_cache) {
    auto cache = cache::CacheStore::open(
        {.path = cache_file(),
         .layout_id = options.layout_id,
         .geometry = options.geometry,
         .data_end = dataset.data_end(),
         .bytes_max = options.cache_bytes_max},
        *records, [&](ChunkId chunk, const auto& record) { restored.emplace_back(chunk, record); });
    if (!cache) std::fprintf(stderr, "%s\n", cache.error().to_string().c_str());
    SHOAL_ASSERT(cache);
    cache_ = std::move(*cache);
  }
  std::vector<volume::FetchThreadParts> threads;
  for (std::uint32_t i = 0; i < options.threads; ++i)
    threads.push_back({executors[i], files[i], stores[i]});
  volume::Prefetcher::MakePolicy make_policy;
  if (options.prefetch)
    make_policy =
        [policies = prefetch::PolicySetOptions{.geometry = options.geometry,
                                               .data_end = dataset.data_end(),
                                               .window_bytes_max = options.buffer_bytes_max / 4}](
            prefetch::Proposals& proposals) {
          return prefetch::PolicySet::make(policies, proposals, /*catalog=*/nullptr);
        };
  path_ = std::make_unique<volume::DataPath>(
      volume::DataPathParts{.threads = std::move(threads),
                            .worker = *worker_,
                            .map = dataset,
                            .cache = cache_.get(),
                            .restored = std::move(restored),
                            .metadata_fd = metadata_->fd(),
                            .metadata_bytes = kMetadataBytes,
                            .geometry = options.geometry,
                            .data_end = dataset.data_end(),
                            .key_prefix = kPrefix,
                            .make_policy = std::move(make_policy),
                            .requests_in_flight_max = options.requests_in_flight_max,
                            .buffer_bytes_max = options.buffer_bytes_max});
}

Outcome& World::read(DataAddress address, std::size_t bytes, Duration timeout) {
  return read_image(format::kDataRegionStart + address.value, bytes, timeout);
}

Outcome& World::read_object(std::size_t number, Duration timeout) {
  const auto& placed = dataset.objects()[number];
  return read(placed.address, placed.object.size, timeout);
}

Outcome& World::read_image(std::uint64_t offset, std::size_t bytes, Duration timeout) {
  Outcome& outcome = outcomes.emplace_back();
  outcome.offset = offset;
  outcome.bytes.resize(bytes, std::byte{0xee});
  ++unfinished;
  path_->read(offset, outcome.bytes, scheduler.now() + timeout,
              [this, &outcome](Result<void> result) {
                SHOAL_ASSERT(!outcome.done);  // exactly once
                outcome.done = true;
                outcome.ended = scheduler.now();
                if (!result) outcome.error = std::move(result).error();
                --unfinished;
              });
  SHOAL_ASSERT(!outcome.done);  // never from inside the call
  return outcome;
}

bool World::settle() {
  return scheduler.run_until([&] { return unfinished == 0; }, 1h);
}

void World::run_for(Duration time) {
  bool over = false;
  scheduler.at(scheduler.now() + time, [&] { over = true; });
  scheduler.run_until([&] { return over; }, time + 1s);
}

std::string World::fault_of(const Outcome& outcome) const {
  if (!outcome.done) return "has not ended";
  if (outcome.error) return outcome.error->to_string();
  std::vector<std::byte> expected(outcome.bytes.size());
  for (std::size_t i = 0; i < expected.size() && outcome.offset + i < format::kDataRegionStart; ++i)
    if (outcome.offset + i < kMetadataBytes)
      expected[i] = oracle_byte(~std::uint64_t{0}, 1, outcome.offset + i);
  if (outcome.offset + expected.size() > format::kDataRegionStart) {
    const std::uint64_t skip =
        outcome.offset < format::kDataRegionStart ? format::kDataRegionStart - outcome.offset : 0;
    dataset.expect(DataAddress{outcome.offset + skip - format::kDataRegionStart},
                   MutableByteSpan(expected).subspan(skip));
  }
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (expected[i] != outcome.bytes[i])
      return fmt::format("byte {} of {} at image offset {} is {:#x} instead of {:#x}", i,
                         expected.size(), outcome.offset, std::to_integer<int>(outcome.bytes[i]),
                         std::to_integer<int>(expected[i]));
  return {};
}

void World::close() {
  if (!path_) return;
  bool closed = false;
  path_->close(scheduler.now() + 5s, [&] { closed = true; });
  SHOAL_ASSERT(scheduler.run_until([&] { return closed; }, 1h));
  const VolumeStats stats = path_->stats();
  const auto check = [&](const char* name, std::uint64_t value) {
    if (value != 0) leaks_ += fmt::format("{} is {} after close; ", name, value);
  };
  check("requests_in_flight", stats.requests_in_flight);
  check("buffer_bytes", stats.buffer_bytes);
  check("GETs in the bucket", bucket.in_flight);
  check("calls other than GET", bucket.other_calls);
  check("GETs without the object's size", bucket.ranged_whole_objects);
  check("unfinished reads", unfinished);
  if (cache_) check("bytes reserved and not written", cache_->unwritten_bytes());
  for (const FaultyFiles& one : files) check("file operations", one.under_way());
  if (stats.cache_bytes > options.cache_bytes_max)
    leaks_ += fmt::format("{} cached of {} allowed; ", stats.cache_bytes, options.cache_bytes_max);
  if (stats.prefetch_used_bytes + stats.prefetch_wasted_bytes > stats.prefetched_bytes)
    leaks_ += fmt::format("prefetch: {} used + {} wasted > {}; ", stats.prefetch_used_bytes,
                          stats.prefetch_wasted_bytes, stats.prefetched_bytes);
  path_.reset();
  cache_.reset();
  // Timers of the dead world may stand in the queue; they find nothing and must not run later.
  while (scheduler.step()) {
  }
  stores.clear();
  files.clear();
  executors.clear();
}

void World::restart() {
  close();
  open();
}

void World::kill_and_restart() {
  const std::string next = fmt::format("data{}", starts_);
  auto left_records = std::make_unique<MemoryRecords>(records->records);
  copy_sparse(cache_file(), directory_.path() / next);
  close();  // what the dead server would have done goes to the old file and records
  records = std::move(left_records);
  file_name_ = next;
  open();
}

}  // namespace shoal::sim
