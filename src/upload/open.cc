// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <future>
#include <memory>
#include <utility>

#include "base/limits.h"
#include "store/credentials.h"
#include "store/governor.h"
#include "store/open.h"
#include "upload/bucket_thread.h"
#include "upload/engine.h"
#include "upload/state_directory.h"

// Where the uploader's parts come together: journal, bucket, workers, engine.

namespace shoal::upload {
namespace {

constexpr unsigned kWorkerThreads = 2;  // reading and hashing; MD5 in lanes fills a network

Result<store::StoreConfig> config_of(const UploaderOptions& options) {
  store::StoreConfig config;
  config.endpoint = options.endpoint;
  config.region = options.region;
  config.profile = options.profile;
  config.credentials_file = options.credentials_file;
  config.sign_requests = options.sign_requests;
  SHOAL_TRY(config.addressing, store::parse_addressing(options.addressing));
  if (options.signature != "v4" && options.signature != "v1")
    return fail(ErrorCode::bad_input, "signature '" + options.signature + "': unknown",
                "Use v4, or v1 (OSS).");
  if (options.signature == "v1") config.signature = store::SignatureVersion::v1;
  return config;
}

Result<void> check_bounds(const UploaderOptions& options) {
  constexpr std::uint64_t kPartBytesMin = 100u << 10;  // OSS
  constexpr std::uint64_t kPartBytesMax = 5ull << 30;
  const auto refuse = [](const std::string& what) {
    return fail(ErrorCode::bad_input, "open uploader: " + what, "See shoal/uploader.h.");
  };
  if (options.requests_in_flight_max < 1 ||
      options.requests_in_flight_max > limits::kRequestsInFlightMax)
    return refuse(fmt::format("requests_in_flight_max is {}, not 1 to {}",
                              options.requests_in_flight_max, limits::kRequestsInFlightMax));
  if (options.part_bytes < kPartBytesMin || options.part_bytes > kPartBytesMax)
    return refuse(fmt::format("part_bytes is {}, not 100 KiB to 5 GiB", options.part_bytes));
  if (options.memory_bytes_max < options.part_bytes)
    return refuse(
        fmt::format("memory_bytes_max is {}, less than a part", options.memory_bytes_max));
  if (options.single_put_bytes_max > kPartBytesMax)
    return refuse("single_put_bytes_max is more than 5 GiB, which no service takes");
  if (options.pending_max < 1 || options.journal_bytes_max < 1)
    return refuse("pending_max and journal_bytes_max must be at least 1");
  return {};
}

// The store repeats a call for a while before the dispatcher hears of it: not for longer than
// anything is tried again.
Duration retry_deadline(std::chrono::seconds retry_for) {
  const std::chrono::seconds usual = limits::kIoTimeoutDefault;
  return retry_for > std::chrono::seconds(0) ? std::min(usual, retry_for) : usual;
}

// An engine with threads of its own. Members are in the order in which they are needed; the
// destructor ends them as they need each other.
class OwnedEngine final : public Uploader {
 public:
  static Result<std::unique_ptr<Uploader>> open(std::string_view url,
                                                const UploaderOptions& options);
  ~OwnedEngine() override;

  Result<Upload> put_object(std::string_view key, std::span<const std::byte> bytes,
                            const PutOptions& options) override {
    return engine_->put_object(key, bytes, options);
  }
  Result<Upload> put_object_from_file(std::string_view key, const std::filesystem::path& file,
                                      const PutOptions& options) override {
    return engine_->put_object_from_file(key, file, options);
  }
  Result<std::vector<Upload>> put_objects_from_files(std::span<const FileToPut> files) override {
    return engine_->put_objects_from_files(files);
  }
  Result<Upload> append_object(std::string_view key, std::optional<std::uint64_t> position,
                               std::span<const std::byte> bytes) override {
    return engine_->append_object(key, position, bytes);
  }
  Result<Upload> remove_object(std::string_view key) override {
    return engine_->remove_object(key);
  }
  Result<void> flush(std::chrono::milliseconds timeout) override { return engine_->flush(timeout); }
  void resume() override { engine_->resume(); }
  Result<void> discard(std::uint64_t id) override { return engine_->discard(id); }
  std::vector<Pending> pending() const override { return engine_->pending(); }
  UploaderStats stats() const override { return engine_->stats(); }
  StoreActivity store_activity() const override;
  std::optional<SentFile> last_sent(std::string_view key) const override {
    return engine_->last_sent(key);
  }
  Result<void> forget_sent() override { return engine_->forget_sent(); }
  const std::string& url() const override { return engine_->url(); }
  const std::filesystem::path& journal() const override { return engine_->journal(); }

 private:
  explicit OwnedEngine(const UploaderOptions& options)
      : governor_({.requests_per_second = options.requests_per_second_max,
                   .bytes_per_second = options.bytes_per_second_max}) {}

  store::Scheme scheme_{};
  store::StoreConfig config_;
  store::Governor governor_;
  std::unique_ptr<Engine> engine_;
  // Destroyed before the engine: what their tasks hold refers to it.
  std::unique_ptr<BucketThread> bucket_;
  std::unique_ptr<sys::WorkerPool> workers_;
};

Result<std::unique_ptr<Uploader>> OwnedEngine::open(std::string_view url,
                                                    const UploaderOptions& options) {
  SHOAL_CHECK_OK(check_bounds(options));
  SHOAL_TRY(const auto location, store::parse_location(url));
  SHOAL_TRY(const auto config, config_of(options));
  const auto sources = store::CredentialSources::of_process();
  const std::string endpoint = store::complete_config(location.scheme, config, sources).endpoint;
  store::Location bucket = location;
  bucket.prefix.clear();
  SHOAL_TRY(auto journal,
            Journal::open({.directory = options.journal.empty()
                                            ? journal_directory("sdk", location, config)
                                            : options.journal,
                           .bucket = bucket.to_url(),
                           .endpoint = endpoint,
                           .sync = options.durability == Durability::power_loss}));
  std::unique_ptr<OwnedEngine> owned(new OwnedEngine(options));
  owned->scheme_ = location.scheme;
  owned->config_ = config;
  SHOAL_TRY(owned->bucket_,
            BucketThread::start({.thread_name = "shoal-upload",
                                 .location = location,
                                 .config = config,
                                 .governor = &owned->governor_,
                                 .connections_max = options.requests_in_flight_max,
                                 .retry_deadline = retry_deadline(options.retry_for)}));
  owned->workers_ = std::make_unique<sys::WorkerPool>("shoal-read", kWorkerThreads);
  SHOAL_TRY(owned->engine_, Engine::create(location, options, std::move(journal),
                                           {.loop = owned->bucket_->loop(),
                                            .store = owned->bucket_->store(),
                                            .workers = *owned->workers_,
                                            .worker_threads = kWorkerThreads,
                                            .governor = &owned->governor_}));
  owned->bucket_->loop().post([engine = owned->engine_.get()] { engine->start(); });
  return owned;
}

StoreActivity OwnedEngine::store_activity() const {
  using Kind = store::RequestKind;
  constexpr std::array kKinds{
      Kind::put,          Kind::create_upload, Kind::upload_part, Kind::complete_upload,
      Kind::abort_upload, Kind::append,        Kind::remove,      Kind::head,
      Kind::list,         Kind::list_uploads};
  StoreActivity activity;
  activity.keys_expire_at =
      store::keys_expire_at(scheme_, config_, store::CredentialSources::of_process());
  bucket_->counters().add_to(activity, kKinds);
  return activity;
}

OwnedEngine::~OwnedEngine() {
  if (engine_) {
    std::promise<void> closed;
    bucket_->loop().post([&] { engine_->close([&closed] { closed.set_value(); }); });
    closed.get_future().wait();
  }
  workers_.reset();  // ends what was posted to it; its answers go to the loop
  bucket_.reset();
}

}  // namespace
}  // namespace shoal::upload

namespace shoal {

Result<std::unique_ptr<Uploader>> open_uploader(std::string_view url,
                                                const UploaderOptions& options) {
  return upload::OwnedEngine::open(url, options);
}

}  // namespace shoal
