// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "store/object_store.h"

namespace shoal::index {

// A bucket that exists only as a formula: millions of keys cost no memory and no set-up. Lists, and
// nothing else. Each answer takes 1 to 1.5 units of a virtual time, so they come back in a random
// order, as from a real network, and latency() tells how long a listing would wait for one. They
// can be made to fail or to be empty. Confined to its executor, except the counters.
class InventedStore final : public store::ObjectStore {
 public:
  struct Options {
    std::uint64_t seed = 1;
    // Every so many-th page is empty although the listing goes on. Zero: never.
    std::uint64_t empty_page_every = 0;
    // The request with this number (from 1) fails. Zero: none.
    std::uint64_t fail_request = 0;
    // Called before each answer, on the executor, with the number of requests so far.
    std::function<void(std::uint64_t)> on_request{};
  };
  using KeyOf = std::function<std::string(std::uint64_t)>;  // ascending
  InventedStore(KeyOf key_of, std::uint64_t count, Executor& executor)
      : InventedStore(std::move(key_of), count, executor, Options()) {}
  InventedStore(KeyOf key_of, std::uint64_t count, Executor& executor, Options options)
      : key_of_(std::move(key_of)),
        count_(count),
        executor_(executor),
        options_(std::move(options)),
        rng_(options_.seed) {}

  // Called with each object before it is returned; sets size and so on.
  std::function<void(store::ObjectInfo&)> decorate = [](store::ObjectInfo& object) {
    object.size = std::hash<std::string>{}(object.key) % 5000;
  };
  [[nodiscard]] std::uint64_t requests() const { return requests_; }
  [[nodiscard]] std::uint32_t in_flight_max() const { return in_flight_max_; }
  // When the last answer came, in round trips.
  [[nodiscard]] double latency() const { return now_; }

  const std::string& name() const override { return name_; }

  void list(const store::ListRequest& request, store::Done<store::ListPage> done) override {
    const std::uint64_t number = ++requests_;
    pending_.push_back({number, now_ + 1 + rng_.unit() / 2, request, std::move(done)});
    in_flight_max_ = std::max(in_flight_max_.load(), static_cast<std::uint32_t>(pending_.size()));
    executor_.post([this] { answer_one(); });
  }
  void cancel_all() override {
    for (Pending& call : std::exchange(pending_, {}))
      executor_.post([done = std::move(call.done)]() mutable {
        done(fail(ErrorCode::canceled, "the request was cancelled"));
      });
  }

  void head(const std::string&, store::Done<store::ObjectInfo> done) override { refuse(done); }
  store::CallId get(const store::GetRequest&, store::BodySink&, store::Done<void> done) override {
    refuse(done);
    return {1};
  }
  void cancel(store::CallId) override {}  // a GET is refused at once
  void put(const store::PutRequest&, store::Done<store::PutResult> done) override { refuse(done); }
  void create_upload(const std::string&, const std::string&,
                     store::Done<store::UploadId> done) override {
    refuse(done);
  }
  void upload_part(const store::UploadId&, std::uint32_t, ByteSpan, const store::BodyChecks&,
                   store::Done<store::UploadedPart> done) override {
    refuse(done);
  }
  void complete_upload(const store::CompleteRequest&, store::Done<store::PutResult> done) override {
    refuse(done);
  }
  void abort_upload(const store::UploadId&, store::Done<void> done) override { refuse(done); }
  void list_uploads(const store::ListUploadsRequest&,
                    store::Done<store::UploadsPage> done) override {
    refuse(done);
  }
  void append(const std::string&, std::uint64_t, ByteSpan, const store::BodyChecks&,
              store::Done<store::AppendResult> done) override {
    refuse(done);
  }
  void remove(const std::string&, store::Done<void> done) override { refuse(done); }
  void copy(const std::string&, const std::string&, store::Done<store::PutResult> done) override {
    refuse(done);
  }

 private:
  struct Pending {
    std::uint64_t number;
    double due;
    store::ListRequest request;
    store::Done<store::ListPage> done;
  };

  template <typename T>
  void refuse(store::Done<T>& done) {
    executor_.post([done = std::move(done)]() mutable {
      done(fail(ErrorCode::unsupported, "an invented store only lists"));
    });
  }

  void answer_one() {
    if (pending_.empty()) return;  // cancelled
    const auto first = std::min_element(pending_.begin(), pending_.end(),
                                        [](const auto& a, const auto& b) { return a.due < b.due; });
    Pending call = std::move(*first);
    pending_.erase(first);
    now_ = call.due;
    if (options_.on_request) options_.on_request(call.number);
    if (call.number == options_.fail_request) {
      call.done(fail(ErrorCode::unavailable, "list bucket: the service is not well"));
    } else {
      call.done(page_of(call));
    }
  }

  // First index whose key is greater than `key`.
  std::uint64_t behind(const std::string& key) const {
    std::uint64_t low = 0;
    std::uint64_t high = count_;
    while (low < high) {
      const std::uint64_t middle = (low + high) / 2;
      if (key_of_(middle) <= key) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  store::ListPage page_of(const Pending& call) const {
    const store::ListRequest& request = call.request;
    std::uint64_t at =
        request.token.empty() ? behind(request.start_after) : std::stoull(request.token.substr(1));
    if (request.token.empty()) at = std::max(at, first_of(request.prefix));
    store::ListPage page;
    const bool empty =
        options_.empty_page_every > 0 && call.number % options_.empty_page_every == 0;
    std::uint32_t room = empty ? 0 : request.keys_max;
    for (; at < count_; --room) {
      std::string key = key_of_(at);
      if (!key.starts_with(request.prefix)) return page;
      if (room == 0) {
        page.next_token = "t" + std::to_string(at);
        return page;
      }
      const std::size_t slash =
          request.by_directory ? key.find('/', request.prefix.size()) : std::string::npos;
      if (slash != std::string::npos) {
        page.common_prefixes.push_back(key.substr(0, slash + 1));
        at = behind(key.substr(0, slash + 1) + "\xff\xff\xff\xff");
        continue;
      }
      store::ObjectInfo& object = page.objects.emplace_back();
      object.key = std::move(key);
      object.mtime = 1700000000;
      object.etag = "0123456789abcdef0123456789abcdef";
      decorate(object);
      ++at;
    }
    return page;
  }
  std::uint64_t first_of(const std::string& prefix) const {
    if (prefix.empty()) return 0;
    std::uint64_t at = behind(prefix);
    return at > 0 && key_of_(at - 1) == prefix ? at - 1 : at;
  }

  const std::string name_ = "s3://bucket";
  const KeyOf key_of_;
  const std::uint64_t count_;
  Executor& executor_;
  const Options options_;
  Rng rng_;
  std::vector<Pending> pending_;
  std::atomic<double> now_ = 0;
  std::atomic<std::uint64_t> requests_ = 0;
  std::atomic<std::uint32_t> in_flight_max_ = 0;
};

// The formula of a sorted list.
inline InventedStore::KeyOf keys_of(const std::vector<std::string>& sorted) {
  return [&sorted](std::uint64_t i) { return sorted[i]; };
}

}  // namespace shoal::index
