// SPDX-License-Identifier: Apache-2.0
#include "upload/dispatcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "upload/discard_attempt.h"

namespace shoal::upload {
namespace {

using namespace std::chrono_literals;

constexpr Duration kChangedDelayMin = 50ms;
constexpr Duration kChangedDelayMax = 5s;
constexpr Duration kBackoffMin = 100ms;
constexpr Duration kBackoffMax = 30s;

// A file that is gone, that is; a missing bucket may come back, and accepted work must not go. A
// file of the journal's own is there as long as the journal names it, unless somebody deletes it.
bool is_file_gone(const Error& error, const Job& job, const Spool& spool) {
  using Body = format::UploadJobRecord::Body;
  if (error.code() != ErrorCode::not_found) return false;
  if (job.record.body == Body::file)
    return !sys::identity_of(std::filesystem::path(job.record.file));
  return job.record.body == Body::spooled && !sys::identity_of(spool.path(job.id));
}

bool is_final(const Error& error, const Job& job, const Spool& spool) {
  switch (error.code()) {
    case ErrorCode::precondition:
    case ErrorCode::bad_input:
    case ErrorCode::unsupported:
      return error.retry() != Retry::yes;
    default:
      return is_file_gone(error, job, spool);
  }
}

std::unexpected<Error> canceled(const Job& job) {
  return fail(ErrorCode::canceled, "upload of " + job.record.key + ": given up by the caller");
}

}  // namespace

void Dispatcher::wake() {
  if (is_woken_.exchange(true)) return;
  parts_.executor.post([this] { pump(); });
}

void Dispatcher::start() {
  is_started_ = true;
  wake();
}

void Dispatcher::resume() {
  is_paused_ = false;
  wake();
}

void Dispatcher::pump() {
  is_woken_ = false;
  while (is_started_ && !is_paused_ && !is_closed_ && running_ < options_.jobs_running_max) {
    const JobPtr job = parts_.backlog.take();
    if (!job) return;
    run(job);
  }
}

void Dispatcher::run(const JobPtr& job) {
  ++running_;
  job->began_at = parts_.executor.clock().now();
  make_attempt(parts_, job, [this, job](Outcome outcome) {
    --running_;
    if (!is_closed_) on_outcome(job, std::move(outcome));
    wake();
  })->start();
}

void Dispatcher::on_outcome(const JobPtr& job, Outcome outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::sent:
      return end(job, std::move(outcome.uploaded), std::move(outcome.identity));
    case Outcome::Kind::changed:
    case Outcome::Kind::sent_old:
      return on_changed(job, outcome);
    case Outcome::Kind::discarded:
      return run(job);  // as an attempt that takes it back
    case Outcome::Kind::taken_back:
      return end(job, canceled(*job), {});
    case Outcome::Kind::failed:
      return on_failed(job, *outcome.error);
  }
}

void Dispatcher::on_changed(const JobPtr& job, const Outcome& outcome) {
  const TimePoint now = parts_.executor.clock().now();
  parts_.counters.changed_files += 1;
  if (job->changes++ == 0) job->changing_since = now;
  // The multipart upload of the old state is over, one way or the other.
  job->multipart.reset();
  job->parts.clear();
  job->bytes_sent = 0;
  parts_.backlog.open_to_joins(job);
  if (options_.retry_for > 0s && now - job->changing_since >= options_.retry_for) {
    const char* state = outcome.kind == Outcome::Kind::sent_old
                            ? "the bucket has a whole earlier state of it"
                            : "nothing whole could be read of it";
    const Error error(ErrorCode::unavailable,
                      fmt::format("put {}: {} has not stopped changing ({} times); {}",
                                  job->record.key, job->record.file, job->changes, state),
                      "Send it when its writer has finished, or use `shoal watch --settle`.");
    job->changes = 0;
    return leave_waiting(job, error);
  }
  finisher_.tell(*job, UploadEvent::Kind::changed, nullptr, nullptr);
  const Duration longest = kChangedDelayMin * (1 << std::min(job->changes, 10));
  again_after(job, job->changes == 1 ? Duration::zero() : std::min(kChangedDelayMax, longest));
}

void Dispatcher::on_failed(const JobPtr& job, const Error& error) {
  if (error.code() == ErrorCode::canceled) return;  // the store is going; the journal keeps the job
  if (job->is_discarded) return run(job);           // as an attempt that takes it back
  if (is_final(error, *job, parts_.spool)) return refuse(job, error);
  if (job->tries++ == 0) job->failing_since = std::max(job->began_at, job->confirmed_at);
  if (error.retry() == Retry::unknown_effect) job->may_be_there = true;
  const bool is_outage = note_outage(job);
  if (is_outage || is_over(job->failing_since)) leave_waiting(job, error);
  if (is_outage) return give_up_queued(error);
  if (job->tries == 0) return;  // left
  parts_.counters.retries += 1;
  finisher_.tell(*job, UploadEvent::Kind::delayed, &error, nullptr);
  again_after(job, std::max<Duration>(backoff(job->tries), error.retry_after()));
}

bool Dispatcher::is_over(TimePoint since) const {
  return options_.retry_for > 0s && parts_.executor.clock().now() - since >= options_.retry_for;
}

// Whether nothing has been confirmed, of any job, for as long as is tried again. One clock for all:
// thousands of jobs that each had their own would take hours to notice a dead service.
bool Dispatcher::note_outage(const JobPtr& job) {
  if (!outage_since_ || parts_.confirmed_at > *outage_since_)
    outage_since_ = std::max(job->began_at, parts_.confirmed_at);
  return is_over(*outage_since_);
}

void Dispatcher::give_up_queued(const Error& error) {
  while (const JobPtr job = parts_.backlog.take()) leave_waiting(job, error);
  if (running_ == 0) outage_since_.reset();  // what comes later has all of its time
}

void Dispatcher::leave_waiting(const JobPtr& job, const Error& error) {
  job->tries = 0;
  finisher_.tell(*job, UploadEvent::Kind::waiting, &error, nullptr);
  if (!parts_.backlog.set_waiting(job, error)) run(job);
}

// What the service has of it must go too.
void Dispatcher::refuse(const JobPtr& job, Error error) {
  if (!job->multipart) return end(job, fail(std::move(error)), {});
  ++running_;
  std::make_shared<DiscardAttempt>(parts_, job,
                                   [this, job, error = std::move(error)](Outcome) mutable {
                                     --running_;
                                     if (!is_closed_) end(job, fail(std::move(error)), {});
                                     wake();
                                   })
      ->start();
}

void Dispatcher::again_after(const JobPtr& job, Duration delay) {
  ++running_;  // it keeps its place meanwhile
  parts_.executor.after(delay, [this, job] {
    --running_;
    if (!is_closed_) run(job);
  });
}

Duration Dispatcher::backoff(int tries) {
  const Duration longest =
      std::min<Duration>(kBackoffMax, kBackoffMin * (1 << std::min(tries, 12)));
  return std::chrono::duration_cast<Duration>(longest * (0.5 + rng_.unit() / 2));
}

void Dispatcher::end(const JobPtr& job, Result<Uploaded> result,
                     std::optional<format::IdentityRecord> identity) {
  job->changes = 0;
  finisher_.end({.job = job,
                 .result = std::move(result),
                 .identity = std::move(identity),
                 .had_parts = job->has_had_parts});
}

}  // namespace shoal::upload
