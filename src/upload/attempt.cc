// SPDX-License-Identifier: Apache-2.0
#include "upload/attempt.h"

#include <algorithm>
#include <cctype>

#include "store/encoding.h"
#include "upload/append_attempt.h"
#include "upload/discard_attempt.h"
#include "upload/multipart_attempt.h"
#include "upload/put_attempt.h"
#include "upload/remove_attempt.h"

namespace shoal::upload {

using format::UploadJobRecord;

Attempt::Attempt(const AttemptParts& parts, JobPtr job, Done done)
    : parts_(parts), job_(std::move(job)), done_(std::move(done)) {
  ++parts_.gate.live;
}

Attempt::~Attempt() {
  AttemptGate& gate = parts_.gate;
  if (--gate.live == 0 && gate.is_closing && gate.on_idle)
    parts_.executor.post(std::move(gate.on_idle));
}

bool Attempt::may_go_on() {
  if (!done_) return false;
  if (!parts_.gate.is_closing) return true;
  fail_with(Error(ErrorCode::canceled, "upload of " + key() + ": the uploader is being closed"));
  return false;
}

format::IdentityRecord to_record(const sys::FileIdentity& identity) {
  return {.size = identity.size,
          .mtime_ns = identity.mtime_ns,
          .ctime_ns = identity.ctime_ns,
          .inode = identity.inode};
}

std::string hex_of(const Md5& digest) {
  return store::hex(as_text(digest));
}

bool is_same_etag(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char left, unsigned char right) {
    return std::tolower(left) == std::tolower(right);
  });
}

store::BodyChecks Attempt::checks_of(const Body& body) const {
  store::BodyChecks checks{.md5 = body.md5};
  if (parts_.settings.has_crc64) checks.crc64 = body.crc64;
  return checks;
}

std::filesystem::path Attempt::body_path() const {
  switch (job_->record.body) {
    case UploadJobRecord::Body::spooled:
      return parts_.spool.path(job_->id);
    case UploadJobRecord::Body::file:
      return job_->record.file;
    case UploadJobRecord::Body::none:
    case UploadJobRecord::Body::in_journal:
      break;
  }
  return {};
}

bool Attempt::is_torn(std::uint64_t size) const {
  return job_->record.body == UploadJobRecord::Body::spooled && size != job_->record.size;
}

Error Attempt::torn_error() const {
  return Error(ErrorCode::corrupt, "upload of " + key() + ": its copy in the journal is not whole",
               "The machine died before it was on the disk, or somebody changed it: discard the "
               "work and send it again.");
}

void Attempt::count_sent(std::uint64_t bytes) {
  job_->tries = 0;  // it gets on, however often it stumbles
  job_->confirmed_at = parts_.confirmed_at = parts_.executor.clock().now();
  job_->bytes_sent += bytes;
  parts_.counters.wire_bytes += bytes;
  parts_.counters.requests += 1;
}

// Before the last look at the file a later put of it must be work of its own: what the look sees
// may be older than that put.
void Attempt::settle(Uploaded uploaded, const sys::FileIdentity& sent) {
  job_->confirmed_at = parts_.confirmed_at = parts_.executor.clock().now();
  Outcome outcome{
      .kind = Outcome::Kind::sent, .uploaded = std::move(uploaded), .identity = to_record(sent)};
  if (job_->record.body != UploadJobRecord::Body::file) {
    outcome.identity.reset();
    return finish(std::move(outcome));
  }
  parts_.backlog.close_to_joins(job_);
  on_worker([path = body_path()] { return sys::identity_of(path); },
            [this, outcome = std::move(outcome), sent](Result<sys::FileIdentity> present) mutable {
              // A file that is gone was sent whole before: what log shippers and checkpoints do.
              if (present && *present != sent) outcome.kind = Outcome::Kind::sent_old;
              finish(std::move(outcome));
            });
}

std::shared_ptr<Attempt> make_attempt(const AttemptParts& parts, const JobPtr& job,
                                      Attempt::Done done) {
  if (job->is_discarded) return std::make_shared<DiscardAttempt>(parts, job, std::move(done));
  switch (job->record.kind) {
    case UploadJobRecord::Kind::append:
      return std::make_shared<AppendAttempt>(parts, job, std::move(done));
    case UploadJobRecord::Kind::remove:
      return std::make_shared<RemoveAttempt>(parts, job, std::move(done));
    case UploadJobRecord::Kind::put:
      break;
  }
  if (job->multipart) return std::make_shared<MultipartAttempt>(parts, job, std::move(done));
  return std::make_shared<PutAttempt>(parts, job, std::move(done));
}

}  // namespace shoal::upload
