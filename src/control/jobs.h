// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "control/commands.h"
#include "control/warm_run.h"

namespace shoal::control {

// Runs of a server, each with an id that no other server has used: a client can tell a run that
// died with its server from one that ended. A few run at the same time, some wait, the last ones
// that ended are remembered. Who started one must keep asking for it: nobody asks, nobody waits,
// and it is canceled.
//
// Thread model: synchronized. Threads of its own.
class Jobs {
 public:
  Jobs(Volume& volume, const Clock& clock);
  ~Jobs();  // gives up what runs
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  // Fails with limit when too many wait already.
  [[nodiscard]] Result<JobReport> start(WarmSpec spec);
  // Renews the lease. Fails with not_found.
  [[nodiscard]] Result<JobReport> ask(std::string_view id);
  [[nodiscard]] Result<JobReport> cancel(std::string_view id);
  // Oldest first; renews nothing.
  [[nodiscard]] std::vector<JobReport> list() const;
  // Cancels those not asked for during limits::kJobLease before `now`; called every second.
  void check_leases(TimePoint now);

 private:
  struct Job;
  [[nodiscard]] std::shared_ptr<Job> find(std::string_view id);
  void work();
  void watch();
  void forget_old_locked();
  static JobReport report_of(const Job& job);

  Volume& volume_;
  const Clock& clock_;
  const std::string prefix_;  // of ids

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_. Jobs are shared with the thread that runs them, which may end last.
  bool stopping_ = false;
  std::uint64_t started_ = 0;
  std::deque<std::shared_ptr<Job>> jobs_;     // oldest first
  std::deque<std::shared_ptr<Job>> waiting_;  // of these, not begun

  std::vector<std::thread> threads_;  // after everything they use
};

}  // namespace shoal::control
