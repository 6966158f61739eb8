// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/executor.h"
#include "base/rng.h"
#include "upload/attempt.h"
#include "upload/finisher.h"

namespace shoal::upload {

// Runs the backlog's jobs, some at a time, each attempt by attempt until it has an outcome or has
// failed for too long. The only place that decides what a failure means for a job:
//
//   precondition, bad_input, unsupported, a file that is gone   final: refused
//   everything else                                             passing: tried again, then waiting
//
// confined to the executor, but for wake().
class Dispatcher {
 public:
  struct Options {
    std::uint32_t jobs_running_max = 64;
    std::chrono::seconds retry_for{};  // zero: for ever
    std::uint64_t jitter_seed = 0;
    bool is_paused = false;
  };
  Dispatcher(const AttemptParts& parts, Finisher& finisher, const Options& options)
      : parts_(parts), finisher_(finisher), options_(options), rng_(options.jitter_seed) {}

  // There may be something to run. synchronized.
  void wake();
  // Nothing of the backlog runs before.
  void start();
  void resume();
  // Takes a job back that nobody else runs.
  void discard(const JobPtr& job) { run(job); }
  // Nothing is run from here on; outcomes that still come are dropped.
  void close() { is_closed_ = true; }

 private:
  void pump();
  void run(const JobPtr& job);
  void on_outcome(const JobPtr& job, Outcome outcome);
  void on_changed(const JobPtr& job, const Outcome& outcome);
  void on_failed(const JobPtr& job, const Error& error);
  [[nodiscard]] bool is_over(TimePoint since) const;
  [[nodiscard]] bool note_outage(const JobPtr& job);
  void give_up_queued(const Error& error);
  void leave_waiting(const JobPtr& job, const Error& error);
  void refuse(const JobPtr& job, Error error);
  void again_after(const JobPtr& job, Duration delay);
  void end(const JobPtr& job, Result<Uploaded> result,
           std::optional<format::IdentityRecord> identity);
  [[nodiscard]] Duration backoff(int tries);

  const AttemptParts& parts_;
  Finisher& finisher_;
  const Options options_;
  Rng rng_;
  bool is_paused_ = options_.is_paused;
  bool is_started_ = false;
  bool is_closed_ = false;
  std::uint32_t running_ = 0;  // taken from the backlog and not given back
  // Since when tries have failed and nothing was confirmed.
  std::optional<TimePoint> outage_since_;
  std::atomic<bool> is_woken_{false};
};

}  // namespace shoal::upload
