// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "upload/sweeping_attempt.h"

namespace shoal::upload {

// Takes the parts of a job that is not wanted any more off the bucket. Parts that cannot be taken
// back are left to the bucket's own rules: the job goes all the same.
class DiscardAttempt final : public SweepingAttempt {
 public:
  using SweepingAttempt::SweepingAttempt;
  void start() override {
    if (!job_->multipart) return finish({.kind = Outcome::Kind::taken_back});
    const auto end = [this](const Result<void>&) { finish({.kind = Outcome::Kind::taken_back}); };
    if (job_->multipart->upload_id.empty()) return sweep(end);
    parts_.store.abort_upload({.key = key(), .id = job_->multipart->upload_id}, guarded(end));
  }
};

}  // namespace shoal::upload
