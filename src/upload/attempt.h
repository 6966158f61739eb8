// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/executor.h"
#include "base/result.h"
#include "store/object_store.h"
#include "upload/backlog.h"
#include "upload/body_reader.h"
#include "upload/budget.h"
#include "upload/counters.h"
#include "upload/job.h"
#include "upload/journal.h"
#include "upload/spool.h"

namespace shoal::upload {

struct AttemptSettings {
  std::uint64_t part_bytes = 0;
  std::uint64_t single_put_bytes_max = 0;
  std::uint64_t memory_bytes_max = 0;
  std::uint32_t parts_in_flight_max = 0;  // of one upload
  bool has_crc64 = false;                 // the service answers with one (OSS)
};

// What attempts work with; all of it outlives them.
struct AttemptParts {
  LoopExecutor& executor;
  Executor& workers;
  store::ObjectStore& store;
  BodyReader& reader;
  Budget& budget;
  Journal& journal;
  const Spool& spool;
  Backlog& backlog;
  Counters& counters;
  struct AttemptGate& gate;
  TimePoint& confirmed_at;  // when the service last confirmed anything
  AttemptSettings settings;
};

// Counts the attempts that live, so that whoever closes can wait for the last one: until then the
// store may read their memory. confined to the executor.
struct AttemptGate {
  bool is_closing = false;
  std::uint32_t live = 0;
  Task on_idle{};  // once closing and none is left
};

// One try of one job, from its start to its Outcome. Keeps itself alive while somebody is to call
// it back. confined to the executor.
class Attempt : public std::enable_shared_from_this<Attempt> {
 public:
  using Done = std::move_only_function<void(Outcome)>;

  Attempt(const AttemptParts& parts, JobPtr job, Done done);
  virtual ~Attempt();
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  virtual void start() = 0;

 protected:
  // The last call: `done` runs before it returns.
  void finish(Outcome outcome) {
    auto done = std::move(done_);
    done(std::move(outcome));
  }
  void fail_with(Error error) {
    finish({.kind = Outcome::Kind::failed, .error = std::move(error)});
  }
  // For another attempt that goes on with the job; this one has finished.
  [[nodiscard]] Done hand_over() { return std::move(done_); }

  // A callback that keeps the attempt alive, and goes nowhere once it has finished or everything
  // is being closed.
  template <typename Step>
  [[nodiscard]] auto guarded(Step step) {
    return [self = shared_from_this(), step = std::move(step)](auto&&... values) mutable {
      if (self->may_go_on()) step(std::forward<decltype(values)>(values)...);
    };
  }
  // Runs `work()` on a worker, then `then(its result)` here. `work` must not refer to the attempt.
  template <typename Work, typename Then>
  void on_worker(Work work, Then then) {
    parts_.workers.post([&executor = parts_.executor, work = std::move(work),
                         then = guarded(std::move(then))]() mutable {
      executor.post(
          [result = work(), then = std::move(then)]() mutable { then(std::move(result)); });
    });
  }
  [[nodiscard]] const std::string& key() const { return job_->record.key; }
  [[nodiscard]] store::WriteCondition condition() const {
    return {.if_absent = job_->record.if_absent, .if_match = job_->record.if_match};
  }
  [[nodiscard]] bool has_condition() const {
    return job_->record.if_absent || !job_->record.if_match.empty();
  }
  [[nodiscard]] store::BodyChecks checks_of(const Body& body) const;
  // Where the body's file is; empty for bytes that are in the journal.
  [[nodiscard]] std::filesystem::path body_path() const;
  // Whether the machine died before all of a spooled body was on the disk (process_death).
  [[nodiscard]] bool is_torn(std::uint64_t size) const;
  [[nodiscard]] Error torn_error() const;
  // Ends with `sent`, or with `sent_old` when the job's file is not what was sent any more.
  void settle(Uploaded uploaded, const sys::FileIdentity& sent);
  void count_sent(std::uint64_t bytes);

  const AttemptParts& parts_;
  const JobPtr job_;

 private:
  [[nodiscard]] bool may_go_on();
  Done done_;
};

[[nodiscard]] format::IdentityRecord to_record(const sys::FileIdentity& identity);
[[nodiscard]] std::string hex_of(const Md5& digest);
// Of two ETags, one of which may be in upper case.
[[nodiscard]] bool is_same_etag(std::string_view a, std::string_view b);

// The attempt that fits the job: a put in one request or in parts, an append, a removal; the taking
// back of a job that was discarded.
[[nodiscard]] std::shared_ptr<Attempt> make_attempt(const AttemptParts& parts, const JobPtr& job,
                                                    Attempt::Done done);

}  // namespace shoal::upload
