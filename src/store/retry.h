// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/executor.h"
#include "base/limits.h"
#include "store/counters.h"
#include "store/object_store.h"

namespace shoal::store {

class Governor;

struct RetryPolicy {
  int attempts_max = limits::kRetryAttemptsMax;
  Duration delay_min = limits::kRetryDelayMin;
  Duration delay_max = limits::kRetryDelayMax;
  // From the call to its end for a GET, which may name its own; for the others to the last try that
  // may still start.
  Duration deadline = limits::kIoTimeoutDefault;
  std::uint64_t jitter_seed = 0;
};

// A try that failed, whatever comes next. Lives during the call that tells of it.
struct FailedTry {
  const std::string& what;  // "get s3://bucket/key"
  const Error& error;
  int tries = 1;
  std::optional<Duration> next_try{};  // after this; nothing: the call has failed
};
using FailureObserver = std::function<void(const FailedTry&)>;

// Who hears of retries; everything may be null. Called on the store's executor.
struct RetryAudience {
  StoreCounters* counters = nullptr;
  FailureObserver on_failed_try{};
};

// The only place that acts on Error::retry() and on Governor. Between two tries it waits what the
// service asked for plus a random time below delay_min * 2^n (full jitter). Calls wait for the
// governor in the order they came. A call that may have taken effect is repeated only if doing it
// twice is as good as once; that is not so for append, complete_upload, create_upload and a put
// with a condition. A GET goes on behind the bytes it has delivered, but only with an If-Match:
// without one the rest could be of another version. Nothing waits past the deadline: a call whose
// next try could only start behind it ends at once with the last failure. confined to `executor`.
// `governor` may be null.
[[nodiscard]] std::unique_ptr<ObjectStore> make_retry_store(std::unique_ptr<ObjectStore> inner,
                                                            LoopExecutor& executor,
                                                            Governor* governor,
                                                            const RetryPolicy& policy,
                                                            RetryAudience audience = {});

}  // namespace shoal::store
