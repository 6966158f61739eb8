// SPDX-License-Identifier: Apache-2.0
// open_volume(): where all parts of the read side are put together.
//
//   bucket <-- store, one per fetch thread            index (RocksDB)      image/N.erofs cache/data
//                 ^                                      |      ^                |             ^
//                 |GETs                            chunks|      |records         |metadata |blocks
//              ChunkOwner, one per fetch thread <--------'------'----------------+-------------'
//                 ^                    | reads seen                              |
//                 | parts of reads     v                                         |
//              DataPath <-------- Prefetcher (policy)                            |
//                 ^------------------------------------------------------------- '
//              Volume::read
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/log_limit.h"
#include "image/identity.h"
#include "prefetch/policy_set.h"
#include "shoal/volume.h"
#include "store/credentials.h"
#include "sys/file.h"
#include "volume/data_path.h"
#include "volume/fetch_thread.h"
#include "volume/index_catalog.h"
#include "volume/order_loader.h"
#include "volume/recorder.h"
#include "volume/tree.h"

namespace shoal {
namespace {

using namespace std::chrono_literals;
using namespace volume;

// Besides connections: files of the index, image, cache, control.
constexpr unsigned kOtherDescriptors = 128;
constexpr auto kCloseTimeout = 5s;  // readers under way at the end get this long

// What the volume's directory says; the same for every way of opening it.
struct Opened {
  std::unique_ptr<index::Index> index;
  format::DatasetRecord dataset;
  format::GenerationRecord generation;
  std::optional<sys::File> image;
  std::uint64_t metadata_bytes = 0;
};

Error not_finished(const std::filesystem::path& directory, std::string_view what) {
  return Error(ErrorCode::not_found,
               fmt::format("volume {} is not finished: {}", directory.string(), what),
               "Run `shoal index build` for the dataset first.");
}

Result<Opened> open_index(const std::filesystem::path& directory, bool with_cache) {
  Opened opened;
  SHOAL_TRY(opened.index,
            index::Index::open(directory / "index", with_cache ? index::Index::Mode::read_write
                                                               : index::Index::Mode::read_only));
  SHOAL_TRY(auto dataset, opened.index->dataset());
  if (!dataset) return fail(not_finished(directory, "its index names no dataset"));
  SHOAL_TRY(auto generation, opened.index->generation());
  if (!generation) return fail(not_finished(directory, "its index is not complete"));
  opened.dataset = std::move(*dataset);
  opened.generation = std::move(*generation);
  return opened;
}

// A full disk is no reader's error: the cache gives its space up, and when that is not enough the
// volume goes without (`with_cache` becomes false).
Result<Opened> open_index_on_full_disk(const std::filesystem::path& directory, bool& with_cache) {
  auto opened = open_index(directory, with_cache);
  const auto is_full = [&] {
    return !opened && with_cache && opened.error().code() == ErrorCode::no_space;
  };
  if (!is_full()) return opened;
  std::error_code error;
  std::filesystem::resize_file(directory / "cache" / "data", 0, error);
  opened = open_index(directory, with_cache);
  const bool without = is_full();
  log_event(LogLevel::warning, "disk.full",
            {{"volume", directory.string()},
             {"then", without ? "no cache: everything is served from memory" : "cache emptied"}});
  if (!without) return opened;
  with_cache = false;
  return open_index(directory, with_cache);
}

Result<void> open_image(const std::filesystem::path& directory, Opened& opened) {
  const auto path =
      directory / "image" / fmt::format("{}.erofs", opened.generation.generation.value);
  auto image = sys::File::open(path, sys::File::Mode::read_only);
  if (!image) {
    if (image.error().code() == ErrorCode::not_found)
      return fail(not_finished(directory, fmt::format("{} is missing", path.string())));
    return fail(std::move(image).error());
  }
  SHOAL_TRY(opened.metadata_bytes, image->size());
  std::vector<std::byte> head(
      std::min<std::uint64_t>(opened.metadata_bytes, image::kImageHeadBytes));
  SHOAL_CHECK_OK(image->read_at(0, head));
  if (auto checked =
          image::check_image(head, opened.metadata_bytes, opened.dataset, opened.generation);
      !checked)
    return fail(std::move(checked).error().with_context(path.string()));
  opened.image.emplace(std::move(*image));
  return {};
}

Result<store::StoreConfig> store_config(const format::DatasetRecord& dataset,
                                        const VolumeCredentials& credentials) {
  store::StoreConfig config;
  config.endpoint = dataset.endpoint;
  config.region = dataset.region;
  config.profile = credentials.profile;
  config.credentials_file = credentials.credentials_file;
  config.sign_requests = dataset.sign_requests;
  SHOAL_TRY(config.addressing, store::parse_addressing(dataset.addressing));
  config.signature =
      dataset.signature == "v1" ? store::SignatureVersion::v1 : store::SignatureVersion::v4;
  return config;
}

std::uint32_t thread_count(const VolumeOptions& options) {
  if (options.fetch_threads > 0) return options.fetch_threads;
  return std::clamp(std::thread::hardware_concurrency() / 2, 1u, 8u);
}

// Of one fetch thread. Some more than GETs at a time: for second tries.
std::uint32_t connections_max(const VolumeOptions& options) {
  return options.requests_in_flight_max + options.requests_in_flight_max / 16 + 8;
}

Result<void> check_options(const VolumeOptions& options, const format::Geometry& geometry) {
  const std::uint64_t buffers_min = std::uint64_t{4} * thread_count(options) * geometry.chunk_bytes;
  if (options.buffer_bytes_max < buffers_min)
    return fail(ErrorCode::bad_input,
                fmt::format("{} of buffers are too few for {} fetch threads",
                            human_bytes(options.buffer_bytes_max), thread_count(options)),
                fmt::format("give at least {}, or use fewer threads", human_bytes(buffers_min)));
  if (options.requests_in_flight_max == 0)
    return fail(ErrorCode::bad_input, "a volume with 0 requests in flight cannot read anything",
                "Allow at least 1 request in flight.");
  return {};
}

// The volume of this process: owns every part. Members die in the reverse order, readers first.
class LocalVolume final : public Volume {
 public:
  static Result<std::unique_ptr<LocalVolume>> open(const std::filesystem::path& directory,
                                                   const VolumeCredentials& credentials,
                                                   const VolumeOptions& options);
  ~LocalVolume() override;

  VolumeInfo info() const override;
  std::uint64_t size() const override { return path_->size(); }
  void read(std::uint64_t offset, std::span<std::byte> target,
            std::chrono::steady_clock::time_point deadline, ReadDone done) override {
    path_->read(offset, target, deadline, std::move(done));
  }
  void warm(const WarmRequest& request, std::chrono::steady_clock::time_point deadline,
            WarmDone done) override {
    path_->warm(request, deadline, std::move(done));
  }
  void unpin(std::uint64_t offset, std::uint64_t bytes) override { path_->unpin(offset, bytes); }
  sys::Loop* loop() override { return threads_.size() == 1 ? &threads_[0]->loop() : nullptr; }
  Result<void> set_order(const ReadOrder& order) override;
  PrefetchStatus prefetch_status() const override;
  VolumeStats stats() const override;
  StoreActivity store_activity() const override;
  std::vector<std::string> recent_errors() const override { return path_->recent_errors(); }
  Result<DirectoryEntry> find(std::string_view path) const override {
    return find_entry(*opened_.index, path);
  }
  Result<void> list(std::string_view path,
                    const std::function<bool(const DirectoryEntry&)>& visit) const override {
    return list_directory(*opened_.index, path, visit);
  }

 private:
  LocalVolume(std::filesystem::path directory, const VolumeOptions& options)
      : directory_(std::move(directory)),
        governor_({options.requests_per_second_max, options.bytes_per_second_max}) {}
  Result<void> open_cache(const VolumeOptions& options);
  Result<void> start_threads(const VolumeCredentials& credentials, const VolumeOptions& options);
  [[nodiscard]] Prefetcher::MakePolicy policy_maker(const VolumeOptions& options);
  [[nodiscard]] Result<void> connect(const VolumeOptions& options);
  void log_failed_try(const store::FailedTry& failed);

  std::filesystem::path directory_;
  std::optional<sys::LockFile> lock_;
  Opened opened_;
  store::Location location_;
  store::StoreConfig store_config_;
  std::unique_ptr<cache::CacheStore> cache_;
  std::vector<std::pair<ChunkId, format::CacheRecord>> restored_;
  store::Governor governor_;
  LogLimit throttled_log_;
  http::TransportCounters transport_counters_;
  std::unique_ptr<sys::WorkerPool> worker_;
  std::vector<std::unique_ptr<FetchThread>> threads_;
  std::unique_ptr<IndexCatalog> catalog_;  // null: no prefetch
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<DataPath> path_;
  std::unique_ptr<OrderLoader> order_loader_;
  std::mutex order_mutex_;                  // guards order_
  std::shared_ptr<prefetch::Order> order_;  // in force; null: none
};

Result<std::unique_ptr<LocalVolume>> LocalVolume::open(const std::filesystem::path& directory,
                                                       const VolumeCredentials& credentials,
                                                       const VolumeOptions& options) {
  sys::reserve_descriptors(thread_count(options) * connections_max(options) + kOtherDescriptors);
  std::unique_ptr<LocalVolume> volume(new LocalVolume(directory, options));
  if (!std::filesystem::exists(directory / "index"))
    return fail(not_finished(directory, "there is no index in it"));
  if (options.use_cache) {
    SHOAL_TRY(auto lock, sys::LockFile::acquire(directory / "LOCK"));
    volume->lock_.emplace(std::move(lock));
  }
  bool with_cache = options.use_cache;
  SHOAL_TRY(volume->opened_, open_index_on_full_disk(directory, with_cache));
  SHOAL_CHECK_OK(open_image(directory, volume->opened_));
  SHOAL_CHECK_OK(check_options(options, volume->opened_.dataset.geometry));
  SHOAL_TRY(volume->location_, store::parse_location(volume->opened_.dataset.url));
  if (with_cache) SHOAL_CHECK_OK(volume->open_cache(options));
  SHOAL_CHECK_OK(volume->start_threads(credentials, options));
  SHOAL_CHECK_OK(volume->connect(options));
  if (options.order) SHOAL_CHECK_OK(volume->set_order(*options.order));
  return volume;
}

Result<void> LocalVolume::open_cache(const VolumeOptions& options) {
  SHOAL_CHECK_OK(sys::make_directories(directory_ / "cache"));
  const cache::CacheStoreOptions cache{.path = directory_ / "cache" / "data",
                                       .layout_id = opened_.generation.layout_id,
                                       .geometry = opened_.dataset.geometry,
                                       .data_end = opened_.generation.data_end,
                                       .bytes_max = options.cache_bytes_max};
  SHOAL_TRY(cache_,
            cache::CacheStore::open(cache, *opened_.index,
                                    [this](ChunkId chunk, const format::CacheRecord& record) {
                                      restored_.emplace_back(chunk, record);
                                    }));
  return {};
}

Result<void> LocalVolume::start_threads(const VolumeCredentials& credentials,
                                        const VolumeOptions& options) {
  SHOAL_TRY(store_config_, store_config(opened_.dataset, credentials));
  const std::uint32_t count = thread_count(options);
  worker_ = std::make_unique<sys::WorkerPool>("shoal-disk", count);
  for (std::uint32_t number = 0; number < count; ++number) {
    SHOAL_TRY(auto thread, FetchThread::start({.number = number,
                                               .location = location_,
                                               .store = store_config_,
                                               .governor = &governor_,
                                               .connections_max = connections_max(options),
                                               .transport_counters = &transport_counters_,
                                               .on_failed_try = [this](const auto& failed) {
                                                 log_failed_try(failed);
                                               }}));
    threads_.push_back(std::move(thread));
  }
  return {};
}

// On a fetch thread. What a reader waits for in vain is logged by the frontend, with the reader's
// words; here is what slows everybody down, and, at `debug`, every try.
void LocalVolume::log_failed_try(const store::FailedTry& failed) {
  if (failed.error.code() == ErrorCode::throttled) {
    log_event(throttled_log_, LogLevel::warning, "bucket.throttled",
              {{"bucket", location_.to_url()},
               {"error", failed.error.to_string()},
               {"requests_per_second", governor_.stats().requests_per_second}});
  }
  if (!is_logged(LogLevel::debug)) return;
  log_event(LogLevel::debug, failed.next_try ? "request.retry" : "request.failed",
            {{"what", failed.what},
             {"attempt", failed.tries},
             {"next_try_ms",
              failed.next_try ? std::chrono::duration<double, std::milli>(*failed.next_try).count()
                              : -1.0},
             {"error", failed.error.to_string()}});
}

Prefetcher::MakePolicy LocalVolume::policy_maker(const VolumeOptions& options) {
  if (options.prefetch != PrefetchMode::automatic) return {};
  catalog_ = std::make_unique<IndexCatalog>(*opened_.index, opened_.dataset.geometry, *worker_,
                                            threads_[0]->parts().executor);
  const prefetch::PolicySetOptions policies{
      .geometry = opened_.dataset.geometry,
      .data_end = opened_.generation.data_end,
      // What prefetch may keep in memory, or it would only push itself out.
      .window_bytes_max = std::min(limits::kPrefetchWindowMaxBytes, options.buffer_bytes_max / 4)};
  return [policies, catalog = catalog_.get()](prefetch::Proposals& proposals) {
    return prefetch::PolicySet::make(policies, proposals, catalog);
  };
}

Result<void> LocalVolume::connect(const VolumeOptions& options) {
  const format::Geometry& geometry = opened_.dataset.geometry;
  if (!options.record_file.empty()) {
    SHOAL_TRY(recorder_,
              Recorder::create(options.record_file,
                               {.map = *opened_.index, .geometry = geometry, .worker = *worker_}));
  }
  std::vector<FetchThreadParts> threads;
  for (const auto& thread : threads_) threads.push_back(thread->parts());
  path_ = std::make_unique<DataPath>(
      DataPathParts{.threads = std::move(threads),
                    .worker = *worker_,
                    .map = *opened_.index,
                    .cache = cache_.get(),
                    .restored = std::move(restored_),
                    .governor = &governor_,
                    .metadata_fd = opened_.image->fd(),
                    .metadata_bytes = opened_.metadata_bytes,
                    .geometry = geometry,
                    .data_end = opened_.generation.data_end,
                    .key_prefix = location_.prefix,
                    .make_policy = policy_maker(options),
                    .direct = options.prefetch == PrefetchMode::direct,
                    .recorder = recorder_.get(),
                    .requests_in_flight_max = options.requests_in_flight_max,
                    .buffer_bytes_max = options.buffer_bytes_max});
  order_loader_ = std::make_unique<OrderLoader>(
      OrderLoader::Parts{*opened_.index, geometry, opened_.generation.data_end});
  return {};
}

Result<void> LocalVolume::set_order(const ReadOrder& source) {
  if (catalog_ == nullptr)
    return fail(ErrorCode::unsupported,
                "this volume was opened without prefetch, so an order is of no use to it",
                "Open it without --no-prefetch and --direct.");
  const std::lock_guard lock(order_mutex_);
  const bool replaces = !source.append || order_ == nullptr;
  auto order = replaces ? std::make_shared<prefetch::Order>(opened_.dataset.geometry) : order_;
  SHOAL_CHECK_OK(order_loader_->add(source, order, replaces));
  if (!replaces) return {};
  order_ = order;
  path_->prefetcher().set_order(
      std::move(order), {.stop_when_failing = source.is_guess, .begin_at_once = !source.is_guess});
  return {};
}

PrefetchStatus LocalVolume::prefetch_status() const {
  PrefetchStatus status = path_->prefetcher().status();
  status.order_missing = order_loader_->missing();
  return status;
}

LocalVolume::~LocalVolume() {
  if (path_ == nullptr) return;
  order_loader_.reset();
  std::promise<void> promise;
  const std::future<void> closed = promise.get_future();
  path_->close(system_clock().now() + kCloseTimeout,
               [this, promise = std::move(promise)]() mutable {
                 // Before the worker ends: what it answers last must not ask it again.
                 if (catalog_) catalog_->stop();
                 promise.set_value();
               });
  // Bounded: past the deadline reads and GETs are given up, what is left are writes to local disk.
  closed.wait();
  if (recorder_) recorder_->finish();
  // Whoever posts to a loop is done with it before the loop dies: first the workers, then the other
  // fetch threads.
  worker_.reset();
  for (const auto& thread : threads_) thread->finish_turn();
}

VolumeStats LocalVolume::stats() const {
  VolumeStats stats = path_->stats();
  constexpr auto kRelaxed = std::memory_order_relaxed;  // numbers for people
  for (const auto& thread : threads_) {
    stats.hedged_gets += thread->counters().hedges_sent.load(kRelaxed);
    stats.hedges_won += thread->counters().hedges_won.load(kRelaxed);
  }
  stats.gets += stats.hedged_gets;
  stats.connections_opened = transport_counters_.connections_opened.load(kRelaxed);
  return stats;
}

StoreActivity LocalVolume::store_activity() const {
  constexpr std::array kKinds{store::RequestKind::get};  // all a mount ever asks for
  StoreActivity activity;
  activity.keys_expire_at = store::keys_expire_at(location_.scheme, store_config_,
                                                  store::CredentialSources::of_process());
  for (const auto& thread : threads_) thread->counters().add_to(activity, kKinds);
  return activity;
}

VolumeInfo LocalVolume::info() const {
  VolumeInfo info;
  info.url = opened_.dataset.url;
  info.endpoint = opened_.dataset.endpoint;
  info.directory = directory_;
  info.generation = opened_.generation.generation.value;
  info.files = opened_.generation.files;
  info.directories = opened_.generation.directories;
  info.object_bytes = opened_.generation.object_bytes;
  info.special_keys = opened_.generation.special_keys;
  info.image_bytes = size();
  info.metadata_bytes = opened_.metadata_bytes;
  info.listed_at = opened_.generation.listed_at;
  return info;
}

}  // namespace

Result<std::unique_ptr<Volume>> open_volume(const std::filesystem::path& directory,
                                            const VolumeCredentials& credentials,
                                            const VolumeOptions& options) {
  return LocalVolume::open(directory, credentials, options);
}

}  // namespace shoal
