// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.h"
#include "store/credentials.h"
#include "store/object_store.h"
#include "store/open.h"

namespace shoal::store {

// One implementation of ObjectStore, ready to be tried: the store, what drives it, and in what it
// is allowed to differ.
class Bench {
 public:
  virtual ~Bench() = default;
  [[nodiscard]] virtual ObjectStore& store() = 0;
  [[nodiscard]] virtual LoopExecutor& executor() = 0;
  virtual void run_until(const std::function<bool()>& done) = 0;
  // A store for a bucket that does not exist.
  [[nodiscard]] virtual std::unique_ptr<ObjectStore> missing_bucket() = 0;

  bool can_append = true;
  bool can_write_if_match = true;
  bool has_crc64 = true;
  // Keys that are no paths: empty components, '.' and '..', a trailing slash.
  bool can_hold_any_key = true;
  std::size_t part_bytes_min = 0;
  // Completing an aborted upload is not_found; Ceph 16 says InternalError instead.
  bool names_gone_uploads = true;
  // Ceph 16 ignores the condition when parts are completed.
  bool keeps_conditions_of_completions = true;
  // Ceph 16 encodes the keys of open uploads as asked and does not say so.
  bool says_how_upload_keys_are_encoded = true;
};

// Remote implementations only: the same server with other credentials or another clock.
struct RemoteOptions {
  Scheme scheme = Scheme::s3;
  StoreConfig config;
  std::string bucket;
  std::optional<Credentials> credentials;
  bool over_curl = false;  // plain http by libcurl too, not by the ring transport
  // Looks the credentials up again; null: they are what they are.
  std::function<Result<std::optional<Credentials>>()> renew = nullptr;
};

struct Implementation {
  std::string name;
  // Null, with the reason in `why`, when it cannot be tried here.
  std::function<std::unique_ptr<Bench>(std::string& why)> make;
};
void PrintTo(const Implementation& implementation, std::ostream* out);

[[nodiscard]] std::vector<Implementation> all_implementations();
// A bench on a server; for the tests of what only servers do.
[[nodiscard]] std::unique_ptr<Bench> make_remote_bench(const RemoteOptions& options);
// How to reach the dev bucket (started when first asked for); nothing, with `why`, when it is not
// there.
[[nodiscard]] std::optional<RemoteOptions> dev_bucket_options(Scheme scheme,
                                                              SignatureVersion version,
                                                              std::string& why);

// Runs one asynchronous call to its end. A call that never ends is a failure of the test.
template <typename T>
Result<T> await(Bench& bench, const std::function<void(Done<T>)>& start) {
  std::optional<Result<T>> outcome;
  bool inside = true;
  start([&](Result<T> result) {
    EXPECT_FALSE(inside) << "done ran inside the call";
    EXPECT_FALSE(outcome.has_value()) << "done ran twice";
    outcome = std::move(result);
  });
  inside = false;
  bench.run_until([&] { return outcome.has_value(); });
  if (!outcome) return fail(ErrorCode::bug, "the call never ended");
  return std::move(*outcome);
}

class StringSink final : public BodySink {
 public:
  Result<void> on_bytes(ByteSpan bytes) override {
    text += as_text(bytes);
    return {};
  }
  std::string text;
};

}  // namespace shoal::store
