// SPDX-License-Identifier: Apache-2.0
#include "control/jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "control/limits.h"

namespace shoal::control {

struct Jobs::Job {
  Job(std::string job_id, Volume& volume, WarmSpec spec, const Clock& clock)
      : id(std::move(job_id)),
        action(spec.action),
        run(volume, std::move(spec), clock),
        asked_at(clock.now()) {}
  const std::string id;
  const WarmSpec::Action action;
  WarmRun run;
  TimePoint asked_at;  // guarded by Jobs::mutex_
};

Jobs::Jobs(Volume& volume, const Clock& clock)
    : volume_(volume), clock_(clock), prefix_(fmt::format("{:08x}", std::random_device()())) {
  for (std::size_t i = 0; i < limits::kJobsRunning; ++i) threads_.emplace_back([this] { work(); });
  threads_.emplace_back([this] { watch(); });
}

Jobs::~Jobs() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& job : jobs_) job->run.abandon();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Result<JobReport> Jobs::start(WarmSpec spec) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= limits::kJobsWaiting)
    return fail(ErrorCode::limit, fmt::format("{} commands are waiting already", waiting_.size()),
                "Wait for them to end, or cancel some: GET /jobs lists them, DELETE /jobs/ID "
                "cancels one.");
  auto job = std::make_shared<Job>(fmt::format("{}-{}", prefix_, ++started_), volume_,
                                   std::move(spec), clock_);
  jobs_.push_back(job);
  waiting_.push_back(job);
  forget_old_locked();
  changed_.notify_all();
  return report_of(*job);
}

std::shared_ptr<Jobs::Job> Jobs::find(std::string_view id) {
  const std::lock_guard lock(mutex_);
  for (const auto& job : jobs_) {
    if (job->id != id) continue;
    job->asked_at = clock_.now();
    return job;
  }
  return nullptr;
}

Result<JobReport> Jobs::ask(std::string_view id) {
  const auto job = find(id);
  if (job == nullptr)
    return fail(ErrorCode::not_found, fmt::format("no job \"{}\"", id.substr(0, 100)),
                "It may have died with an earlier server, or ended long ago: send the command "
                "again; what was fetched is kept.");
  return report_of(*job);
}

Result<JobReport> Jobs::cancel(std::string_view id) {
  SHOAL_TRY([[maybe_unused]] const auto asked, ask(id));
  const auto job = find(id);
  if (job != nullptr) job->run.cancel();
  return ask(id);
}

std::vector<JobReport> Jobs::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<JobReport> reports;
  for (const auto& job : jobs_) reports.push_back(report_of(*job));
  return reports;
}

void Jobs::check_leases(TimePoint now) {
  const std::lock_guard lock(mutex_);
  for (const auto& job : jobs_)
    if (now - job->asked_at > limits::kJobLease) job->run.cancel();
  // A canceled one that had not begun takes no place any longer.
  std::erase_if(waiting_, [](const auto& job) { return job->run.progress().is_over(); });
}

void Jobs::forget_old_locked() {
  std::size_t over = 0;
  for (const auto& job : jobs_) over += job->run.progress().is_over() ? 1 : 0;
  for (auto job = jobs_.begin(); job != jobs_.end() && over > limits::kJobsKept;) {
    const bool is_over = (*job)->run.progress().is_over();
    job = is_over ? jobs_.erase(job) : std::next(job);
    over -= is_over ? 1 : 0;
  }
}

JobReport Jobs::report_of(const Job& job) {
  return {job.id, job.action, job.run.progress()};
}

void Jobs::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    const auto job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    job->run.run();
    lock.lock();
    forget_old_locked();
  }
}

void Jobs::watch() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    // While there is nothing to watch it sleeps.
    changed_.wait(lock, [&] {
      return stopping_ || std::any_of(jobs_.begin(), jobs_.end(), [](const auto& job) {
               return !job->run.progress().is_over();
             });
    });
    changed_.wait_for(lock, limits::kLeaseCheckEvery, [&] { return stopping_; });
    if (stopping_) return;
    lock.unlock();
    check_leases(clock_.now());
    lock.lock();
  }
}

}  // namespace shoal::control
