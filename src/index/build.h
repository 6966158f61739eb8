// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/executor.h"
#include "base/result.h"
#include "format/records.h"
#include "index/index.h"
#include "store/object_store.h"

// Builds a volume's index: lists the dataset in parallel into sorted runs (staging), then lays it
// out in one pass in walk order (objects, chunks, special).

namespace shoal::index {

struct BuildProgress {
  enum class Phase { listing, layout, done };
  Phase phase = Phase::listing;
  std::uint64_t keys = 0;          // listed so far, including those of an earlier, interrupted run
  std::uint64_t keys_resumed = 0;  // of these, from the earlier run
  std::uint64_t bytes = 0;
  std::uint64_t list_requests = 0;
  std::uint32_t active_ranges = 0;
  double fraction = 0;  // estimate in [0, 1] of the current phase
  std::chrono::duration<double> elapsed{};
};

struct BuildOptions {
  std::uint32_t list_requests_in_flight = 16;
  // Called about five times a second and at the end, on the calling thread.
  std::function<void(const BuildProgress&)> on_progress{};
  // Set by a signal handler: the build stops at the next page, keeps what it has, and returns
  // canceled.
  const std::atomic<bool>* stop = nullptr;
  const Clock* clock = &system_clock();
};

// `store` runs on `executor`, another thread than the caller's; this call blocks until the build is
// done. `dataset` is stored first; when the index already holds another dataset (other url or
// endpoint) the build fails with precondition and changes nothing. Goes on where an interrupted
// build stopped. A finished index is listed anew from the beginning. `prefix` is the key prefix of
// the dataset. An empty dataset is not_found: "no object under ...".
[[nodiscard]] Result<format::GenerationRecord> build(Index& index,
                                                     const format::DatasetRecord& dataset,
                                                     std::string_view prefix,
                                                     store::ObjectStore& store, Executor& executor,
                                                     const BuildOptions& options);

}  // namespace shoal::index
