// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "index/journal.h"
#include "index/sorted_run.h"

namespace shoal::index {

// Sorts, writes and ingests runs into staging on a thread of its own, then advances the journal.
// One run is being written while the next fills; a third has to wait, which bounds memory to two
// runs.
//
// Thread model: confined to one caller; the thread behind it is its own.
class RunWriter {
 public:
  struct Run {
    SortedRun keys;
    format::GenerationRecord building;
    ListingRanges ranges;  // positions that are true once `keys` are stored
  };
  RunWriter(Database& database, std::filesystem::path directory);
  ~RunWriter();  // finishes what was accepted

  // False when the writer is still busy after `wait`; `run` is untouched then. Fails with the
  // failure of an earlier run.
  [[nodiscard]] Result<bool> submit(Run& run, Duration wait);
  // Waits until everything accepted is durable.
  [[nodiscard]] Result<void> drain();

 private:
  void work();
  [[nodiscard]] Result<void> write(Run& run);

  Database& database_;
  Journal journal_;
  const std::filesystem::path directory_;
  std::uint64_t runs_ = 0;  // of the thread

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Run> run_;  // guarded by mutex_: set by submit(), taken when written
  Result<void> outcome_;    // guarded by mutex_: the first failure
  bool closing_ = false;    // guarded by mutex_
  std::thread thread_;
};

}  // namespace shoal::index
