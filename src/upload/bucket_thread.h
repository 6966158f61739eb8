// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "http/transport.h"
#include "store/counters.h"
#include "store/object_store.h"
#include "store/open.h"
#include "sys/loop.h"

namespace shoal::store {
class Governor;
}

namespace shoal::upload {

// A thread with a ring, a transport on it and the store of one bucket. What is confined to the
// thread is made and destroyed on it. synchronized, but for what loop() and store() return.
class BucketThread {
 public:
  struct Options {
    std::string thread_name;  // 15 characters at most
    store::Location location;
    store::StoreConfig config;
    store::Governor* governor = nullptr;  // outlives the thread; null: no limit
    std::uint32_t connections_max = 64;
    Duration retry_deadline{};  // of calls; zero: the store's own
  };
  [[nodiscard]] static Result<std::unique_ptr<BucketThread>> start(const Options& options);
  // Calls under way end with ErrorCode::canceled, or are dropped.
  ~BucketThread();
  BucketThread(const BucketThread&) = delete;
  BucketThread& operator=(const BucketThread&) = delete;

  [[nodiscard]] sys::Loop& loop() { return thread_->loop(); }
  [[nodiscard]] store::ObjectStore& store() { return *store_; }  // confined to the loop's thread

  [[nodiscard]] const store::StoreCounters& counters() const { return counters_; }

  // Runs `work()` on the thread and waits for what it returns. Not from the thread itself.
  template <typename Work>
  auto run(Work work) {
    std::packaged_task<decltype(work())()> task(std::move(work));
    auto outcome = task.get_future();
    loop().post([task = std::move(task)]() mutable { task(); });
    return outcome.get();
  }
  // Makes one call of the store and waits for its outcome: `start(store, done)`. Not from the
  // thread itself.
  template <typename T, typename Start>
  Result<T> call(Start start) {
    std::promise<Result<T>> promise;
    auto outcome = promise.get_future();
    loop().post([this, start = std::move(start), promise = std::move(promise)]() mutable {
      start(*store_, store::Done<T>([promise = std::move(promise)](Result<T> result) mutable {
        promise.set_value(std::move(result));
      }));
    });
    return outcome.get();
  }

 private:
  explicit BucketThread(std::unique_ptr<sys::LoopThread> thread) : thread_(std::move(thread)) {}
  Result<void> make(const Options& options);

  store::StoreCounters counters_;
  std::unique_ptr<sys::LoopThread> thread_;
  std::unique_ptr<http::Transport> transport_;
  std::unique_ptr<store::ObjectStore> store_;
};

}  // namespace shoal::upload
