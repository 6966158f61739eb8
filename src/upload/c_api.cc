// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "base/result.h"
#include "shoal/uploader.h"
#include "shoal/uploader_c.h"

// Translation only. Every function runs its work in guarded(), which lets no exception out.

namespace {

// Stable: programs compare them. shoal::name_of() is for people.
const char* name_of_code(shoal::ErrorCode code) {
  constexpr const char* kNames[] = {"not_found", "precondition", "permission", "throttled",
                                    "timeout",   "unavailable",  "corrupt",    "no_space",
                                    "limit",     "canceled",     "bad_input",  "unsupported",
                                    "io",        "closed",       "bug"};
  static_assert(std::size(kNames) == SHOAL_BUG);
  return kNames[static_cast<std::size_t>(code)];
}

}  // namespace

struct shoal_error {
  explicit shoal_error(const shoal::Error& error)
      : code(static_cast<int>(error.code()) + 1),
        name(name_of_code(error.code())),
        message(error.message()),
        remedy(error.remedy()),
        text(error.to_string()) {}
  int code;
  std::string name;
  std::string message;
  std::string remedy;
  std::string text;
};

struct shoal_uploader {
  std::unique_ptr<shoal::Uploader> uploader;
  std::string journal;
};

struct shoal_upload {
  shoal::Upload future;
};

namespace {

using shoal::Error;
using shoal::ErrorCode;
using shoal::Result;

static_assert(static_cast<int>(ErrorCode::not_found) + 1 == SHOAL_NOT_FOUND);
static_assert(static_cast<int>(ErrorCode::precondition) + 1 == SHOAL_PRECONDITION);
static_assert(static_cast<int>(ErrorCode::permission) + 1 == SHOAL_PERMISSION);
static_assert(static_cast<int>(ErrorCode::throttled) + 1 == SHOAL_THROTTLED);
static_assert(static_cast<int>(ErrorCode::timeout) + 1 == SHOAL_TIMEOUT);
static_assert(static_cast<int>(ErrorCode::unavailable) + 1 == SHOAL_UNAVAILABLE);
static_assert(static_cast<int>(ErrorCode::corrupt) + 1 == SHOAL_CORRUPT);
static_assert(static_cast<int>(ErrorCode::no_space) + 1 == SHOAL_NO_SPACE);
static_assert(static_cast<int>(ErrorCode::limit) + 1 == SHOAL_LIMIT);
static_assert(static_cast<int>(ErrorCode::canceled) + 1 == SHOAL_CANCELED);
static_assert(static_cast<int>(ErrorCode::bad_input) + 1 == SHOAL_BAD_INPUT);
static_assert(static_cast<int>(ErrorCode::unsupported) + 1 == SHOAL_UNSUPPORTED);
static_assert(static_cast<int>(ErrorCode::io) + 1 == SHOAL_IO);
static_assert(static_cast<int>(ErrorCode::closed) + 1 == SHOAL_CLOSED);
static_assert(static_cast<int>(ErrorCode::bug) + 1 == SHOAL_BUG);

// What is left to return when there is no memory for an error. Never freed.
shoal_error* out_of_memory() {
  static shoal_error error(Error(ErrorCode::limit, "the process is out of memory",
                                 "Let it use more, or send smaller pieces."));
  return &error;
}
// Made while there is memory.
[[maybe_unused]] const shoal_error* const kMadeEarly = out_of_memory();

// Runs `work`, which returns Result<void>.
template <typename Work>
shoal_error* guarded(Work work) noexcept {
  try {
    const Result<void> done = work();
    if (done) return nullptr;
    return new shoal_error(done.error());
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::exception& caught) {
    try {
      return new shoal_error(Error(ErrorCode::bug, std::string("unexpected: ") + caught.what()));
    } catch (...) {
      return out_of_memory();
    }
  } catch (...) {
    return out_of_memory();
  }
}

// The caller's struct as this library knows it: members that its version has not are zero.
template <typename T>
Result<T> known_part(const T* given, const char* name) {
  T whole{};
  if (given == nullptr) return whole;
  if (given->struct_bytes < sizeof given->struct_bytes)
    return shoal::fail(ErrorCode::bad_input, std::string(name) + ": struct_bytes is not set",
                       std::string("Set it to sizeof(") + name + ").");
  std::memcpy(&whole, given, std::min(given->struct_bytes, sizeof whole));
  return whole;
}

// Writes as much of `whole` as the caller's version of the struct holds.
template <typename T>
Result<void> fill(T* target, T whole, const char* name) {
  if (target == nullptr) return {};
  const std::size_t room = target->struct_bytes;
  if (room < sizeof room)
    return shoal::fail(ErrorCode::bad_input, std::string(name) + ": struct_bytes is not set",
                       std::string("Set it to sizeof(") + name + ").");
  whole.struct_bytes = room;
  std::memcpy(target, &whole, std::min(room, sizeof whole));
  return {};
}

Result<std::string> needed(const char* text, const char* name) {
  if (text == nullptr)
    return shoal::fail(ErrorCode::bad_input, std::string(name) + " is NULL", "Pass a string.");
  return std::string(text);
}

template <typename T, typename U>
void set_if(T& target, U value) {
  if (value != U{}) target = static_cast<T>(value);
}
void set_if(std::string& target, const char* text) {
  if (text != nullptr) target = text;
}
void set_if(std::filesystem::path& target, const char* text) {
  if (text != nullptr) target = text;
}

Result<shoal::UploaderOptions> options_of(const shoal_uploader_options* given) {
  SHOAL_TRY(const auto known, known_part(given, "shoal_uploader_options"));
  shoal::UploaderOptions options;
  set_if(options.endpoint, known.endpoint);
  set_if(options.region, known.region);
  set_if(options.profile, known.profile);
  set_if(options.credentials_file, known.credentials_file);
  set_if(options.addressing, known.addressing);
  set_if(options.signature, known.signature);
  options.sign_requests = known.no_sign_request == 0;
  if (known.durability != SHOAL_POWER_LOSS && known.durability != SHOAL_PROCESS_DEATH)
    return shoal::fail(ErrorCode::bad_input, "durability is " + std::to_string(known.durability),
                       "Use SHOAL_POWER_LOSS or SHOAL_PROCESS_DEATH.");
  options.durability = known.durability == SHOAL_POWER_LOSS ? shoal::Durability::power_loss
                                                            : shoal::Durability::process_death;
  set_if(options.journal, known.journal);
  set_if(options.memory_bytes_max, known.memory_bytes_max);
  set_if(options.journal_bytes_max, known.journal_bytes_max);
  set_if(options.pending_max, known.pending_max);
  if (known.accept_timeout_ms != 0)
    options.accept_timeout = std::chrono::milliseconds(known.accept_timeout_ms);
  if (known.requests_in_flight_max > UINT32_MAX)
    return shoal::fail(ErrorCode::bad_input, "requests_in_flight_max is too large",
                       "Use 1 to 4096.");
  set_if(options.requests_in_flight_max, known.requests_in_flight_max);
  set_if(options.requests_per_second_max, known.requests_per_second_max);
  set_if(options.bytes_per_second_max, known.bytes_per_second_max);
  set_if(options.part_bytes, known.part_bytes);
  set_if(options.single_put_bytes_max, known.single_put_bytes_max);
  if (known.retry_for_s == SHOAL_FOR_EVER)
    options.retry_for = {};
  else if (known.retry_for_s != 0)
    options.retry_for = std::chrono::seconds(known.retry_for_s);
  return options;
}

Result<shoal::PutOptions> put_options_of(const shoal_put_options* given) {
  SHOAL_TRY(const auto known, known_part(given, "shoal_put_options"));
  shoal::PutOptions options;
  options.no_clobber = known.no_clobber != 0;
  set_if(options.if_match, known.if_match);
  set_if(options.content_type, known.content_type);
  options.copy = known.copy != 0;
  return options;
}

Result<std::span<const std::byte>> span_of(const void* bytes, std::size_t count) {
  if (bytes == nullptr && count > 0)
    return shoal::fail(ErrorCode::bad_input, "bytes is NULL and byte_count is not 0");
  return std::span(static_cast<const std::byte*>(bytes), count);
}

// `accept()` returns Result<Upload>; the handle is made first, so that accepted work is never
// without one.
template <typename Accept>
Result<void> accepted(shoal_upload** upload, Accept accept) {
  auto handle = std::make_unique<shoal_upload>();
  SHOAL_TRY(handle->future, accept());
  if (upload != nullptr) *upload = handle.release();
  return {};
}

std::chrono::milliseconds wait_of(std::int64_t timeout_ms) {
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 365);
  if (timeout_ms < 0) return kLongest;
  return std::min(std::chrono::milliseconds(timeout_ms), kLongest);
}

}  // namespace

extern "C" {

int shoal_error_code(const shoal_error* error) {
  return error->code;
}
const char* shoal_error_name(const shoal_error* error) {
  return error->name.c_str();
}
const char* shoal_error_message(const shoal_error* error) {
  return error->message.c_str();
}
const char* shoal_error_remedy(const shoal_error* error) {
  return error->remedy.c_str();
}
const char* shoal_error_text(const shoal_error* error) {
  return error->text.c_str();
}
void shoal_error_free(shoal_error* error) {
  if (error != out_of_memory()) delete error;
}

shoal_error* shoal_uploader_open(const char* url, const shoal_uploader_options* options,
                                 shoal_uploader** uploader) {
  return guarded([&]() -> Result<void> {
    SHOAL_TRY(const std::string where, needed(url, "url"));
    SHOAL_TRY(const auto known, options_of(options));
    auto handle = std::make_unique<shoal_uploader>();
    SHOAL_TRY(handle->uploader, shoal::open_uploader(where, known));
    handle->journal = handle->uploader->journal().string();
    *uploader = handle.release();
    return {};
  });
}

void shoal_uploader_close(shoal_uploader* uploader) {
  delete uploader;
}

shoal_error* shoal_uploader_put_object(shoal_uploader* uploader, const char* key, const void* bytes,
                                       size_t byte_count, const shoal_put_options* options,
                                       shoal_upload** upload) {
  return guarded([&]() -> Result<void> {
    SHOAL_TRY(const std::string name, needed(key, "key"));
    SHOAL_TRY(const auto body, span_of(bytes, byte_count));
    SHOAL_TRY(const auto known, put_options_of(options));
    return accepted(upload, [&] { return uploader->uploader->put_object(name, body, known); });
  });
}

shoal_error* shoal_uploader_put_object_from_file(shoal_uploader* uploader, const char* key,
                                                 const char* file, const shoal_put_options* options,
                                                 shoal_upload** upload) {
  return guarded([&]() -> Result<void> {
    SHOAL_TRY(const std::string name, needed(key, "key"));
    SHOAL_TRY(const std::string path, needed(file, "file"));
    SHOAL_TRY(const auto known, put_options_of(options));
    return accepted(upload,
                    [&] { return uploader->uploader->put_object_from_file(name, path, known); });
  });
}

shoal_error* shoal_uploader_append_object(shoal_uploader* uploader, const char* key,
                                          uint64_t position, const void* bytes, size_t byte_count,
                                          shoal_upload** upload) {
  return guarded([&]() -> Result<void> {
    SHOAL_TRY(const std::string name, needed(key, "key"));
    SHOAL_TRY(const auto body, span_of(bytes, byte_count));
    std::optional<std::uint64_t> at;
    if (position != SHOAL_AT_END) at = position;
    return accepted(upload, [&] { return uploader->uploader->append_object(name, at, body); });
  });
}

shoal_error* shoal_uploader_remove_object(shoal_uploader* uploader, const char* key,
                                          shoal_upload** upload) {
  return guarded([&]() -> Result<void> {
    SHOAL_TRY(const std::string name, needed(key, "key"));
    return accepted(upload, [&] { return uploader->uploader->remove_object(name); });
  });
}

int shoal_upload_wait(const shoal_upload* upload, int64_t timeout_ms) {
  // A copy of its own for each thread that waits, as std::shared_future wants it.
  const shoal::Upload future = upload->future;
  return future.wait_for(wait_of(timeout_ms)) == std::future_status::ready ? 1 : 0;
}

int shoal_upload_is_ready(const shoal_upload* upload) {
  return shoal_upload_wait(upload, 0);
}

shoal_error* shoal_upload_result(const shoal_upload* upload, shoal_uploaded* uploaded) {
  return guarded([&]() -> Result<void> {
    const shoal::Upload future = upload->future;
    const Result<shoal::Uploaded>& result = future.get();
    if (!result) return shoal::fail(result.error());
    return fill(uploaded,
                shoal_uploaded{.struct_bytes = 0,
                               .key = result->key.c_str(),
                               .etag = result->etag.c_str(),
                               .bytes = result->bytes,
                               .next_position = result->next_position,
                               .was_there = result->was_there ? 1 : 0},
                "shoal_uploaded");
  });
}

void shoal_upload_free(shoal_upload* upload) {
  delete upload;
}

shoal_error* shoal_uploader_flush(shoal_uploader* uploader, int64_t timeout_ms) {
  return guarded([&] { return uploader->uploader->flush(wait_of(timeout_ms)); });
}

shoal_error* shoal_uploader_get_stats(const shoal_uploader* uploader, shoal_uploader_stats* stats) {
  return guarded([&]() -> Result<void> {
    const shoal::UploaderStats now = uploader->uploader->stats();
    return fill(stats,
                shoal_uploader_stats{.struct_bytes = 0,
                                     .accepted = now.accepted,
                                     .recovered = now.recovered,
                                     .pending = now.pending,
                                     .pending_bytes = now.pending_bytes,
                                     .waiting = now.waiting,
                                     .sent = now.sent,
                                     .sent_bytes = now.sent_bytes,
                                     .found_there = now.found_there,
                                     .refused = now.refused,
                                     .wire_bytes = now.wire_bytes,
                                     .requests = now.requests,
                                     .parts_resumed = now.parts_resumed,
                                     .changed_files = now.changed_files,
                                     .retries = now.retries,
                                     .throttled = now.throttled,
                                     .memory_bytes = now.memory_bytes,
                                     .journal_bytes = now.journal_bytes},
                "shoal_uploader_stats");
  });
}

const char* shoal_uploader_url(const shoal_uploader* uploader) {
  return uploader->uploader->url().c_str();
}

const char* shoal_uploader_journal(const shoal_uploader* uploader) {
  return uploader->journal.c_str();
}

}  // extern "C"
