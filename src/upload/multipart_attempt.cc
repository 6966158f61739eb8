// SPDX-License-Identifier: Apache-2.0
#include "upload/multipart_attempt.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/bytes.h"
#include "base/crc64.h"
#include "store/encoding.h"

namespace shoal::upload {
namespace {

using namespace std::chrono_literals;

constexpr auto kYoungDelay = 25ms;

std::int64_t seconds_of(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

// Parts of the usual size, or whole MiB where 10,000 of them would not do.
std::uint64_t part_bytes_for(std::uint64_t size, std::uint64_t usual) {
  if (size <= usual * format::kPartsMax) return usual;
  return round_up((size + format::kPartsMax - 1) / format::kPartsMax, 1ull << 20);
}

using Parts = std::map<std::uint32_t, format::PartRecord>;

// Reads the file again: whether each part has the MD5 that the service confirmed. Parts whose ETag
// is no MD5 prove nothing.
Result<bool> has_sent_bytes(const sys::File& file, std::uint64_t part_bytes, const Parts& parts) {
  std::vector<std::byte> buffer(part_bytes);
  for (const auto& [number, part] : parts) {
    SHOAL_TRY(const std::size_t size,
              sys::read_up_to(file, (number - 1) * part_bytes, {buffer.data(), buffer.size()}));
    const std::string digest = store::hex(store::md5(as_text({buffer.data(), size})));
    if (!is_same_etag(part.etag, digest)) return false;
  }
  return true;
}

// Whether the open file has the bytes it had. A change time that has moved alone, the size and the
// other times being the same, is what a rename or a deletion does, and also what hides a change of
// the content: then the bytes decide.
Result<bool> is_unchanged(const BodyReader::File& file, std::uint64_t part_bytes,
                          const Parts& parts) {
  SHOAL_TRY(const auto present, sys::identity_of(*file.file));
  if (present == file.identity) return true;
  if (present.size != file.identity.size || present.mtime_ns != file.identity.mtime_ns)
    return false;
  const auto named = sys::identity_of(file.file->path());
  if (named && named->inode == file.identity.inode) return false;
  SHOAL_TRY(const bool same, has_sent_bytes(*file.file, part_bytes, parts));
  if (!same) return false;
  SHOAL_TRY(const auto after, sys::identity_of(*file.file));
  return after == present;
}

}  // namespace

std::string multipart_etag(const std::vector<std::string>& part_etags) {
  std::string digests;
  for (const std::string& etag : part_etags) {
    if (etag.size() != 32) return {};
    for (std::size_t at = 0; at < etag.size(); at += 2) {
      unsigned value = 0;
      const auto [end, error] = std::from_chars(etag.data() + at, etag.data() + at + 2, value, 16);
      if (error != std::errc() || end != etag.data() + at + 2) return {};
      digests.push_back(static_cast<char>(value));
    }
  }
  return fmt::format("{}-{}", store::hex(store::md5(digests)), part_etags.size());
}

// ---- beginning

void MultipartAttempt::start() {
  // Opens it; no file is small enough to be read with that.
  parts_.reader.read_file(body_path(), 0, guarded([this](Result<BodyReader::Loaded> loaded) {
                            if (!loaded) return fail_with(std::move(loaded).error());
                            on_opened(std::move(loaded->from));
                          }));
}

void MultipartAttempt::on_opened(BodyReader::File file) {
  if (file.is_young) {
    parts_.executor.after(kYoungDelay, guarded([this] { start(); }));
    return;
  }
  if (is_torn(file.identity.size)) return fail_with(torn_error());
  file_ = std::move(file);
  if (!job_->multipart) return begin();
  if (job_->multipart->upload_id.empty())
    return sweep([this](Result<void> swept) {
      if (!swept) return fail_with(std::move(swept).error());
      forget_then_begin();
    });
  if (job_->multipart->identity == to_record(file_.identity)) return resume();
  abort_old();
}

void MultipartAttempt::abort_old() {
  parts_.store.abort_upload({.key = key(), .id = job_->multipart->upload_id},
                            guarded([this](Result<void> result) {
                              if (!result) return fail_with(std::move(result).error());
                              forget_then_begin();
                            }));
}

void MultipartAttempt::forget_then_begin() {
  job_->multipart.reset();
  job_->parts.clear();
  job_->bytes_sent = 0;
  on_worker([this] { return parts_.journal.forget_multipart(job_->id); },
            [this](Result<void> result) {
              if (!result) return fail_with(std::move(result).error());
              begin();
            });
}

void MultipartAttempt::begin() {
  const std::uint64_t size = file_.identity.size;
  // It has become small, and goes in one request.
  if (size <= parts_.settings.single_put_bytes_max) return finish({.kind = Outcome::Kind::changed});
  const std::uint64_t part_bytes = part_bytes_for(size, parts_.settings.part_bytes);
  if (part_bytes > parts_.settings.memory_bytes_max)
    return fail_with(Error(ErrorCode::bad_input,
                           fmt::format("put {}: {} need parts of {}, and memory is bounded by {}",
                                       key(), human_bytes(size), human_bytes(part_bytes),
                                       human_bytes(parts_.settings.memory_bytes_max)),
                           "Raise --memory."));
  job_->has_recovered_parts = false;
  job_->multipart =
      format::MultipartRecord{.part_bytes = part_bytes,
                              .identity = to_record(file_.identity),
                              .started_at = seconds_of(parts_.executor.clock().wall_now())};
  on_worker(
      [this, record = *job_->multipart] { return parts_.journal.set_multipart(job_->id, record); },
      [this](Result<void> result) {
        if (!result) return fail_with(std::move(result).error());
        create();
      });
}

void MultipartAttempt::create() {
  parts_.store.create_upload(
      key(), job_->record.content_type,
      guarded([this](Result<store::UploadId> upload) { on_created(std::move(upload)); }));
}

void MultipartAttempt::on_created(Result<store::UploadId> upload) {
  if (!upload) return fail_with(std::move(upload).error());
  job_->multipart->upload_id = upload->id;
  on_worker(
      [this, record = *job_->multipart] { return parts_.journal.set_multipart(job_->id, record); },
      [this](Result<void> result) {
        if (!result) return fail_with(std::move(result).error());
        send_parts();
      });
}

// ---- parts

std::uint32_t MultipartAttempt::part_count() const {
  const std::uint64_t part_bytes = job_->multipart->part_bytes;
  return static_cast<std::uint32_t>((file_.identity.size + part_bytes - 1) / part_bytes);
}

std::uint64_t MultipartAttempt::length_of(std::uint32_t number) const {
  const std::uint64_t part_bytes = job_->multipart->part_bytes;
  return std::min(part_bytes, file_.identity.size - (number - 1) * part_bytes);
}

void MultipartAttempt::resume() {
  std::erase_if(job_->parts, [&](const auto& part) { return part.first > part_count(); });
  std::uint64_t bytes = 0;
  for (const auto& [number, part] : job_->parts) bytes += length_of(number);
  job_->bytes_sent = bytes;
  if (std::exchange(job_->has_recovered_parts, false))
    parts_.counters.parts_resumed += job_->parts.size();
  send_parts();
}

void MultipartAttempt::send_parts() {
  while (!stop_ && next_number_ <= part_count() &&
         under_way_ < parts_.settings.parts_in_flight_max) {
    const std::uint32_t number = next_number_++;
    if (job_->parts.contains(number)) continue;
    ++under_way_;
    parts_.budget.acquire(length_of(number), guarded([this, number] { load_part(number); }));
  }
  if (under_way_ > 0) return;
  if (stop_) return act_on_stop();
  verify_then_complete();
}

void MultipartAttempt::load_part(std::uint32_t number) {
  if (job_->is_discarded) stop({.kind = Outcome::Kind::discarded});
  if (stop_) return end_part(number);
  parts_.reader.read_part(file_, (number - 1) * job_->multipart->part_bytes, length_of(number),
                          guarded([this, number](Result<BodyReader::Loaded> loaded) {
                            send_part(number, std::move(loaded));
                          }));
}

void MultipartAttempt::send_part(std::uint32_t number, Result<BodyReader::Loaded> loaded) {
  if (!loaded)
    stop({.kind = Outcome::Kind::failed, .error = std::move(loaded).error()});
  else if (loaded->has_changed)
    stop({.kind = Outcome::Kind::changed});
  if (stop_) return end_part(number);
  auto body = std::make_shared<Body>(std::move(loaded->body));  // lives until the answer
  const ByteSpan bytes = body->span();
  const auto checks = checks_of(*body);
  parts_.store.upload_part(
      {.key = key(), .id = job_->multipart->upload_id}, number, bytes, checks,
      guarded([this, number, body](Result<store::UploadedPart> result) mutable {
        const std::uint64_t crc64 = body->crc64;
        body.reset();
        on_part(number, crc64, std::move(result));
      }));
}

void MultipartAttempt::on_part(std::uint32_t number, std::uint64_t crc64,
                               Result<store::UploadedPart> result) {
  if (!result) {
    stop({.kind = Outcome::Kind::failed, .error = std::move(result).error()});
    return end_part(number);
  }
  const format::PartRecord part{.etag = result->etag, .crc64 = crc64};
  job_->parts[number] = part;
  job_->has_had_parts = true;
  count_sent(length_of(number));
  // The part's memory is free already; the note is on its way while the next parts are sent.
  parts_.workers.post([&journal = parts_.journal, id = job_->id, number, part] {
    ignore(journal.add_part(id, number, part),
           "a part that is not noted is sent again after a crash, no more");
  });
  end_part(number);
}

void MultipartAttempt::end_part(std::uint32_t number) {
  parts_.budget.release(length_of(number));
  --under_way_;
  send_parts();
}

// ---- stopping early

void MultipartAttempt::stop(Outcome outcome) {
  if (!stop_) stop_ = std::move(outcome);
}

void MultipartAttempt::act_on_stop() {
  Outcome outcome = std::move(*stop_);
  stop_.reset();
  if (outcome.kind == Outcome::Kind::changed) return abort_then_finish(std::move(outcome));
  // The service has forgotten the upload: somebody aborted it, or the bucket's rules did.
  if (outcome.kind == Outcome::Kind::failed && outcome.error->code() == ErrorCode::not_found &&
      !std::exchange(has_begun_anew_, true)) {
    next_number_ = 1;
    return forget_then_begin();
  }
  finish(std::move(outcome));
}

void MultipartAttempt::abort_then_finish(Outcome outcome) {
  parts_.store.abort_upload(
      {.key = key(), .id = job_->multipart->upload_id},
      guarded([this, outcome = std::move(outcome)](Result<void> result) mutable {
        // What is left is found by its id at the next try.
        if (!result) return fail_with(std::move(result).error());
        job_->multipart.reset();
        job_->parts.clear();
        job_->bytes_sent = 0;
        on_worker([this] { return parts_.journal.forget_multipart(job_->id); },
                  [this, outcome = std::move(outcome)](Result<void>) mutable {
                    finish(std::move(outcome));
                  });
      }));
}

// ---- completing

void MultipartAttempt::verify_then_complete() {
  if (job_->is_discarded) return finish({.kind = Outcome::Kind::discarded});
  on_worker([file = file_, part_bytes = job_->multipart->part_bytes,
             parts = job_->parts] { return is_unchanged(file, part_bytes, parts); },
            [this](Result<bool> unchanged) {
              if (!unchanged) return fail_with(std::move(unchanged).error());
              if (!*unchanged) return abort_then_finish({.kind = Outcome::Kind::changed});
              if (has_condition()) return check_condition();
              complete();
            });
}

// Some services (Ceph among them) take a condition with a put and ignore it when parts are
// completed. The question before leaves a moment between the two, and is better than none.
void MultipartAttempt::check_condition() {
  parts_.store.head(
      key(), guarded([this](Result<store::ObjectInfo> found) {
        if (!found && found.error().code() != ErrorCode::not_found)
          return fail_with(std::move(found).error());
        const bool is_ours = found && is_same_etag(found->etag, expected_etag());
        if (is_ours && (job_->may_be_there || job_->is_recovered))
          return settle(
              {.key = key(), .etag = found->etag, .bytes = found->size, .was_there = true},
              file_.identity);
        if (job_->record.if_absent && found)
          return fail_with(Error(ErrorCode::precondition,
                                 "put " + key() + ": the object exists already",
                                 "The key exists already (--no-clobber)."));
        if (!job_->record.if_match.empty() && (!found || found->etag != job_->record.if_match))
          return fail_with(Error(
              ErrorCode::precondition,
              "put " + key() + ": " +
                  (found ? "its version is " + found->etag : std::string("the object is gone")) +
                  ", not " + job_->record.if_match,
              "The key has another version than --if-match names: look with `shoal stat`."));
        complete();
      }));
}

void MultipartAttempt::complete() {
  store::CompleteRequest request{.upload = {.key = key(), .id = job_->multipart->upload_id},
                                 .condition = condition()};
  std::uint64_t crc64 = 0;
  for (const auto& [number, part] : job_->parts) {
    request.parts.push_back({.number = number, .etag = part.etag});
    crc64 = crc64_combine(crc64, part.crc64, length_of(number));
  }
  if (parts_.settings.has_crc64) request.crc64 = crc64;
  parts_.store.complete_upload(request, guarded([this](Result<store::PutResult> result) {
                                 on_complete(std::move(result));
                               }));
}

void MultipartAttempt::on_complete(Result<store::PutResult> result) {
  if (result)
    return settle({.key = key(), .etag = std::move(result->etag), .bytes = file_.identity.size},
                  file_.identity);
  const Error& error = result.error();
  // Each of these may mean that it took effect: the answer was lost, an earlier try was the one, or
  // the condition is broken by our own object.
  const bool is_doubtful = error.retry() == Retry::unknown_effect ||
                           error.code() == ErrorCode::not_found ||
                           (error.code() == ErrorCode::precondition && has_condition() &&
                            (job_->may_be_there || job_->is_recovered));
  if (!is_doubtful) return fail_with(std::move(result).error());
  ask_after(std::move(result).error());
}

void MultipartAttempt::ask_after(Error error) {
  job_->may_be_there = true;
  parts_.store.head(
      key(), guarded([this, error = std::move(error)](Result<store::ObjectInfo> found) mutable {
        const std::string expected = expected_etag();
        if (found && !expected.empty() && is_same_etag(found->etag, expected))
          return settle(
              {.key = key(), .etag = found->etag, .bytes = found->size, .was_there = true},
              file_.identity);
        stop({.kind = Outcome::Kind::failed, .error = std::move(error)});
        act_on_stop();
      }));
}

std::string MultipartAttempt::expected_etag() const {
  std::vector<std::string> etags;
  for (const auto& [number, part] : job_->parts) etags.push_back(part.etag);
  return multipart_etag(etags);
}

}  // namespace shoal::upload
