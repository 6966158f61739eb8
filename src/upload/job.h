// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "format/upload_records.h"
#include "shoal/uploader.h"

namespace shoal::upload {

// One piece of accepted work, from acceptance to outcome. Shared by the backlog, which orders it,
// and whoever is working on it at the moment.
struct Job {
  Job(std::uint64_t job_id, format::UploadJobRecord job_record, bool recovered)
      : id(job_id), is_recovered(recovered), record(std::move(job_record)) {}

  const std::uint64_t id;
  const bool is_recovered;
  const TimePoint accepted_at = system_clock().now();  // or recovered; for stats
  // Of the loop once the job runs; before, of whoever accepts it.
  format::UploadJobRecord record;

  std::promise<Result<Uploaded>> promise;  // of the backlog
  Upload upload{promise.get_future().share()};

  // Guarded by the backlog's mutex.
  enum class State : std::uint8_t { accepting, queued, running, waiting, ended };
  State state = State::accepting;
  bool can_be_joined = false;  // its file has not been read for the last time

  std::atomic<bool> is_discarded{false};
  std::atomic<std::uint64_t> bytes_sent{0};

  // Of the loop.
  std::optional<format::MultipartRecord> multipart{};
  std::map<std::uint32_t, format::PartRecord> parts{};  // those the service has
  bool has_had_parts = false;                           // also of an upload that was given up
  bool has_recovered_parts = false;                     // that no attempt has gone on with
  // An earlier try may have taken effect: the service is asked before anything is sent.
  bool may_be_there = false;
  int tries = 0;              // in a row that failed for a passing reason
  int changes = 0;            // in a row that ended because the file changed
  TimePoint began_at{};       // of the present try, or the last
  TimePoint confirmed_at{};   // of the last body the service has confirmed
  TimePoint failing_since{};  // the start of the first that failed
  TimePoint changing_since{};
};
using JobPtr = std::shared_ptr<Job>;

// How a try ended.
struct Outcome {
  enum class Kind : std::uint8_t {
    sent,
    changed,     // the file changed while it was read: nothing whole could be sent
    sent_old,    // what was sent was whole, but the file is another one since
    discarded,   // the attempt has seen that the caller wants it no more
    taken_back,  // and nothing of it is on the bucket any more
    failed,
  };
  Kind kind = Kind::sent;
  Uploaded uploaded{};           // sent, sent_old
  std::optional<Error> error{};  // failed
  // sent, sent_old: of the file as it was sent, when there is one.
  std::optional<format::IdentityRecord> identity{};
};

}  // namespace shoal::upload
