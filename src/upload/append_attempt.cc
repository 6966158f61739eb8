// SPDX-License-Identifier: Apache-2.0
#include "upload/append_attempt.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "store/encoding.h"

namespace shoal::upload {

using format::UploadJobRecord;

namespace {

constexpr std::uint64_t kPieceCostMin = 4096;  // of the budget

}  // namespace

class AppendAttempt::DigestSink final : public store::BodySink {
 public:
  Result<void> on_bytes(ByteSpan bytes) override {
    digest_.add(bytes);
    return {};
  }
  [[nodiscard]] std::string finish_hex() { return digest_.finish_hex(); }

 private:
  store::Md5 digest_;
};

void AppendAttempt::start() {
  if (!job_->record.position || job_->may_be_there) return ask();
  open();
}

void AppendAttempt::ask() {
  parts_.store.head(
      key(), guarded([this](Result<store::ObjectInfo> found) { on_asked(std::move(found)); }));
}

void AppendAttempt::on_asked(Result<store::ObjectInfo> found) {
  if (!found && found.error().code() != ErrorCode::not_found)
    return fail_with(std::move(found).error());
  const std::uint64_t size = found ? found->size : 0;
  if (!job_->record.position) return note_position(size);
  const std::uint64_t position = *job_->record.position;
  if (size < position)
    return fail_with(
        Error(ErrorCode::precondition,
              fmt::format("append to {} at {}: the object has {} bytes", key(), position, size),
              "Append at the object's end: see `shoal stat`."));
  present_ = std::min(size - position, job_->record.size);
  open();
}

void AppendAttempt::note_position(std::uint64_t position) {
  UploadJobRecord record = job_->record;
  record.position = position;
  on_worker([this, record] { return parts_.journal.update(job_->id, record); },
            [this, position](Result<void> result) {
              if (!result) return fail_with(std::move(result).error());
              job_->record.position =
                  position;  // not before: nothing may be sent that is not noted
              open();
            });
}

void AppendAttempt::open() {
  const auto path = body_path();
  if (path.empty()) return next();
  on_worker([path] { return sys::open_regular(path); },
            [this](Result<sys::File> file) {
              if (!file) return fail_with(std::move(file).error());
              auto identity = sys::identity_of(*file);
              if (!identity) return fail_with(std::move(identity).error());
              file_ = {.file = std::make_shared<const sys::File>(std::move(*file)),
                       .identity = *identity};
              next();
            });
}

// Pieces that may be there are compared, never across the end of what is there.
std::uint64_t AppendAttempt::piece_bytes() const {
  const std::uint64_t end = offset_ < present_ ? present_ : job_->record.size;
  return std::min(parts_.settings.part_bytes, end - offset_);
}

void AppendAttempt::next() {
  if (job_->is_discarded) return finish({.kind = Outcome::Kind::discarded});
  const bool is_empty = job_->record.size == 0 && job_->bytes_sent == 0 && present_ == 0;
  if (offset_ == job_->record.size && (offset_ > 0 || !is_empty)) {
    const std::uint64_t end = *job_->record.position + job_->record.size;
    return finish({.uploaded = {.key = key(),
                                .bytes = job_->record.size,
                                .next_position = end,
                                .was_there = present_ == job_->record.size && present_ > 0}});
  }
  acquired_ = std::max(piece_bytes(), kPieceCostMin);
  parts_.budget.acquire(acquired_, guarded([this] {
                          has_acquired_ = true;
                          load();
                        }));
}

void AppendAttempt::release() {
  if (std::exchange(has_acquired_, false)) parts_.budget.release(acquired_);
}

void AppendAttempt::load() {
  auto done = guarded([this](Result<BodyReader::Loaded> loaded) { on_loaded(std::move(loaded)); });
  if (file_.file) return parts_.reader.read_part(file_, offset_, piece_bytes(), std::move(done));
  on_worker([this] { return parts_.journal.body(job_->id); },
            [this, done = std::move(done)](Result<std::string> bytes) mutable {
              if (!bytes) return fail_with(std::move(bytes).error());
              parts_.reader.take_bytes(bytes->substr(offset_, piece_bytes()), std::move(done));
            });
}

void AppendAttempt::on_loaded(Result<BodyReader::Loaded> loaded) {
  if (!loaded) return fail_with(std::move(loaded).error());
  if (loaded->has_changed)
    return fail_with(Error(ErrorCode::corrupt,
                           "read the bytes to append to " + key() + ": the journal's file changed",
                           "Nobody but the uploader may write to the journal's directory."));
  piece_ = std::move(loaded->body);
  if (offset_ < present_) return compare();
  append();
}

void AppendAttempt::compare() {
  auto sink = std::make_shared<DigestSink>();
  parts_.store.get(
      {.key = key(), .offset = *job_->record.position + offset_, .length = piece_.size}, *sink,
      guarded([this, sink](Result<void> result) {
        release();
        if (!result) return fail_with(std::move(result).error());
        if (sink->finish_hex() != hex_of(piece_.md5))
          return fail_with(Error(ErrorCode::precondition,
                                 fmt::format("append to {} at {}: other bytes are there already",
                                             key(), *job_->record.position),
                                 "Somebody else appends to the object: one writer a key, or use "
                                 "positions."));
        offset_ += piece_.size;
        next();
      }));
}

void AppendAttempt::append() {
  parts_.store.append(
      key(), *job_->record.position + offset_, piece_.span(), checks_of(piece_),
      guarded([this](Result<store::AppendResult> result) { on_appended(std::move(result)); }));
}

void AppendAttempt::on_appended(Result<store::AppendResult> result) {
  release();
  // From here on a second try must look first.
  job_->may_be_there = true;
  if (!result) return fail_with(std::move(result).error());
  count_sent(piece_.size);
  offset_ += piece_.size;
  if (job_->record.size == 0)
    return finish({.uploaded = {.key = key(), .next_position = *job_->record.position}});
  next();
}

}  // namespace shoal::upload
