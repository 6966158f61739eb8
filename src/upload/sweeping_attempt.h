// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "upload/attempt.h"

namespace shoal::upload {

// An attempt that finds and aborts what an upload in parts, created while nobody was left to note
// its id, has on the bucket.
class SweepingAttempt : public Attempt {
 public:
  using Attempt::Attempt;

 protected:
  using Swept = std::move_only_function<void(Result<void>)>;
  // Precondition: the job has an intent. One sweep an attempt.
  void sweep(Swept swept);

 private:
  void list(store::ListUploadsRequest from);
  [[nodiscard]] bool is_named(const std::string& listed) const;
  void on_page(store::ListUploadsRequest from, store::UploadsPage page);
  void abort(std::vector<store::UploadId> uploads, Task then);

  Swept swept_;
};

}  // namespace shoal::upload
