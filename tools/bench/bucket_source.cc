// SPDX-License-Identifier: Apache-2.0
// A bucket, without index, cache or mount: every object one GET, as many in flight as allowed. What
// anything above it can at best reach.
#include <algorithm>
#include <future>
#include <thread>
#include <utility>

#include "base/limits.h"
#include "store/governor.h"
#include "tools/bench/page_cache.h"
#include "tools/bench/source.h"
#include "volume/fetch_thread.h"

namespace shoal::tools::bench {
namespace {

constexpr auto kStopCheckPeriod = std::chrono::milliseconds(50);

struct RequestCounters {
  std::atomic<std::uint64_t> gets{0};
  std::atomic<std::uint64_t> get_bytes{0};
};

// One object under way; its bytes are counted and forgotten.
class Slot final : public store::BodySink {
 public:
  explicit Slot(RequestCounters& counters) : counters_(counters) {}
  Result<void> on_bytes(ByteSpan bytes) override {
    counters_.get_bytes.fetch_add(bytes.size(), std::memory_order_relaxed);
    return {};
  }
  const BenchFile* file = nullptr;  // null: free
  TimePoint began;

 private:
  RequestCounters& counters_;
};

// Keeps `slots` GETs of one store in flight until the pass is over. confined to the store's loop;
// lives until `done` has run.
class LoopReader {
 public:
  LoopReader(const volume::FetchThreadParts& parts, std::string prefix, std::uint32_t slots,
             RequestCounters& counters)
      : parts_(parts), prefix_(std::move(prefix)), counters_(counters) {
    for (std::uint32_t i = 0; i < slots; ++i) slots_.push_back(std::make_unique<Slot>(counters));
  }

  void start(Pass& pass, Task done) {
    pass_ = &pass;
    done_ = std::move(done);
    check_stop();
    for (const auto& slot : slots_) start_next(*slot);
    end_when_idle();
  }

 private:
  // Looked at from time to time: a GET may take its whole deadline, Ctrl-C must not.
  void check_stop() {
    if (pass_->should_stop()) {
      parts_.store.cancel_all();
      return;
    }
    timer_ = parts_.executor.after(kStopCheckPeriod, [this] { check_stop(); });
  }

  void start_next(Slot& slot) {
    for (auto next = pass_->take(); !next.empty(); next = pass_->take()) {
      const BenchFile& file = next.front();
      if (file.size == 0) {  // nothing to ask for
        latencies_.record({});
        pass_->file_read(0);
        continue;
      }
      slot.file = &file;
      slot.began = system_clock().now();
      ++in_flight_;
      counters_.gets.fetch_add(1, std::memory_order_relaxed);
      const store::GetRequest request{
          .key = prefix_ + file.path, .length = file.size, .object_size = file.size};
      static_cast<void>(parts_.store.get(
          request, slot, [this, &slot](Result<void> result) { finish(slot, result); }));
      return;
    }
  }

  void finish(Slot& slot, const Result<void>& result) {
    if (result) {
      latencies_.record(system_clock().now() - slot.began);
      pass_->file_read(slot.file->size);
    } else if (result.error().code() != ErrorCode::canceled || !pass_->should_stop()) {
      pass_->file_failed(*slot.file, result.error());
    }
    slot.file = nullptr;
    --in_flight_;
    start_next(slot);
    end_when_idle();
  }

  void end_when_idle() {
    if (in_flight_ > 0 || !done_) return;
    parts_.executor.cancel(timer_);
    pass_->add_latencies(latencies_);
    Task done = std::exchange(done_, nullptr);
    done();
  }

  volume::FetchThreadParts parts_;
  std::string prefix_;
  RequestCounters& counters_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::size_t in_flight_ = 0;
  Pass* pass_ = nullptr;
  Task done_;
  LoopExecutor::TimerId timer_;
  Histogram latencies_;
};

class BucketSource final : public Source {
 public:
  static Result<std::unique_ptr<Source>> open(const std::string& text,
                                              const SourceOptions& options);
  ~BucketSource() override;

  const std::string& name() const override { return name_; }
  SourceKind kind() const override { return SourceKind::bucket; }
  std::string description() const override {
    return "bucket, " + std::to_string(requests_max_) + " GETs in flight";
  }
  Result<void> check(CacheState, unsigned) override { return {}; }
  Result<void> prepare(CacheState state, const std::vector<BenchFile>& files) override;
  Result<ListCounts> list(const ListVisit& visit) override;
  void read(Pass& pass) override;
  SourceUsage usage() override;
  std::vector<std::string> notes() const override;

 private:
  BucketSource(std::string name, const VolumeOptions& limits)
      : name_(std::move(name)),
        requests_max_(limits.requests_in_flight_max),
        governor_({limits.requests_per_second_max, limits.bytes_per_second_max}) {}
  Result<store::ListPage> list_page(const store::ListRequest& request);
  void visit_page(const store::ListPage& page, const ListVisit& visit, ListCounts& counts,
                  bool& go_on) const;

  std::string name_;
  store::Location location_;
  std::uint32_t requests_max_;
  bool asked_for_warm_ = false;
  RequestCounters counters_;
  store::Governor governor_;
  std::vector<std::unique_ptr<volume::FetchThread>> threads_;
};

Result<std::unique_ptr<Source>> BucketSource::open(const std::string& text,
                                                   const SourceOptions& options) {
  SHOAL_TRY(const VolumeOptions limits, options.read.to_options());
  SHOAL_TRY(const store::StoreConfig config, options.store.to_config());
  std::unique_ptr<BucketSource> source(new BucketSource(text, limits));
  SHOAL_TRY(source->location_, store::parse_location(text));
  const std::uint32_t threads =
      std::min(source->requests_max_, std::clamp(std::thread::hardware_concurrency() / 2, 1u, 8u));
  for (std::uint32_t number = 0; number < threads; ++number) {
    SHOAL_TRY(auto thread, volume::FetchThread::start({.number = number,
                                                       .location = source->location_,
                                                       .store = config,
                                                       .governor = &source->governor_,
                                                       .connections_max = source->requests_max_}));
    source->threads_.push_back(std::move(thread));
  }
  return source;
}

BucketSource::~BucketSource() {
  for (const auto& thread : threads_) thread->finish_turn();
}

Result<void> BucketSource::prepare(CacheState state, const std::vector<BenchFile>&) {
  asked_for_warm_ = state == CacheState::warm;
  // A directory that plays a bucket is cached by this machine's kernel, a service is not.
  const bool drops = state == CacheState::cold || state == CacheState::page_cache_dropped;
  if (drops && location_.scheme == store::Scheme::file) return drop_page_cache(location_.bucket);
  return {};
}

// ---- listing

Result<store::ListPage> BucketSource::list_page(const store::ListRequest& request) {
  std::promise<Result<store::ListPage>> promise;
  auto page = promise.get_future();
  const volume::FetchThreadParts parts = threads_.front()->parts();
  parts.executor.post([&] {
    parts.store.list(request, [&promise](Result<store::ListPage> answer) {
      promise.set_value(std::move(answer));
    });
  });
  return page.get();  // the store's deadline bounds it
}

void BucketSource::visit_page(const store::ListPage& page, const ListVisit& visit,
                              ListCounts& counts, bool& go_on) const {
  for (const store::ObjectInfo& object : page.objects) {
    if (!go_on) return;
    const std::string_view path = std::string_view(object.key).substr(location_.prefix.size());
    if (path.empty() || path.ends_with('/'))
      ++counts.skipped;
    else
      go_on = visit.on_file({std::string(path), object.size, 0});
  }
}

Result<ListCounts> BucketSource::list(const ListVisit& visit) {
  ListCounts counts;
  store::ListRequest request{.prefix = location_.prefix};
  for (bool go_on = true; go_on;) {
    if (visit.stop != nullptr && visit.stop->load()) break;
    SHOAL_TRY(auto page, list_page(request));
    ++counts.requests;
    visit_page(page, visit, counts, go_on);
    if (!page.next_token) break;
    request.token = std::move(*page.next_token);
  }
  return counts;
}

// ---- reading

void BucketSource::read(Pass& pass) {
  std::vector<std::unique_ptr<LoopReader>> readers;
  std::vector<std::future<void>> ends;
  const auto threads = static_cast<std::uint32_t>(threads_.size());
  for (std::uint32_t i = 0; i < threads; ++i) {
    const std::uint32_t slots = requests_max_ / threads + (i < requests_max_ % threads ? 1 : 0);
    const volume::FetchThreadParts parts = threads_[i]->parts();
    readers.push_back(std::make_unique<LoopReader>(parts, location_.prefix, slots, counters_));
    std::promise<void> ended;
    ends.push_back(ended.get_future());
    parts.executor.post([&pass, reader = readers.back().get(), ended = std::move(ended)]() mutable {
      reader->start(pass, [ended = std::move(ended)]() mutable { ended.set_value(); });
    });
  }
  for (const auto& end : ends) end.wait();  // GETs have deadlines, and Ctrl-C cancels them
  for (const auto& thread : threads_) thread->finish_turn();
}

SourceUsage BucketSource::usage() {
  return {.traffic = Traffic{.gets = counters_.gets.load(),
                             .get_bytes = counters_.get_bytes.load(),
                             .throttled = governor_.stats().throttled},
          .server = std::nullopt};
}

std::vector<std::string> BucketSource::notes() const {
  std::vector<std::string> notes{
      "objects are read as wholes, without an index and without a cache of this machine; retries "
      "are not in the count of GETs"};
  if (asked_for_warm_) notes.emplace_back("a bucket has nothing to warm up here");
  return notes;
}

}  // namespace

Result<std::unique_ptr<Source>> open_bucket_source(const std::string& text,
                                                   const SourceOptions& options) {
  return BucketSource::open(text, options);
}

}  // namespace shoal::tools::bench
