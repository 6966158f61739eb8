// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "upload/attempt.h"

namespace shoal::upload {

// Takes the parts of a job that is not wanted any more off the bucket.
class DiscardAttempt final : public Attempt {
 public:
  using Attempt::Attempt;
  void start() override {
    if (!job_->multipart || job_->multipart->upload_id.empty()) return end({});
    parts_.store.abort_upload({.key = key(), .id = job_->multipart->upload_id},
                              guarded([this](Result<void> result) { end(std::move(result)); }));
  }

 private:
  void end(Result<void> aborted) {
    if (!aborted) return fail_with(std::move(aborted).error());
    finish({.kind = Outcome::Kind::taken_back});
  }
};

}  // namespace shoal::upload
