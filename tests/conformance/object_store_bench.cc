// SPDX-License-Identifier: Apache-2.0
// Goal: every implementation of the store waist can be put under the same suite.
// Method: local stores on a loop with virtual time, remote ones on a real loop against the dev
// bucket, and, when SHOAL_S3_ENDPOINT (with SHOAL_S3_BUCKET and AWS_*) is set, against that server
// too.
#include "object_store_bench.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "dev_bucket.h"
#include "http/curl_transport.h"
#include "http/ring_transport.h"
#include "store/fault.h"
#include "store/file/file_store.h"
#include "store/hedge.h"
#include "store/memory/memory_store.h"
#include "store/oss/oss_service.h"
#include "store/remote/remote_store.h"
#include "store/retry.h"
#include "store/s3/s3_service.h"
#include "sys/loop.h"
#include "unit/store/virtual_loop.h"

namespace shoal::store {
namespace {

namespace fs = std::filesystem;

class LocalBench : public Bench {
 public:
  ObjectStore& store() override { return *store_; }
  LoopExecutor& executor() override { return loop_; }
  void run_until(const std::function<bool()>& done) override { loop_.run_until(done); }

 protected:
  VirtualLoop loop_;
  std::unique_ptr<ObjectStore> store_;
};

using Wrap =
    std::function<std::unique_ptr<ObjectStore>(std::unique_ptr<ObjectStore>, LoopExecutor&)>;

class MemoryBench final : public LocalBench {
 public:
  explicit MemoryBench(const Wrap& wrap) {
    store_ = std::make_unique<MemoryStore>(loop_);
    if (wrap) store_ = wrap(std::move(store_), loop_);
  }
  std::unique_ptr<ObjectStore> missing_bucket() override {
    auto missing = std::make_unique<MemoryStore>(loop_);
    missing->set_bucket_exists(false);
    return missing;
  }
};

class FileBench final : public LocalBench {
 public:
  FileBench() {
    // In memory where there is such a place: every put waits for the disk twice.
    const fs::path memory = "/dev/shm";
    const fs::path parent =
        ::access(memory.c_str(), W_OK) == 0 ? memory : fs::temp_directory_path();
    std::string path = (parent / "shoal-file-store-XXXXXX").string();
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    store_ = make_file_store(loop_, nullptr, directory_);
    can_hold_any_key = false;
  }
  ~FileBench() override {
    store_.reset();
    fs::remove_all(directory_);
  }
  std::unique_ptr<ObjectStore> missing_bucket() override {
    return make_file_store(loop_, nullptr, directory_ / "no" / "such");
  }

 private:
  fs::path directory_;
};

class RemoteBench final : public Bench {
 public:
  explicit RemoteBench(RemoteOptions options) : options_(std::move(options)) {
    auto loop = sys::Loop::create({});
    EXPECT_TRUE(loop) << loop.error().to_string();
    loop_ = std::move(*loop);
    if (options_.config.endpoint.starts_with("http://") && !options_.over_curl) {
      transport_ = http::make_ring_transport(*loop_, {});
    } else {
      auto transport = http::make_curl_transport(*loop_, {});
      EXPECT_TRUE(transport) << transport.error().to_string();
      transport_ = std::move(*transport);
    }
    store_ = make(options_.bucket);
    can_append = options_.scheme == Scheme::oss;
    can_write_if_match = options_.scheme == Scheme::s3;
    has_crc64 = options_.scheme == Scheme::oss;
    part_bytes_min = options_.scheme == Scheme::oss ? 100 << 10 : 5 << 20;
  }
  ~RemoteBench() override {
    store_.reset();
    // The ends of cancelled exchanges.
    bool done = false;
    loop_->post([&] { done = true; });
    loop_->run_until([&] { return done; });
  }
  ObjectStore& store() override { return *store_; }
  LoopExecutor& executor() override { return *loop_; }
  void run_until(const std::function<bool()>& done) override {
    bool late = false;
    const auto timer = loop_->after(std::chrono::seconds(30), [&] { late = true; });
    loop_->run_until([&] { return late || done(); });
    loop_->cancel(timer);
  }
  std::unique_ptr<ObjectStore> missing_bucket() override { return make("no-such-bucket-here"); }

 private:
  std::unique_ptr<ObjectStore> make(const std::string& bucket) {
    const StoreConfig config = complete_config(options_.scheme, options_.config, no_sources());
    auto service = options_.scheme == Scheme::s3
                       ? s3::make_service(bucket, config, options_.credentials)
                       : oss::make_service(bucket, config, options_.credentials);
    EXPECT_TRUE(service) << service.error().to_string();
    service->renew = options_.renew;
    return make_remote_store(*loop_, *transport_, nullptr, std::move(*service));
  }
  static CredentialSources no_sources() {
    return {.environment = [](const std::string&) { return std::nullopt; }, .home = "/nonexistent"};
  }

  RemoteOptions options_;
  std::unique_ptr<sys::Loop> loop_;
  std::unique_ptr<http::Transport> transport_;
  std::unique_ptr<ObjectStore> store_;
};

std::optional<RemoteOptions> external_options(std::string& why) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  RemoteOptions options;
  options.config.endpoint = variable("SHOAL_S3_ENDPOINT");
  options.bucket = variable("SHOAL_S3_BUCKET");
  if (options.config.endpoint.empty() || options.bucket.empty()) {
    why = "SHOAL_S3_ENDPOINT and SHOAL_S3_BUCKET are not set";
    return std::nullopt;
  }
  options.credentials =
      Credentials{variable("AWS_ACCESS_KEY_ID"), Secret(variable("AWS_SECRET_ACCESS_KEY")),
                  Secret(variable("AWS_SESSION_TOKEN")), "environment"};
  return options;
}

Implementation remote(std::string name, Scheme scheme, SignatureVersion version,
                      bool over_curl = false) {
  return {std::move(name), [=](std::string& why) -> std::unique_ptr<Bench> {
            auto options = dev_bucket_options(scheme, version, why);
            if (options) options->over_curl = over_curl;
            return options ? make_remote_bench(*options) : nullptr;
          }};
}

Implementation memory(std::string name, Wrap wrap) {
  return {std::move(name),
          [wrap = std::move(wrap)](std::string&) { return std::make_unique<MemoryBench>(wrap); }};
}

}  // namespace

void PrintTo(const Implementation& implementation, std::ostream* out) {
  *out << implementation.name;
}

std::unique_ptr<Bench> make_remote_bench(const RemoteOptions& options) {
  return std::make_unique<RemoteBench>(options);
}

std::optional<RemoteOptions> dev_bucket_options(Scheme scheme, SignatureVersion version,
                                                std::string& why) {
  static std::string reason;
  static const std::unique_ptr<DevBucket> server = DevBucket::start({}, reason);
  if (!server) {
    why = reason;
    return std::nullopt;
  }
  RemoteOptions options;
  options.scheme = scheme;
  options.config.endpoint = server->endpoint();
  options.config.signature = version;
  options.bucket = kDevBucket;
  options.credentials = Credentials{kDevAccessKey, Secret(kDevSecretKey), Secret(), "the test"};
  return options;
}

std::vector<Implementation> all_implementations() {
  return {
      memory("memory", {}),
      memory("memory_behind_retry",
             [](std::unique_ptr<ObjectStore> inner, LoopExecutor& loop) {
               return make_retry_store(std::move(inner), loop, nullptr, {});
             }),
      memory("memory_behind_fault_at_rate_zero",
             [](std::unique_ptr<ObjectStore> inner, LoopExecutor& loop) {
               return make_fault_store(std::move(inner), loop, {});
             }),
      memory("memory_behind_hedge",
             [](std::unique_ptr<ObjectStore> inner, LoopExecutor& loop) {
               return make_hedge_store(std::move(inner), loop, nullptr, nullptr);
             }),
      {"file", [](std::string&) { return std::make_unique<FileBench>(); }},
      remote("s3", Scheme::s3, SignatureVersion::v4),
      remote("s3_over_curl", Scheme::s3, SignatureVersion::v4, /*over_curl=*/true),
      remote("oss_v4", Scheme::oss, SignatureVersion::v4),
      remote("oss_v1", Scheme::oss, SignatureVersion::v1),
      {"external_s3",
       [](std::string& why) -> std::unique_ptr<Bench> {
         const auto options = external_options(why);
         if (!options) return nullptr;
         auto bench = make_remote_bench(*options);
         bench->names_gone_uploads = false;
         bench->can_write_if_match = false;
         bench->has_crc64 = false;
         bench->keeps_conditions_of_completions = false;
         bench->says_how_upload_keys_are_encoded = false;
         return bench;
       }},
  };
}

}  // namespace shoal::store
