// SPDX-License-Identifier: Apache-2.0
#include "tools/write/removal.h"

#include <condition_variable>
#include <mutex>

namespace shoal::tools::write {
namespace {

// The requests of one page that are under way. synchronized.
class InFlight {
 public:
  explicit InFlight(std::uint32_t most) : most_(most) {}
  void begin() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ < most_; });
    ++count_;
  }
  // Wakes under the lock: who waits for the last one destroys this.
  void end(const store::ObjectInfo& object, Result<void> outcome) {
    const std::lock_guard lock(mutex_);
    --count_;
    if (outcome) {
      ++removal_.removed.objects;
      removal_.removed.bytes += object.size;
    } else {
      removal_.failures.push_back({object.key, std::move(outcome).error()});
    }
    changed_.notify_all();
  }
  Removal finish() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ == 0; });
    return std::move(removal_);
  }

 private:
  const std::uint32_t most_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::uint32_t count_ = 0;
  Removal removal_;
};

}  // namespace

Result<std::unique_ptr<upload::BucketThread>> open_bucket(const ObjectAddress& address,
                                                          const StoreFlags& flags,
                                                          std::uint32_t connections_max) {
  upload::BucketThread::Options options;
  options.thread_name = "shoal-bucket";
  options.location = address.bucket;
  SHOAL_TRY(options.config, flags.to_config());
  options.connections_max = connections_max;
  return upload::BucketThread::start(options);
}

Result<Counted> for_each_page(
    upload::BucketThread& bucket, const std::string& prefix, const std::atomic<bool>& stop,
    const std::function<Result<void>(const std::vector<store::ObjectInfo>&)>& on_page) {
  Counted counted;
  store::ListRequest request;
  request.prefix = prefix;
  while (!stop.load()) {
    SHOAL_TRY(auto page,
              bucket.call<store::ListPage>([&request](store::ObjectStore& store, auto done) {
                store.list(request, std::move(done));
              }));
    counted.objects += page.objects.size();
    for (const store::ObjectInfo& object : page.objects) counted.bytes += object.size;
    SHOAL_CHECK_OK(on_page(page.objects));
    if (!page.next_token) return counted;
    request.token = std::move(*page.next_token);
  }
  return counted;
}

Removal remove_objects(upload::BucketThread& bucket, const std::vector<store::ObjectInfo>& objects,
                       std::uint32_t in_flight_max, const std::atomic<bool>& stop) {
  InFlight in_flight(in_flight_max);
  for (const store::ObjectInfo& object : objects) {
    if (stop.load()) break;
    in_flight.begin();
    bucket.loop().post([&bucket, &in_flight, &object] {
      bucket.store().remove(object.key, [&in_flight, &object](Result<void> outcome) {
        in_flight.end(object, std::move(outcome));
      });
    });
  }
  return in_flight.finish();
}

}  // namespace shoal::tools::write
