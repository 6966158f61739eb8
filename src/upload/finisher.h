// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "base/executor.h"
#include "upload/backlog.h"
#include "upload/counters.h"
#include "upload/job.h"
#include "upload/journal.h"
#include "upload/spool.h"

namespace shoal::upload {

// Gives jobs their outcome: off the journal, bodies off the disk, events, promises. Those that end
// while a write to the journal is under way share the next one.
//
// Thread model: end() from any thread; the rest on `workers`. Outlives the workers' tasks.
class Finisher {
 public:
  struct Parts {
    Executor& workers;
    Journal& journal;
    const Spool& spool;
    Backlog& backlog;
    Counters& counters;
    bool remember_sent = false;
    std::function<void(const UploadEvent&)> on_event;
  };
  explicit Finisher(Parts parts) : parts_(std::move(parts)) {}

  struct Ended {
    JobPtr job;
    Result<Uploaded> result;
    std::optional<format::IdentityRecord> identity{};
    bool had_parts = false;  // in the journal
  };
  void end(Ended ended);
  // Also for events that are no ends. One at a time, whoever calls.
  void tell(const Job& job, UploadEvent::Kind kind, const Error* error, const Uploaded* result);

 private:
  void work();
  void finish(Ended& ended);

  Parts parts_;
  std::mutex mutex_;
  std::vector<Ended> waiting_;  // guarded by mutex_
  bool is_posted_ = false;      // guarded by mutex_
  // Of jobs that ended while the journal could not be written; guarded by mutex_.
  std::vector<Journal::Ending> unwritten_;
  std::vector<std::uint64_t> unwritten_bodies_;
  std::mutex event_mutex_;  // held while on_event runs
};

}  // namespace shoal::upload
