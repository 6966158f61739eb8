// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "upload/job.h"

namespace shoal::upload {

// All work without outcome: what may run, in which order, and how much more may be accepted.
//
// Invariants: jobs of one key run one at a time, by ascending id. A job that waits (retry_for has
// passed) holds back the later ones of its key, which wait with it; a new one on the key starts
// them all again.
//
// Thread model: synchronized.
class Backlog {
 public:
  struct Limits {
    std::uint64_t pending_max = 0;
    std::uint64_t journal_bytes_max = 0;
    std::chrono::milliseconds timeout{};
  };
  // `wake` is called whenever there may be something to run; from any thread, without a lock.
  Backlog(const Limits& limits, std::function<void()> wake)
      : limits_(limits), wake_(std::move(wake)) {}

  // ---- accepting
  // Makes room for `jobs` jobs with `bytes` in the journal, waiting for it if need be. What is
  // reserved is given back by withdraw(), or by the jobs' ends.
  [[nodiscard]] Result<void> reserve(std::uint64_t jobs, std::uint64_t bytes);
  void release(std::uint64_t jobs, std::uint64_t bytes);
  // Puts a job with its place reserved in line; it runs after commit().
  void add(const JobPtr& job);
  void commit(const JobPtr& job);
  // Takes an added job out again; its place is released.
  void withdraw(const JobPtr& job);
  // The job that stands for a put of the same file under the same options, if one does.
  [[nodiscard]] std::optional<Upload> join(const format::UploadJobRecord& record);
  // At start, before anything runs, in order of ids; beyond the limits if it must be.
  void recover(const JobPtr& job);

  // ---- running
  // The next job that may run, or null; it counts as running.
  [[nodiscard]] JobPtr take();
  // Of a running job of a file: from now on its bytes do not stand for a later put.
  void close_to_joins(const JobPtr& job);
  void open_to_joins(const JobPtr& job);
  // Of a running job: it is left for later; it and those behind it get this error. False, and
  // nothing of it happens, when the job has been discarded meanwhile.
  [[nodiscard]] bool set_waiting(const JobPtr& job, const Error& error);
  // Of a running job whose journal entry is gone.
  void end(const JobPtr& job, Result<Uploaded> result);

  // ---- looking
  // The job, marked as discarded; null when there is none. `runs` says whether somebody works on
  // it who will see the mark.
  [[nodiscard]] JobPtr discard(std::uint64_t id, bool& runs);
  [[nodiscard]] Result<void> wait_settled(std::chrono::milliseconds timeout);
  [[nodiscard]] std::vector<Uploader::Pending> pending() const;
  struct Counts {
    std::uint64_t pending = 0, pending_bytes = 0, waiting = 0, journal_bytes = 0;
    std::optional<TimePoint> oldest{};  // when the first of the pending was accepted
  };
  [[nodiscard]] Counts counts() const;
  // Every job without outcome gets this error, whoever waits is woken, and nothing is accepted.
  void close(const Error& error);

 private:
  using Line = std::deque<JobPtr>;  // the jobs of one key by id
  [[nodiscard]] static std::uint64_t journal_bytes(const Job& job);
  [[nodiscard]] bool has_room_locked(std::uint64_t jobs, std::uint64_t bytes) const;
  void make_ready_locked(Line& line);
  void wake_line_locked(Line& line);
  void set_state_locked(Job& job, Job::State state);
  void remove_locked(const JobPtr& job);
  void settle_locked(const JobPtr& job, Result<Uploaded> result);
  void note_error_locked(const Error& error);

  const Limits limits_;
  const std::function<void()> wake_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // All guarded by mutex_.
  std::optional<Error> closed_;  // what whoever comes afterwards gets
  std::map<std::uint64_t, JobPtr> jobs_;
  std::unordered_map<std::string, Line> lines_;
  std::deque<JobPtr> ready_;  // heads of their lines, queued; some may have been taken out since
  std::set<std::uint64_t> unsettled_;  // neither ended nor waiting
  std::uint64_t pending_bytes_ = 0;    // of jobs_
  std::uint64_t waiting_ = 0;          // likewise, those that wait
  std::uint64_t jobs_reserved_ = 0;    // those in jobs_ included
  std::uint64_t bytes_reserved_ = 0;
  std::optional<Error> first_error_;  // that no wait_settled() has returned yet
};

}  // namespace shoal::upload
