// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "control/limits.h"
#include "control/path_pattern.h"
#include "shoal/volume.h"

namespace shoal::control {

// What to do with files named by paths or patterns.
struct WarmSpec {
  enum class Action : std::uint8_t {
    warm,   // bring into the cache
    check,  // say what is in the cache, and what warming would cost; asks the bucket for nothing
    unpin,  // let them be evicted again
  };
  Action action = Action::warm;
  std::vector<PathPattern> paths;
  bool pin = false;    // warm only
  bool force = false;  // warm although it is more than the cache holds
  std::uint32_t parallel = limits::kParallelDefault;
  std::chrono::seconds timeout = limits::kTimeoutDefault;  // of one file, or a piece of a large one
};
[[nodiscard]] std::string_view name_of(WarmSpec::Action action) noexcept;

// How far it is. Files that fail are done, too.
struct WarmProgress {
  enum class State : std::uint8_t { waiting, counting, running, done, failed, canceled };
  State state = State::waiting;
  std::uint64_t files = 0;  // that are named; grow while counting
  std::uint64_t bytes = 0;
  std::uint64_t files_done = 0;
  std::uint64_t bytes_done = 0;
  std::uint64_t files_present = 0;  // of those done, complete in the cache before
  std::uint64_t bytes_present = 0;
  std::uint64_t bytes_fetched = 0;
  std::uint64_t requests = 0;  // check: what warming would cost
  std::uint64_t files_failed = 0;
  std::uint64_t unmatched = 0;               // paths and patterns that name nothing
  std::vector<std::string> failures;         // the first few, "path: why"
  std::vector<std::string> absent;           // check: the first few files not complete in the cache
  std::vector<std::string> unmatched_names;  // the first few
  double elapsed_seconds = 0;
  std::optional<Error> error;  // state failed: why nothing more is done

  [[nodiscard]] bool is_over() const noexcept { return state >= State::done; }
};
[[nodiscard]] std::string_view name_of(WarmProgress::State state) noexcept;

// One run over the files of a spec, the same in a server and in a command without one. It goes
// through the index twice, to count and to act, and holds no list of files: memory is bounded by
// what is in flight.
//
// Thread model: synchronized.
class WarmRun {
 public:
  // `volume` must outlive the run, and every warm() it has started.
  WarmRun(Volume& volume, WarmSpec spec, const Clock& clock);

  // Blocks until everything is done, or failed, or canceled. Call once.
  void run();
  // Starts nothing any more; run() ends when what is in flight has ended.
  void cancel();
  // As cancel(), and run() does not wait: for a volume about to be closed.
  void abandon();
  [[nodiscard]] WarmProgress progress() const;
  // Waits until it is over, at most `patience`.
  [[nodiscard]] bool wait_over(Duration patience) const;

 private:
  struct Shared;  // with completions that may come after abandon()
  struct FileTask;

  Result<void> count();
  Result<void> refuse_too_much();
  Result<void> act();
  bool start_file(std::string_view path, const DirectoryEntry& entry);
  bool start_piece(const std::shared_ptr<FileTask>& file, std::uint64_t offset,
                   std::uint64_t bytes);
  void unpin_file(std::string_view path, const DirectoryEntry& entry);
  void end(Result<void> result);

  Volume& volume_;
  WarmSpec spec_;
  const Clock& clock_;
  std::shared_ptr<Shared> shared_;
  std::uint64_t space_bytes_ = 0;  // what the files take in the cache
};

}  // namespace shoal::control
