// SPDX-License-Identifier: Apache-2.0
#include "volume/data_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace shoal::volume {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;  // counters only; nothing is ordered by them
// Neighbouring metadata reads go to one thread, far ones are spread.
constexpr std::uint64_t kMetadataStripeBytes = 1u << 20;

}  // namespace

// One read on its way: counts its parts down and deletes itself with the last one.
class DataPath::Job {
 public:
  Job(DataPath& path, std::size_t bytes, Volume::ReadDone done)
      : path_(path), bytes_(bytes), done_(std::move(done)) {}

  struct Part final : fetch::ReadPart {
    Job* job = nullptr;
    void on_done(Result<void> result) override { job->end_part(std::move(result), hit); }
  };

  // Before any part is started. The first part needs no memory of its own: most reads have one.
  void set_parts(std::uint32_t data_parts, bool metadata) {
    if (data_parts > 1) more_ = std::vector<Part>(data_parts - 1);
    left_.store(data_parts + (metadata ? 1 : 0), kRelaxed);
    is_data_ = data_parts > 0;
  }
  Part& part(std::uint32_t number) { return number == 0 ? first_ : more_[number - 1]; }

  void end_part(Result<void> result, bool hit) {
    if (!hit) missed_.store(true, kRelaxed);
    // The first failure writes `error_`; the decrement below publishes it to the last part.
    if (!result && !failed_.exchange(true, kRelaxed)) error_ = std::move(result).error();
    if (left_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    finish();
  }

 private:
  void finish() {
    ReadCounters& counters = path_.counters_;
    if (is_data_ && !error_ && !missed_.load(kRelaxed)) counters.hits.fetch_add(1, kRelaxed);
    Volume::ReadDone done = std::move(done_);
    Result<void> result;
    if (error_) {
      counters.errors.fetch_add(1, kRelaxed);
      if (error_->code() != ErrorCode::closed) path_.errors_.add(error_->to_string());
      result = fail(std::move(*error_));
    } else {
      counters.bytes.fetch_add(bytes_, kRelaxed);
    }
    delete this;
    done(std::move(result));
  }

  DataPath& path_;
  std::size_t bytes_;
  Volume::ReadDone done_;
  std::atomic<std::uint32_t> left_{0};
  std::atomic<bool> failed_{false};
  std::atomic<bool> missed_{false};
  bool is_data_ = false;
  std::optional<Error> error_;
  Part first_;
  std::vector<Part> more_;
};

// One request about cached bytes on its way; as Job, without bytes of its own.
class DataPath::WarmJob {
 public:
  struct Part final : fetch::ReadPart {
    WarmJob* job = nullptr;
    void on_done(Result<void> result) override { job->end_part(*this, std::move(result)); }
  };

  WarmJob(fetch::ReadPart::Kind kind, bool pin, TimePoint deadline, std::size_t parts,
          Volume::WarmDone done)
      : done_(std::move(done)), parts_(parts), left_(parts) {
    for (Part& part : parts_) {
      part.kind = kind;
      part.pin = pin;
      part.deadline = deadline;
      part.job = this;
    }
  }
  Part& part(std::size_t number) { return parts_[number]; }

 private:
  void end_part(const Part& part, Result<void> result) {
    present_.fetch_add(part.bytes_present, kRelaxed);
    fetched_.fetch_add(part.bytes_fetched, kRelaxed);
    // As in Job: published by the decrement.
    if (!result && !failed_.exchange(true, kRelaxed)) error_ = std::move(result).error();
    if (left_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    const WarmOutcome outcome{.present_bytes = present_.load(kRelaxed),
                              .fetched_bytes = fetched_.load(kRelaxed)};
    Result<WarmOutcome> total = outcome;
    if (error_) total = fail(std::move(*error_));
    Volume::WarmDone done = std::move(done_);
    delete this;
    if (done) done(std::move(total));
  }

  Volume::WarmDone done_;
  std::vector<Part> parts_;
  std::atomic<std::size_t> left_;
  std::atomic<std::uint64_t> present_{0};
  std::atomic<std::uint64_t> fetched_{0};
  std::atomic<bool> failed_{false};
  std::optional<Error> error_;
};

DataPath::DataPath(DataPathParts parts)
    : parts_(std::move(parts)),
      requests_(parts_.requests_in_flight_max, static_cast<std::uint32_t>(parts_.threads.size()),
                1),
      // Two chunks each: a thread can then always fill one while another is written.
      buffers_(parts_.buffer_bytes_max, static_cast<std::uint32_t>(parts_.threads.size()),
               2 * round_up(parts_.geometry.chunk_bytes, 4096)),
      prefetcher_(parts_.make_policy, parts_.recorder, parts_.geometry.chunk_bytes) {
  std::vector<Prefetcher::Owner> owners;
  for (std::uint32_t number = 0; number < parts_.threads.size(); ++number) {
    const FetchThreadParts& thread = parts_.threads[number];
    owners_.push_back(std::make_unique<fetch::ChunkOwner>(
        fetch::OwnerParts{.number = number,
                          .executor = thread.executor,
                          .worker = parts_.worker,
                          .io = thread.io,
                          .store = thread.store,
                          .map = parts_.map,
                          .cache = parts_.cache,
                          .requests = requests_,
                          .buffer_bytes = buffers_,
                          .geometry = parts_.geometry,
                          .key_prefix = parts_.key_prefix,
                          .direct = parts_.direct,
                          .observer = prefetcher_,
                          .ask_others_to_evict = [this, number](std::uint64_t bytes) {
                            for (std::size_t other = 0; other < owners_.size(); ++other)
                              if (other != number)
                                parts_.threads[other].executor.post(
                                    [owner = owners_[other].get(), bytes] { owner->evict(bytes); });
                          }}));
    owners.push_back({&thread.executor, owners_.back().get()});
  }
  prefetcher_.set_owners(std::move(owners));
  holds_.store(owners_.size(), kRelaxed);
  for (const auto& [chunk, record] : parts_.restored)
    owners_[chunk.value % owners_.size()]->restore(chunk, record);
  parts_.restored = {};
}

DataPath::~DataPath() = default;

void DataPath::read(std::uint64_t offset, std::span<std::byte> target,
                    std::chrono::steady_clock::time_point deadline, Volume::ReadDone done) {
  counters_.reads.fetch_add(1, kRelaxed);
  if (target.empty() || offset > size() || target.size() > size() - offset) {
    refuse(offset, target.size(), std::move(done));
    return;
  }
  auto* job = new Job(*this, target.size(), std::move(done));  // deletes itself
  const std::uint64_t end = offset + target.size();
  const std::uint64_t start = format::kDataRegionStart;
  const std::uint64_t chunk_bytes = parts_.geometry.chunk_bytes;
  const std::uint64_t metadata_end = std::clamp(start, offset, end);
  const std::uint64_t data_begin = metadata_end - (end > start ? start : 0);
  const std::uint64_t data_end = end > start ? end - start : data_begin;
  const auto parts = static_cast<std::uint32_t>(
      data_end == data_begin ? 0 : (data_end - 1) / chunk_bytes - data_begin / chunk_bytes + 1);
  const bool has_metadata = metadata_end > offset;
  job->set_parts(parts, has_metadata);
  if (parts > 0) counters_.data_reads.fetch_add(1, kRelaxed);
  // The job may be gone once its last part is handed over: nothing of it is used behind that.
  if (has_metadata) read_metadata(*job, offset, target.first(metadata_end - offset));
  std::uint64_t begin = data_begin;
  std::byte* bytes = target.data() + (metadata_end - offset);
  for (std::uint32_t number = 0; number < parts; ++number) {
    const std::uint64_t chunk = begin / chunk_bytes;
    const std::uint64_t stop = std::min(data_end, (chunk + 1) * chunk_bytes);
    Job::Part& part = job->part(number);
    part.job = job;
    part.chunk = ChunkId{chunk};
    part.chunk_offset = static_cast<std::uint32_t>(begin % chunk_bytes);
    part.target = MutableByteSpan(bytes, stop - begin);
    part.deadline = deadline;
    bytes += stop - begin;
    begin = stop;
    owners_[chunk % owners_.size()]->submit(part);
  }
}

void DataPath::refuse(std::uint64_t offset, std::size_t bytes, Volume::ReadDone done) {
  Result<void> result;
  if (bytes > 0) {
    counters_.errors.fetch_add(1, kRelaxed);
    result =
        fail(ErrorCode::bad_input,
             fmt::format("read of {} bytes at {} in an image of {} bytes", bytes, offset, size()));
  }
  parts_.threads[0].executor.post(
      [done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
}

void DataPath::read_metadata(Job& job, std::uint64_t offset, MutableByteSpan target) {
  const FetchThreadParts& thread =
      parts_.threads[offset / kMetadataStripeBytes % parts_.threads.size()];
  holds_.fetch_add(1, kRelaxed);  // close() waits for it; an owner's hold keeps the number above 0
  thread.executor.post([this, &job, &thread, offset, target] {
    const std::uint64_t in_file =
        offset < parts_.metadata_bytes ? parts_.metadata_bytes - offset : 0;
    const MutableByteSpan stored = target.first(std::min<std::uint64_t>(target.size(), in_file));
    const MutableByteSpan gap = target.subspan(stored.size());
    if (!gap.empty()) std::memset(gap.data(), 0, gap.size());
    if (stored.empty() || thread.io.read_now(parts_.metadata_fd, stored, offset)) {
      job.end_part({}, true);
      release_hold();
      return;
    }
    thread.io.read(parts_.metadata_fd, stored, offset,
                   [this, &job, bytes = stored.size()](Result<std::size_t> read) {
                     if (!read)
                       job.end_part(fail(std::move(read).error().with_context("metadata")), true);
                     else if (*read != bytes)
                       job.end_part(
                           fail(ErrorCode::corrupt, "image file ends before its metadata does",
                                "Build the volume again with `shoal index build --rebuild`."),
                           true);
                     else
                       job.end_part({}, true);
                     release_hold();
                   });
  });
}

void DataPath::warm(const WarmRequest& request, std::chrono::steady_clock::time_point deadline,
                    Volume::WarmDone done) {
  const std::uint64_t start = format::kDataRegionStart;
  Result<WarmOutcome> early = WarmOutcome{};
  if (request.offset < start || request.offset > size() || request.bytes > size() - request.offset)
    early = fail(ErrorCode::bad_input,
                 fmt::format("{} bytes at {} are not in the data region of an image of {} bytes",
                             request.bytes, request.offset, size()));
  if (!early || request.bytes == 0) {
    parts_.threads[0].executor.post(
        [done = std::move(done), early = std::move(early)]() mutable { done(std::move(early)); });
    return;
  }
  using Kind = fetch::ReadPart::Kind;
  start_job(request.check_only ? Kind::check : Kind::warm, request, deadline, std::move(done));
}

void DataPath::unpin(std::uint64_t offset, std::uint64_t bytes) {
  if (offset < format::kDataRegionStart || offset > size() || bytes > size() - offset || bytes == 0)
    return;
  start_job(fetch::ReadPart::Kind::unpin, {.offset = offset, .bytes = bytes}, TimePoint::max(),
            nullptr);
}

void DataPath::start_job(fetch::ReadPart::Kind kind, const WarmRequest& request, TimePoint deadline,
                         Volume::WarmDone done) {
  const std::uint64_t chunk_bytes = parts_.geometry.chunk_bytes;
  const std::uint64_t begin = request.offset - format::kDataRegionStart;
  const std::uint64_t end = begin + request.bytes;
  const std::uint64_t first = begin / chunk_bytes;
  const std::size_t parts = (end - 1) / chunk_bytes - first + 1;
  // Deletes itself, perhaps as soon as its last part is handed over.
  auto* job = new WarmJob(kind, request.pin, deadline, parts, std::move(done));
  for (std::size_t number = 0; number < parts; ++number) {
    const std::uint64_t chunk = first + number;
    const std::uint64_t from = std::max(begin, chunk * chunk_bytes);
    WarmJob::Part& part = job->part(number);
    part.chunk = ChunkId{chunk};
    part.chunk_offset = static_cast<std::uint32_t>(from % chunk_bytes);
    part.length = static_cast<std::uint32_t>(std::min(end, (chunk + 1) * chunk_bytes) - from);
    owners_[chunk % owners_.size()]->submit(part);
  }
}

VolumeStats DataPath::stats() const {
  VolumeStats stats;
  stats.reads = counters_.reads.load(kRelaxed);
  stats.read_bytes = counters_.bytes.load(kRelaxed);
  stats.read_errors = counters_.errors.load(kRelaxed);
  stats.data_reads = counters_.data_reads.load(kRelaxed);
  stats.data_read_hits = counters_.hits.load(kRelaxed);
  for (const auto& owner : owners_) {
    const fetch::Counters& counters = owner->counters();
    stats.gets += counters.gets.get();
    stats.get_bytes += counters.get_bytes.get();
    stats.get_errors += counters.get_errors.get();
    stats.changed_objects += counters.changed_objects.get();
    stats.misfit_bodies += counters.misfit_bodies.get();
    stats.prefetched_bytes += counters.prefetched_bytes.get();
    stats.prefetch_used_bytes += counters.used_bytes.get();
    stats.prefetch_wasted_bytes += counters.wasted_bytes.get();
    stats.warmed_bytes += counters.warmed_bytes.get();
    stats.cache_chunks_sealed += counters.chunks_sealed.get();
    stats.cache_chunks_evicted += counters.chunks_evicted.get();
    stats.cache_checksum_failures += counters.checksum_failures.get();
    stats.cache_write_errors += counters.cache_write_errors.get();
  }
  stats.requests_in_flight = requests_.used();
  stats.buffer_bytes = buffers_.used();
  if (parts_.governor != nullptr) stats.throttled = parts_.governor->stats().throttled;
  if (parts_.cache != nullptr) {
    stats.cache_bytes = parts_.cache->used_bytes();
    stats.cache_bytes_max = parts_.cache->bytes_max();
    stats.cache_pinned_bytes = parts_.cache->pinned_bytes();
  }
  return stats;
}

void DataPath::close(TimePoint deadline, Task done) {
  closed_ = std::move(done);
  parts_.threads[0].executor.post([this, deadline] {
    prefetcher_.stop();
    for (std::size_t number = 0; number < owners_.size(); ++number)
      parts_.threads[number].executor.post([this, number, deadline] {
        owners_[number]->close(deadline, [this] { release_hold(); });
      });
  });
}

void DataPath::release_hold() {
  if (holds_.fetch_sub(1, std::memory_order_acq_rel) == 1) on_all_closed();
}

// Messages between the threads that were posted before the last owner closed may still be on their
// way: one empty turn of every executor lets them arrive.
void DataPath::on_all_closed() {
  holds_.store(owners_.size(), kRelaxed);  // the posts below publish it
  // A copy: `closed_` may destroy this object while the loop has not ended.
  std::vector<LoopExecutor*> executors;
  for (const FetchThreadParts& thread : parts_.threads) executors.push_back(&thread.executor);
  for (LoopExecutor* executor : executors)
    executor->post([this] {
      if (holds_.fetch_sub(1, std::memory_order_acq_rel) == 1)
        parts_.threads[0].executor.post(std::move(closed_));
    });
}

}  // namespace shoal::volume
