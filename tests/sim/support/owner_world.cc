// SPDX-License-Identifier: Apache-2.0
#include "sim/support/owner_world.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "sim/support/borrowed_store.h"
#include "store/retry.h"
#include "sys/file.h"

namespace shoal::sim {
namespace {

using namespace std::chrono_literals;

}  // namespace

void Part::on_done(Result<void> result) {
  SHOAL_ASSERT(!done);  // exactly once
  done = true;
  ended = world->scheduler.now();
  if (!result) failure = std::move(result).error();
  --world->unfinished;
}

OwnerWorld::OwnerWorld(OwnerWorldOptions world_options)
    : options(std::move(world_options)),
      dataset(bucket, kOwnerPrefix, options.geometry, options.sizes, options.etag_kind),
      scheduler(options.seed),
      records(std::make_unique<MemoryRecords>()) {
  observer_.world = this;
  bucket.watch_overlaps = true;
  open();
}

OwnerWorld::~OwnerWorld() {
  close();
}

void OwnerWorld::open() {
  ++starts_;
  for (std::uint32_t i = 0; i < options.owners; ++i) {
    executors.emplace_back(scheduler, options.post_jitter);
    stores.emplace_back(bucket, executors.back(), options.bucket,
                        options.seed * 1000 + starts_ * 10 + i);
    files.emplace_back(executors.back(), options.files, options.seed * 2000 + starts_ * 10 + i);
    if (options.retry)
      retries_.push_back(store::make_retry_store(std::make_unique<BorrowedStore>(stores.back()),
                                                 executors.back(), nullptr,
                                                 {.jitter_seed = options.seed + i}));
  }
  worker_.emplace(scheduler, options.post_jitter * 4);
  requests_.emplace(options.requests_in_flight_max, options.owners, 1);
  buffers_.emplace(options.buffer_bytes_max, options.owners,
                   2 * round_up(options.geometry.chunk_bytes, 4096));
  std::vector<std::pair<ChunkId, format::CacheRecord>> restored;
  if (options.use_cache) {
    auto cache = cache::CacheStore::open(
        {.path = cache_file(),
         .layout_id = 7,
         .geometry = options.geometry,
         .data_end = dataset.data_end(),
         .bytes_max = options.cache_bytes_max},
        *records, [&](ChunkId chunk, const auto& record) { restored.emplace_back(chunk, record); });
    SHOAL_ASSERT(cache);
    cache_ = std::move(*cache);
  }
  for (std::uint32_t i = 0; i < options.owners; ++i)
    owners_.push_back(std::make_unique<fetch::ChunkOwner>(fetch::OwnerParts{
        .number = i,
        .executor = executors[i],
        .worker = *worker_,
        .io = files[i],
        .store = options.retry ? *retries_[i] : static_cast<store::ObjectStore&>(stores[i]),
        .map = dataset,
        .cache = cache_.get(),
        .requests = *requests_,
        .buffer_bytes = *buffers_,
        .geometry = options.geometry,
        .key_prefix = kOwnerPrefix,
        .direct = options.direct,
        .observer = observer_,
        .ask_others_to_evict = [this, i](std::uint64_t bytes) {
          for (std::uint32_t other = 0; other < options.owners; ++other)
            if (other != i)
              executors[other].post([this, other, bytes] { owners_[other]->evict(bytes); });
        }}));
  for (const auto& [chunk, record] : restored) owner_of(chunk).restore(chunk, record);
}

Part& OwnerWorld::start(Part& part, DataAddress begin, Duration timeout) {
  part.world = this;
  part.chunk = options.geometry.chunk_of(begin);
  part.chunk_offset = static_cast<std::uint32_t>(begin.value % options.geometry.chunk_bytes);
  SHOAL_ASSERT(part.end() <= options.geometry.chunk_bytes);
  part.started = scheduler.now();
  part.deadline = scheduler.now() + timeout;
  ++unfinished;
  owner_of(part.chunk).submit(part);
  SHOAL_ASSERT(!part.done);  // never from inside the call
  return part;
}

Part& OwnerWorld::read(DataAddress begin, std::uint32_t bytes, Duration timeout) {
  Part& part = parts.emplace_back();
  part.memory.resize(bytes, std::byte{0xee});
  part.target = part.memory;
  return start(part, begin, timeout);
}

Part& OwnerWorld::warm(DataAddress begin, std::uint32_t bytes, bool pin, Duration timeout) {
  Part& part = parts.emplace_back();
  part.kind = fetch::ReadPart::Kind::warm;
  part.length = bytes;
  part.pin = pin;
  return start(part, begin, timeout);
}

Part& OwnerWorld::check(DataAddress begin, std::uint32_t bytes) {
  Part& part = parts.emplace_back();
  part.kind = fetch::ReadPart::Kind::check;
  part.length = bytes;
  return start(part, begin, 60s);
}

Part& OwnerWorld::unpin(DataAddress begin) {
  Part& part = parts.emplace_back();
  part.kind = fetch::ReadPart::Kind::unpin;
  return start(part, begin, 60s);
}

std::uint32_t OwnerWorld::first_bytes(std::size_t number) const {
  const auto& placed = dataset.objects()[number];
  const std::uint64_t chunk = options.geometry.chunk_bytes;
  return static_cast<std::uint32_t>(
      std::min(placed.object.size, chunk - placed.address.value % chunk));
}

Part& OwnerWorld::read_object(std::size_t number, Duration timeout) {
  return read(dataset.objects()[number].address, first_bytes(number), timeout);
}

Part& OwnerWorld::warm_object(std::size_t number, bool pin) {
  return warm(dataset.objects()[number].address, first_bytes(number), pin);
}

Part& OwnerWorld::check_object(std::size_t number) {
  return check(dataset.objects()[number].address, first_bytes(number));
}

void OwnerWorld::prefetch(DataAddress begin, std::uint32_t bytes) {
  const ChunkId chunk = options.geometry.chunk_of(begin);
  const auto offset = static_cast<std::uint32_t>(begin.value % options.geometry.chunk_bytes);
  owner_of(chunk).prefetch(chunk, {offset, offset + bytes});
  owner_of(chunk).start_prefetches();
}

bool OwnerWorld::settle() {
  return scheduler.run_until([&] { return unfinished == 0; }, 1h);
}

void OwnerWorld::run_for(Duration time) {
  bool over = false;
  scheduler.at(scheduler.now() + time, [&] { over = true; });
  scheduler.run_until([&] { return over; }, time + 1s);
}

std::string OwnerWorld::fault_of(const Part& part) const {
  if (!part.done) return "has not ended";
  if (part.failure) return part.failure->to_string();
  if (part.kind != fetch::ReadPart::Kind::read) return {};
  const DataAddress begin{options.geometry.start_of(part.chunk).value + part.chunk_offset};
  std::vector<std::byte> expected(part.memory.size());
  dataset.expect(begin, expected);
  const auto wrong = std::ranges::mismatch(expected, part.memory);
  if (wrong.in1 == expected.end()) return {};
  return fmt::format("byte {} of {} at data address {} is {:#x} instead of {:#x}",
                     wrong.in1 - expected.begin(), expected.size(), begin.value,
                     std::to_integer<int>(*wrong.in2), std::to_integer<int>(*wrong.in1));
}

std::string OwnerWorld::faults() {
  std::string all;
  for (const Part& part : parts)
    if (auto fault = fault_of(part); !fault.empty() && all.size() < 500) all += fault + "; ";
  SHOAL_ASSERT(unfinished == 0);
  parts.clear();
  return all;
}

std::uint64_t OwnerWorld::sum(fetch::Counter fetch::Counters::*counter) const {
  std::uint64_t total = 0;
  for (const auto& owner : owners_) total += (owner->counters().*counter).get();
  return total;
}

std::uint64_t OwnerWorld::disk_bytes() const {
  const auto file = sys::File::open(cache_file(), sys::File::Mode::read_write);
  SHOAL_ASSERT(file && file->sync());  // a file system gives out blocks when it writes
  return *file->allocated_bytes();
}

void OwnerWorld::close() {
  if (owners_.empty()) return;
  std::size_t closed = 0;
  for (std::size_t i = 0; i < owners_.size(); ++i)
    executors[i].post(
        [this, i, &closed] { owners_[i]->close(scheduler.now() + 5s, [&closed] { ++closed; }); });
  SHOAL_ASSERT(scheduler.run_until([&] { return closed == owners_.size(); }, 1h));
  const auto check = [&](const char* name, std::uint64_t value) {
    if (value != 0) leaks_ += fmt::format("{} is {} after close; ", name, value);
  };
  check("requests in flight", requests_->used());
  check("buffer bytes", buffers_->used());
  check("GETs in the bucket", bucket.in_flight);
  check("calls other than GET", bucket.other_calls);
  check("unfinished parts", unfinished);
  check("blocks asked for twice at once", bucket.overlapping);
  if (cache_) check("bytes reserved and not written", cache_->unwritten_bytes());
  for (const FaultyFiles& one : files) check("file operations", one.under_way());
  if (sum(&fetch::Counters::used_bytes) + sum(&fetch::Counters::wasted_bytes) >
      sum(&fetch::Counters::prefetched_bytes))
    leaks_ += "more prefetched bytes used and wasted than prefetched; ";
  owners_.clear();
  cache_.reset();
  // Timers of the dead world may stand in the queue; they find nothing and must not run later.
  while (scheduler.step()) {
  }
  retries_.clear();
  stores.clear();
  files.clear();
  executors.clear();
}

void OwnerWorld::restart() {
  close();
  open();
}

void OwnerWorld::kill_and_restart() {
  const std::string next = fmt::format("data{}", starts_);
  auto left_records = std::make_unique<MemoryRecords>(records->records);
  copy_sparse(cache_file(), directory_.path() / next);
  close();  // what the dead process would have done goes to the old file and records
  records = std::move(left_records);
  file_name_ = next;
  open();
}

}  // namespace shoal::sim
