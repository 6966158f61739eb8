// SPDX-License-Identifier: Apache-2.0
#include "upload/put_attempt.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "upload/multipart_attempt.h"

namespace shoal::upload {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kBodyCostMin = 4096;  // of the budget: buffers and request of an empty file
constexpr auto kYoungDelay = 25ms;            // a file's clock has moved on by then

}  // namespace

void PutAttempt::start() {
  acquire(std::min(job_->record.size, parts_.settings.single_put_bytes_max));
}

void PutAttempt::release() {
  if (std::exchange(has_acquired_, false)) parts_.budget.release(acquired_);
}

void PutAttempt::acquire(std::uint64_t bytes) {
  acquired_ = std::max(bytes, kBodyCostMin);
  parts_.budget.acquire(acquired_, guarded([this] {
                          has_acquired_ = true;
                          load();
                        }));
}

void PutAttempt::load() {
  auto done = guarded([this](Result<BodyReader::Loaded> loaded) { on_loaded(std::move(loaded)); });
  const auto path = body_path();
  const std::uint64_t bytes_max = std::min(acquired_, parts_.settings.single_put_bytes_max);
  if (!path.empty()) return parts_.reader.read_file(path, bytes_max, std::move(done));
  on_worker([this] { return parts_.journal.body(job_->id); },
            [this, done = std::move(done)](Result<std::string> bytes) mutable {
              if (!bytes) return fail_with(std::move(bytes).error());
              parts_.reader.take_bytes(std::move(*bytes), std::move(done));
            });
}

void PutAttempt::on_loaded(Result<BodyReader::Loaded> loaded) {
  if (!loaded) return fail_with(std::move(loaded).error());
  const auto body_size = loaded->from.identity.size;
  if (loaded->has_changed) return finish({.kind = Outcome::Kind::changed});
  if (is_torn(body_size)) return fail_with(torn_error());
  if (loaded->is_too_large) {
    release();
    const std::uint64_t size = loaded->from.identity.size;
    if (size <= parts_.settings.single_put_bytes_max) return acquire(size);
    return std::make_shared<MultipartAttempt>(parts_, job_, hand_over())->start();
  }
  if (loaded->from.is_young) {
    release();
    parts_.executor.after(kYoungDelay, guarded([this] { start(); }));
    return;
  }
  loaded_ = std::move(*loaded);
  ask_then_put();
}

// After a crash or an answer that was lost the bucket may have the object already.
void PutAttempt::ask_then_put() {
  if (!job_->may_be_there || std::exchange(has_asked_, true)) return put();
  parts_.store.head(
      key(), guarded([this](Result<store::ObjectInfo> found) { on_asked(std::move(found)); }));
}

void PutAttempt::on_asked(Result<store::ObjectInfo> found) {
  if (!found && found.error().code() != ErrorCode::not_found)
    return fail_with(std::move(found).error());
  if (!found || !is_ours(*found)) return put();
  settle({.key = key(), .etag = found->etag, .bytes = found->size, .was_there = true},
         loaded_.from.identity);
}

void PutAttempt::put() {
  if (job_->is_discarded) return finish({.kind = Outcome::Kind::discarded});
  parts_.store.put({.key = key(),
                    .body = loaded_.body.span(),
                    .condition = condition(),
                    .checks = checks_of(loaded_.body),
                    .content_type = job_->record.content_type},
                   guarded([this](Result<store::PutResult> result) { on_put(std::move(result)); }));
}

void PutAttempt::on_put(Result<store::PutResult> result) {
  const std::uint64_t bytes = loaded_.body.size;
  release();
  loaded_.body.bytes.reset();
  if (!result) {
    if (result.error().retry() == Retry::unknown_effect) job_->may_be_there = true;
    // The condition may be broken by our own object, which arrived after we had asked for it.
    if (result.error().code() == ErrorCode::precondition && has_condition() && job_->may_be_there)
      return ask_after(std::move(result).error());
    return fail_with(std::move(result).error());
  }
  count_sent(bytes);
  settle({.key = key(), .etag = std::move(result->etag), .bytes = bytes}, loaded_.from.identity);
}

void PutAttempt::ask_after(Error error) {
  parts_.store.head(
      key(), guarded([this, error = std::move(error)](Result<store::ObjectInfo> found) mutable {
        if (!found || !is_ours(*found)) return fail_with(std::move(error));
        settle({.key = key(), .etag = found->etag, .bytes = found->size, .was_there = true},
               loaded_.from.identity);
      }));
}

bool PutAttempt::is_ours(const store::ObjectInfo& found) const {
  return found.size == loaded_.body.size && is_same_etag(found.etag, hex_of(loaded_.body.md5));
}

}  // namespace shoal::upload
