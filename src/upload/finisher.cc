// SPDX-License-Identifier: Apache-2.0
#include "upload/finisher.h"

#include <utility>

namespace shoal::upload {

using format::UploadJobRecord;

void Finisher::end(Ended ended) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(ended));
    if (std::exchange(is_posted_, true)) return;
  }
  parts_.workers.post([this] { work(); });
}

void Finisher::work() {
  std::vector<Ended> group;
  {
    const std::lock_guard lock(mutex_);
    group.swap(waiting_);
    is_posted_ = false;
  }
  std::vector<Journal::Ending> endings;
  endings.reserve(group.size());
  bool durable = false;
  for (const Ended& ended : group) {
    Journal::Ending ending{.id = ended.job->id, .had_parts = ended.had_parts};
    durable |= ended.job->record.body == UploadJobRecord::Body::spooled;
    if (parts_.remember_sent && ended.result && ended.identity) {
      ending.sent_key = ended.job->record.key;
      ending.sent = {
          .file = ended.job->record.file, .identity = *ended.identity, .etag = ended.result->etag};
    }
    endings.push_back(std::move(ending));
  }
  // A journal that cannot be written keeps jobs that have their outcome: the next start asks the
  // bucket about them and sends nothing again.
  ignore(parts_.journal.end(endings, durable), "costs a question per job at the next start");
  for (Ended& ended : group) finish(ended);
}

void Finisher::finish(Ended& ended) {
  Job& job = *ended.job;
  if (job.record.body == UploadJobRecord::Body::spooled) parts_.spool.remove(job.id);
  if (ended.result) {
    parts_.counters.sent += 1;
    parts_.counters.sent_bytes += ended.result->bytes;
    if (ended.result->was_there) parts_.counters.found_there += 1;
    tell(job, UploadEvent::Kind::sent, nullptr, &*ended.result);
  } else {
    parts_.counters.refused += 1;
    tell(job, UploadEvent::Kind::refused, &ended.result.error(), nullptr);
  }
  parts_.backlog.end(ended.job, std::move(ended.result));
}

void Finisher::tell(const Job& job, UploadEvent::Kind kind, const Error* error,
                    const Uploaded* result) {
  if (!parts_.on_event) return;
  const std::lock_guard lock(event_mutex_);
  parts_.on_event({.kind = kind,
                   .id = job.id,
                   .key = job.record.key,
                   .file = job.record.file,
                   .error = error,
                   .result = result,
                   .is_recovered = job.is_recovered});
}

}  // namespace shoal::upload
