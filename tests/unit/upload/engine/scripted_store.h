// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "store/object_store.h"

namespace shoal::testing {

enum class Call {
  head,
  get,
  list,
  put,
  create_upload,
  upload_part,
  complete_upload,
  list_uploads,
  abort_upload,
  append,
  remove,
  copy,
};

// A bucket whose calls are counted and go wrong, one by one, as a test says. confined.
class ScriptedStore final : public store::ObjectStore {
 public:
  ScriptedStore(store::ObjectStore& inner, LoopExecutor& executor)
      : inner_(inner), executor_(executor) {}

  // The next calls of this kind fail without effect, one with each error.
  void fail_next(Call call, Error error, int times = 1) {
    for (int i = 0; i < times; ++i) failures_[call].push_back(error);
  }
  void fail_always(Call call, Error error) { outages_.insert_or_assign(call, std::move(error)); }
  void heal(Call call) { outages_.erase(call); }
  // The next call of this kind takes effect and its answer is lost.
  void lose_next(Call call) { ++losses_[call]; }
  // Calls of this kind take so long.
  void set_delay(Call call, Duration delay) { delays_[call] = delay; }
  // Runs at the start of every call, with the number of its kind's calls so far.
  std::function<void(Call, std::uint64_t)> on_call = [](Call, std::uint64_t) {};

  [[nodiscard]] std::uint64_t count(Call call) const {
    const auto found = counts_.find(call);
    return found == counts_.end() ? 0 : found->second;
  }
  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t sum = 0;
    for (const auto& [call, count] : counts_) sum += count;
    return sum;
  }
  void forget_counts() { counts_.clear(); }
  [[nodiscard]] std::uint64_t body_bytes_max() const { return body_bytes_max_; }
  [[nodiscard]] const std::vector<std::uint32_t>& part_numbers() const { return part_numbers_; }
  void forget_parts() { part_numbers_.clear(); }

  [[nodiscard]] const std::string& name() const override { return inner_.name(); }
  void cancel(store::CallId call) override { inner_.cancel(call); }
  void cancel_all() override { inner_.cancel_all(); }

  void head(const std::string& key, store::Done<store::ObjectInfo> done) override {
    run<store::ObjectInfo>(Call::head, 0, std::move(done),
                           [this, key](auto next) { inner_.head(key, std::move(next)); });
  }
  store::CallId get(const store::GetRequest& request, store::BodySink& sink,
                    store::Done<void> done) override {
    run<void>(Call::get, 0, std::move(done),
              [this, request, &sink](auto next) { inner_.get(request, sink, std::move(next)); });
    return {~0ull};
  }
  void list(const store::ListRequest& request, store::Done<store::ListPage> done) override {
    run<store::ListPage>(Call::list, 0, std::move(done),
                         [this, request](auto next) { inner_.list(request, std::move(next)); });
  }
  void put(const store::PutRequest& request, store::Done<store::PutResult> done) override {
    run<store::PutResult>(Call::put, request.body.size(), std::move(done),
                          [this, request](auto next) { inner_.put(request, std::move(next)); });
  }
  void create_upload(const std::string& key, const std::string& content_type,
                     store::Done<store::UploadId> done) override {
    run<store::UploadId>(Call::create_upload, 0, std::move(done),
                         [this, key, content_type](auto next) {
                           inner_.create_upload(key, content_type, std::move(next));
                         });
  }
  void upload_part(const store::UploadId& upload, std::uint32_t number, ByteSpan body,
                   const store::BodyChecks& checks,
                   store::Done<store::UploadedPart> done) override {
    part_numbers_.push_back(number);
    run<store::UploadedPart>(Call::upload_part, body.size(), std::move(done),
                             [this, upload, number, body, checks](auto next) {
                               inner_.upload_part(upload, number, body, checks, std::move(next));
                             });
  }
  void complete_upload(const store::CompleteRequest& request,
                       store::Done<store::PutResult> done) override {
    run<store::PutResult>(Call::complete_upload, 0, std::move(done), [this, request](auto next) {
      inner_.complete_upload(request, std::move(next));
    });
  }
  void abort_upload(const store::UploadId& upload, store::Done<void> done) override {
    run<void>(Call::abort_upload, 0, std::move(done),
              [this, upload](auto next) { inner_.abort_upload(upload, std::move(next)); });
  }
  void list_uploads(const store::ListUploadsRequest& request,
                    store::Done<store::UploadsPage> done) override {
    run<store::UploadsPage>(Call::list_uploads, 0, std::move(done), [this, request](auto next) {
      inner_.list_uploads(request, std::move(next));
    });
  }
  void append(const std::string& key, std::uint64_t position, ByteSpan body,
              const store::BodyChecks& checks, store::Done<store::AppendResult> done) override {
    run<store::AppendResult>(Call::append, body.size(), std::move(done),
                             [this, key, position, body, checks](auto next) {
                               inner_.append(key, position, body, checks, std::move(next));
                             });
  }
  void remove(const std::string& key, store::Done<void> done) override {
    run<void>(Call::remove, 0, std::move(done),
              [this, key](auto next) { inner_.remove(key, std::move(next)); });
  }
  void copy(const std::string& source, const std::string& target,
            store::Done<store::PutResult> done) override {
    run<store::PutResult>(Call::copy, 0, std::move(done), [this, source, target](auto next) {
      inner_.copy(source, target, std::move(next));
    });
  }

 private:
  template <typename T, typename Go>
  void run(Call call, std::uint64_t body_bytes, store::Done<T> done, Go go) {
    on_call(call, ++counts_[call]);
    body_bytes_ += body_bytes;
    body_bytes_max_ = std::max(body_bytes_max_, body_bytes_);
    const bool is_lost = losses_[call] > 0;
    store::Done<T> next = [this, is_lost, body_bytes,
                           done = std::move(done)](Result<T> result) mutable {
      body_bytes_ -= body_bytes;
      if (result && is_lost)
        return done(fail(Error(ErrorCode::unavailable, "script: the answer was lost")
                             .with_retry(Retry::unknown_effect)));
      done(std::move(result));
    };
    auto start = [this, call, is_lost, next = std::move(next), go = std::move(go)]() mutable {
      auto& failures = failures_[call];
      const auto outage = outages_.find(call);
      if (!failures.empty() || outage != outages_.end()) {
        Error error = failures.empty() ? outage->second : failures.front();
        if (!failures.empty()) failures.pop_front();
        executor_.post([next = std::move(next), error = std::move(error)]() mutable {
          next(fail(std::move(error)));
        });
        return;
      }
      if (is_lost) --losses_[call];
      go(std::move(next));
    };
    if (delays_[call] > Duration::zero())
      executor_.after(delays_[call], std::move(start));
    else
      start();
  }

  store::ObjectStore& inner_;
  LoopExecutor& executor_;
  std::map<Call, std::deque<Error>> failures_;
  std::map<Call, Error> outages_;
  std::map<Call, int> losses_;
  std::map<Call, Duration> delays_;
  std::map<Call, std::uint64_t> counts_;
  std::vector<std::uint32_t> part_numbers_;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t body_bytes_max_ = 0;
};

}  // namespace shoal::testing
