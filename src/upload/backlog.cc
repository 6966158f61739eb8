// SPDX-License-Identifier: Apache-2.0
#include "upload/backlog.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/bytes.h"

namespace shoal::upload {

using format::UploadJobRecord;

namespace {

// Longer ones mean for ever, and their end could not be counted in nanoseconds.
constexpr std::chrono::milliseconds kTimeoutMax = std::chrono::years(10);

}  // namespace

std::uint64_t Backlog::journal_bytes(const Job& job) {
  return job.record.body == UploadJobRecord::Body::file ? 0 : job.record.size;
}

// ---- accepting

bool Backlog::has_room_locked(std::uint64_t jobs, std::uint64_t bytes) const {
  return jobs_reserved_ + jobs <= limits_.pending_max &&
         bytes_reserved_ + bytes <= limits_.journal_bytes_max;
}

Result<void> Backlog::reserve(std::uint64_t jobs, std::uint64_t bytes) {
  if (jobs > limits_.pending_max || bytes > limits_.journal_bytes_max)
    return fail(ErrorCode::limit,
                fmt::format("accept {} uploads with {}: the journal may hold {} with {}", jobs,
                            human_bytes(bytes), limits_.pending_max,
                            human_bytes(limits_.journal_bytes_max)),
                "Raise pending_max or journal_bytes_max, or send files from where they are.");
  std::unique_lock lock(mutex_);
  const bool in_time = changed_.wait_for(lock, std::min(limits_.timeout, kTimeoutMax),
                                         [&] { return closed_ || has_room_locked(jobs, bytes); });
  if (closed_) return fail(ErrorCode::closed, "accept an upload: the uploader was closed");
  if (!in_time)
    return fail(ErrorCode::limit,
                fmt::format("accept an upload: the journal was full for {} ms ({} uploads, {})",
                            limits_.timeout.count(), jobs_reserved_, human_bytes(bytes_reserved_)),
                "The bucket takes less than is written: wait, or raise the bounds.");
  jobs_reserved_ += jobs;
  bytes_reserved_ += bytes;
  return {};
}

void Backlog::release(std::uint64_t jobs, std::uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    jobs_reserved_ -= jobs;
    bytes_reserved_ -= bytes;
  }
  changed_.notify_all();
}

void Backlog::add(const JobPtr& job) {
  const std::lock_guard lock(mutex_);
  jobs_.emplace(job->id, job);
  pending_bytes_ += job->record.size;
  unsettled_.insert(job->id);
  Line& line = lines_[job->record.key];
  // Two threads may reserve their ids in one order and arrive here in the other; what runs already
  // stays first.
  const auto place = std::ranges::find_if(line, [&](const JobPtr& other) {
    return other->id > job->id && other->state != Job::State::running;
  });
  line.insert(place, job);
}

void Backlog::commit(const JobPtr& job) {
  {
    const std::lock_guard lock(mutex_);
    set_state_locked(*job, Job::State::queued);
    job->can_be_joined = job->record.body == UploadJobRecord::Body::file;
    if (closed_ && unsettled_.erase(job->id) > 0) job->promise.set_value(fail(Error(*closed_)));
    wake_line_locked(lines_[job->record.key]);
  }
  wake_();
}

void Backlog::withdraw(const JobPtr& job) {
  {
    const std::lock_guard lock(mutex_);
    remove_locked(job);
  }
  changed_.notify_all();
  wake_();
}

std::optional<Upload> Backlog::join(const UploadJobRecord& record) {
  std::optional<Upload> upload;
  {
    const std::lock_guard lock(mutex_);
    const auto found = lines_.find(record.key);
    if (closed_ || found == lines_.end()) return std::nullopt;
    const JobPtr& last = found->second.back();
    const UploadJobRecord& theirs = last->record;
    if (!last->can_be_joined || last->is_discarded || theirs.file != record.file ||
        theirs.if_absent != record.if_absent || theirs.if_match != record.if_match ||
        theirs.content_type != record.content_type)
      return std::nullopt;
    wake_line_locked(found->second);
    upload = last->upload;
  }
  wake_();
  return upload;
}

void Backlog::recover(const JobPtr& job) {
  add(job);
  {
    const std::lock_guard lock(mutex_);
    jobs_reserved_ += 1;
    bytes_reserved_ += journal_bytes(*job);
  }
  commit(job);
}

// ---- running

void Backlog::make_ready_locked(Line& line) {
  if (!line.empty() && line.front()->state == Job::State::queued) ready_.push_back(line.front());
}

// Starts a line again in which jobs were waiting.
void Backlog::wake_line_locked(Line& line) {
  for (const JobPtr& job : line) {
    if (job->state != Job::State::waiting) continue;
    set_state_locked(*job, Job::State::queued);
    job->promise = {};
    job->upload = job->promise.get_future().share();
    unsettled_.insert(job->id);
  }
  make_ready_locked(line);
}

JobPtr Backlog::take() {
  const std::lock_guard lock(mutex_);
  while (!closed_ && !ready_.empty()) {
    JobPtr job = std::move(ready_.front());
    ready_.pop_front();
    const auto line = lines_.find(job->record.key);
    // In line more than once, or taken out meanwhile.
    if (job->state != Job::State::queued || line == lines_.end() || line->second.front() != job)
      continue;
    set_state_locked(*job, Job::State::running);
    return job;
  }
  return nullptr;
}

void Backlog::close_to_joins(const JobPtr& job) {
  const std::lock_guard lock(mutex_);
  job->can_be_joined = false;
}

void Backlog::open_to_joins(const JobPtr& job) {
  const std::lock_guard lock(mutex_);
  job->can_be_joined = job->record.body == UploadJobRecord::Body::file;
}

bool Backlog::set_waiting(const JobPtr& job, const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    if (job->is_discarded) return false;
    for (const JobPtr& behind : lines_[job->record.key]) {
      // Whatever else runs of this key is being discarded.
      const bool is_elsewhere = behind != job && behind->state == Job::State::running;
      if (behind->state == Job::State::accepting || is_elsewhere) continue;
      set_state_locked(*behind, Job::State::waiting);
      behind->can_be_joined = behind->record.body == UploadJobRecord::Body::file;
      settle_locked(behind, fail(Error(error)));
    }
  }
  changed_.notify_all();
  return true;
}

void Backlog::end(const JobPtr& job, Result<Uploaded> result) {
  {
    const std::lock_guard lock(mutex_);
    settle_locked(job, std::move(result));
    remove_locked(job);
  }
  changed_.notify_all();
  wake_();
}

void Backlog::settle_locked(const JobPtr& job, Result<Uploaded> result) {
  // Nobody waits twice: a job that waited had its error, and a new promise when it was woken.
  if (unsettled_.erase(job->id) == 0) return;
  if (!result) note_error_locked(result.error());
  job->promise.set_value(std::move(result));
}

void Backlog::note_error_locked(const Error& error) {
  // What the caller itself has ended is no news to it.
  const bool is_callers = error.code() == ErrorCode::closed || error.code() == ErrorCode::canceled;
  if (!first_error_ && !is_callers) first_error_ = error;
}

void Backlog::set_state_locked(Job& job, Job::State state) {
  if (job.state == Job::State::waiting) --waiting_;
  if (state == Job::State::waiting) ++waiting_;
  job.state = state;
}

void Backlog::remove_locked(const JobPtr& job) {
  set_state_locked(*job, Job::State::ended);
  pending_bytes_ -= job->record.size;
  jobs_.erase(job->id);
  unsettled_.erase(job->id);
  jobs_reserved_ -= 1;
  bytes_reserved_ -= journal_bytes(*job);
  const auto found = lines_.find(job->record.key);
  if (found == lines_.end()) return;
  std::erase(found->second, job);
  if (found->second.empty())
    lines_.erase(found);
  else
    make_ready_locked(found->second);
}

// ---- looking

JobPtr Backlog::discard(std::uint64_t id, bool& runs) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end() || found->second->state == Job::State::accepting) return nullptr;
  const JobPtr job = found->second;
  job->is_discarded = true;
  job->can_be_joined = false;
  runs = job->state == Job::State::running;
  if (!runs) set_state_locked(*job, Job::State::running);  // of whoever discards it
  return job;
}

Result<void> Backlog::wait_settled(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const std::uint64_t last = jobs_.empty() ? 0 : jobs_.rbegin()->first;
  const auto is_settled = [&] {
    return closed_ || unsettled_.empty() || *unsettled_.begin() > last;
  };
  if (!changed_.wait_for(lock, std::min(timeout, kTimeoutMax), is_settled))
    return fail(ErrorCode::timeout,
                fmt::format("flush uploads: {} have no outcome after {} ms", unsettled_.size(),
                            timeout.count()),
                "They go on; flush again to wait longer.");
  if (closed_) return fail(ErrorCode::closed, "flush uploads: the uploader was closed");
  if (!first_error_) return {};
  Error error = std::move(*first_error_);
  first_error_.reset();
  return fail(std::move(error));
}

std::vector<Uploader::Pending> Backlog::pending() const {
  const std::lock_guard lock(mutex_);
  std::vector<Uploader::Pending> all;
  all.reserve(jobs_.size());
  for (const auto& [id, job] : jobs_)
    all.push_back({.id = id,
                   .key = job->record.key,
                   .file = job->record.file,
                   .bytes = job->record.size,
                   .bytes_sent = job->bytes_sent,
                   .is_recovered = job->is_recovered,
                   .is_waiting = job->state == Job::State::waiting});
  return all;
}

Backlog::Counts Backlog::counts() const {
  const std::lock_guard lock(mutex_);
  return {
      .pending = jobs_.size(),
      .pending_bytes = pending_bytes_,
      .waiting = waiting_,
      .journal_bytes = bytes_reserved_,
      .oldest = jobs_.empty() ? std::nullopt : std::optional(jobs_.begin()->second->accepted_at)};
}

void Backlog::close(const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    closed_ = error;
    for (const auto& [id, job] : jobs_)
      if (unsettled_.erase(id) > 0) job->promise.set_value(fail(Error(error)));
  }
  changed_.notify_all();
}

}  // namespace shoal::upload
