// SPDX-License-Identifier: Apache-2.0
#include "upload/sweeping_attempt.h"

#include <utility>

#include "store/encoding.h"

namespace shoal::upload {
namespace {

// An upload of this key that was created around the moment we meant to create one is taken for
// ours; clocks of services are this exact, and a create is given up after a minute.
constexpr std::int64_t kSweepBeforeSeconds = 5;
constexpr std::int64_t kSweepAfterSeconds = 120;

}  // namespace

void SweepingAttempt::sweep(Swept swept) {
  swept_ = std::move(swept);
  list({.prefix = key()});
}

void SweepingAttempt::list(store::ListUploadsRequest from) {
  parts_.store.list_uploads(from, guarded([this, from](Result<store::UploadsPage> page) mutable {
                              if (!page && page.error().code() == ErrorCode::unsupported)
                                return swept_({});
                              if (!page) return swept_(fail(std::move(page).error()));
                              on_page(std::move(from), std::move(*page));
                            }));
}

// Ceph 16 encodes keys as it was asked to and does not say that it did.
bool SweepingAttempt::is_named(const std::string& listed) const {
  return listed == key() || store::percent_decode(listed, /*plus_is_space=*/false) == key();
}

void SweepingAttempt::on_page(store::ListUploadsRequest from, store::UploadsPage page) {
  std::vector<store::UploadId> ours;
  const std::int64_t started_at = job_->multipart->started_at;
  for (const store::UploadInfo& info : page.uploads)
    if (is_named(info.upload.key) && info.initiated >= started_at - kSweepBeforeSeconds &&
        info.initiated <= started_at + kSweepAfterSeconds)
      ours.push_back({.key = key(), .id = info.upload.id});
  from.key_marker = page.next_key_marker;
  from.id_marker = page.next_id_marker;
  abort(std::move(ours), [this, from = std::move(from), is_last = page.is_last]() mutable {
    if (is_last) return swept_({});
    list(std::move(from));
  });
}

void SweepingAttempt::abort(std::vector<store::UploadId> uploads, Task then) {
  if (uploads.empty()) return then();
  const store::UploadId upload = uploads.back();
  uploads.pop_back();
  parts_.store.abort_upload(upload, guarded([this, uploads = std::move(uploads),
                                             then = std::move(then)](Result<void> result) mutable {
                              if (!result) return swept_(fail(std::move(result).error()));
                              abort(std::move(uploads), std::move(then));
                            }));
}

}  // namespace shoal::upload
