// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "shoal/uploader.h"
#include "upload/sync.h"

namespace shoal::upload {

struct SyncProgress {
  SyncCounts counts{};  // of the plan so far
  bool is_planned = false;
  std::uint64_t sent = 0, sent_bytes = 0;
  std::uint64_t removed = 0;
  std::uint64_t failed = 0;   // files and removals, each told by on_failure
  std::uint64_t waiting = 0;  // accepted, without outcome
  std::uint64_t wire_bytes = 0;
};

struct SyncObserver {
  std::function<void(const SyncStep&)> on_step{};
  std::function<void(const std::string& key, const Error&)> on_failure{};
  // After each batch, and some times a second while there is nothing to do but wait.
  std::function<void(const SyncProgress&)> on_progress{};
};

// Carries a plan out: gives what is to be sent to an uploader in batches while the plan goes on,
// and waits for the outcomes. confined.
class SyncRun {
 public:
  // All are borrowed.
  SyncRun(const SyncOptions& options, const ListPages& list, Uploader& uploader,
          const SyncObserver& observer)
      : options_(options), list_(list), uploader_(uploader), observer_(observer) {}

  // Ends when everything has its outcome. Fails when the plan does, when the journal takes no more,
  // or with canceled; progress() says how far it came, and what was accepted stays in the journal.
  [[nodiscard]] Result<void> run();
  [[nodiscard]] const SyncProgress& progress() const { return progress_; }

 private:
  struct Accepted {
    std::string key;
    bool is_removal = false;
    Upload upload;
  };

  Result<void> take(const SyncStep& step);
  Result<void> submit();
  Result<void> submit_one(const FileToPut& file);
  Result<void> remove(const std::string& key);
  void harvest();
  void settle(const Accepted& work);
  Result<void> wait_for_all();
  Result<void> wait_for_recovered();
  Result<void> go_on() const;
  void failed(const std::string& key, const Error& error);
  void show();

  const SyncOptions& options_;
  const ListPages& list_;
  Uploader& uploader_;
  const SyncObserver& observer_;
  SyncProgress progress_;
  std::vector<FileToPut> batch_;
  std::deque<Accepted> accepted_;  // without a known outcome, in the order of acceptance
};

}  // namespace shoal::upload
