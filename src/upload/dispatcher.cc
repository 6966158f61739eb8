// SPDX-License-Identifier: Apache-2.0
#include "upload/dispatcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "upload/discard_attempt.h"

namespace shoal::upload {
namespace {

using namespace std::chrono_literals;

// A file that was another one after each of so many sends is somebody's running log: the last
// state that was whole counts as sent.
constexpr int kSendsMax = 4;
constexpr Duration kChangedDelay = 100ms;
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
      return on_changed(job, std::move(outcome));
    case Outcome::Kind::discarded:
      return run(job);  // as an attempt that takes it back
    case Outcome::Kind::taken_back:
      return end(job, canceled(*job), {});
    case Outcome::Kind::failed:
      return on_failed(job, std::move(*outcome.error));
  }
}

void Dispatcher::on_changed(const JobPtr& job, Outcome outcome) {
  parts_.counters.changed_files += 1;
  finisher_.tell(*job, UploadEvent::Kind::changed, nullptr, nullptr);
  ++job->changes;
  if (outcome.kind == Outcome::Kind::sent_old && job->changes >= kSendsMax)
    return end(job, std::move(outcome.uploaded), std::move(outcome.identity));
  if (outcome.kind == Outcome::Kind::changed && job->changes >= kSendsMax) {
    job->changes = 0;
    return on_failed(
        job, Error(ErrorCode::unavailable,
                   fmt::format("put {}: {} changed {} times while it was read", job->record.key,
                               job->record.file, kSendsMax),
                   "Send it when its writer has finished, or use `shoal watch --settle`."));
  }
  // The multipart upload of the old state is over, one way or the other.
  job->multipart.reset();
  job->parts.clear();
  job->bytes_sent = 0;
  parts_.backlog.open_to_joins(job);
  again_after(job, job->changes == 1 ? Duration::zero() : kChangedDelay);
}

void Dispatcher::on_failed(const JobPtr& job, Error error) {
  if (error.code() == ErrorCode::canceled) return;  // the store is going; the journal keeps the job
  if (job->is_discarded) return run(job);           // as an attempt that takes it back
  if (is_final(error, *job, parts_.spool)) return refuse(job, std::move(error));
  const TimePoint now = parts_.executor.clock().now();
  if (job->tries++ == 0) job->failing_since = now;
  if (error.retry() == Retry::unknown_effect) job->may_be_there = true;
  if (options_.retry_for > 0s && now - job->failing_since >= options_.retry_for) {
    job->tries = 0;
    finisher_.tell(*job, UploadEvent::Kind::waiting, &error, nullptr);
    if (!parts_.backlog.set_waiting(job, error)) run(job);
    return;
  }
  parts_.counters.retries += 1;
  finisher_.tell(*job, UploadEvent::Kind::delayed, &error, nullptr);
  again_after(job, std::max<Duration>(backoff(job->tries), error.retry_after()));
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
