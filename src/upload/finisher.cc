// SPDX-License-Identifier: Apache-2.0
#include "upload/finisher.h"

#include <iterator>
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
  std::vector<Journal::Ending> endings;
  std::vector<std::uint64_t> bodies;  // in the spool
  {
    const std::lock_guard lock(mutex_);
    group.swap(waiting_);
    endings.swap(unwritten_);
    bodies.swap(unwritten_bodies_);
    is_posted_ = false;
  }
  for (const Ended& ended : group) {
    Journal::Ending ending{.id = ended.job->id, .had_parts = ended.had_parts};
    if (parts_.remember_sent && ended.result && ended.identity) {
      ending.sent_key = ended.job->record.key;
      ending.sent = {
          .file = ended.job->record.file, .identity = *ended.identity, .etag = ended.result->etag};
    }
    endings.push_back(std::move(ending));
    if (ended.job->record.body == UploadJobRecord::Body::spooled) bodies.push_back(ended.job->id);
  }
  // A journal that cannot be written keeps jobs that have their outcome: the next start asks the
  // bucket about them. Later work of their keys must not end without them, or the next start would
  // send the older bytes over the newer ones.
  if (parts_.journal.end(endings, /*durable=*/!bodies.empty())) {
    for (const std::uint64_t id : bodies) parts_.spool.remove(id);
  } else {
    const std::lock_guard lock(mutex_);
    unwritten_.insert(unwritten_.end(), std::make_move_iterator(endings.begin()),
                      std::make_move_iterator(endings.end()));
    unwritten_bodies_.insert(unwritten_bodies_.end(), bodies.begin(), bodies.end());
  }
  for (Ended& ended : group) finish(ended);
}

void Finisher::finish(Ended& ended) {
  Job& job = *ended.job;
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
