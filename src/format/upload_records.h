// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

// What an uploader's journal holds, as plain values. Encoded with protobuf (upload.proto), so that
// a newer Shoal can add fields; decode_*() validates every range and never trusts a byte. Pure.

namespace shoal::format {

// Raised when an older Shoal could misread what a newer one wrote.
inline constexpr std::uint32_t kJournalVersion = 1;
inline constexpr std::uint32_t kPartsMax = 10'000;  // of one upload: S3 and OSS

struct JournalRecord {
  std::uint32_t version = kJournalVersion;
  std::string bucket{};  // "s3://bucket"
  std::string endpoint{};
  bool operator==(const JournalRecord&) const = default;
};

// Of a file at one moment (sys::FileIdentity).
struct IdentityRecord {
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  std::uint64_t inode = 0;
  bool operator==(const IdentityRecord&) const = default;
};

struct UploadJobRecord {
  enum class Kind : std::uint8_t { put = 1, append = 2, remove = 3 };
  // Where the bytes are: nowhere (remove), in the journal, in a file of the journal's, or in the
  // user's own file.
  enum class Body : std::uint8_t { none = 0, in_journal = 1, spooled = 2, file = 3 };
  Kind kind = Kind::put;
  Body body = Body::none;
  std::string key{};
  std::string file{};      // the user's file, absolute; also of a copy, for people
  std::uint64_t size = 0;  // of what is in the journal; of a file, what it was when accepted
  bool if_absent = false;
  std::string if_match{};
  std::string content_type{};
  std::optional<std::uint64_t> position{};  // append
  bool operator==(const UploadJobRecord&) const = default;
};

// An upload in parts. Without an id: it was about to be created, and may have been.
struct MultipartRecord {
  std::string upload_id{};
  std::uint64_t part_bytes = 0;  // > 0
  IdentityRecord identity{};     // of the file the parts are of
  std::int64_t started_at = 0;   // seconds since 1970
  bool operator==(const MultipartRecord&) const = default;
};

struct PartRecord {
  std::string etag{};
  std::uint64_t crc64 = 0;
  bool operator==(const PartRecord&) const = default;
};

struct SentRecord {
  std::string file{};
  IdentityRecord identity{};
  std::string etag{};
  bool operator==(const SentRecord&) const = default;
};

[[nodiscard]] std::string encode(const JournalRecord& record);
[[nodiscard]] std::string encode(const UploadJobRecord& record);
[[nodiscard]] std::string encode(const MultipartRecord& record);
[[nodiscard]] std::string encode(const PartRecord& record);
[[nodiscard]] std::string encode(const SentRecord& record);

// ErrorCode::corrupt for bytes that no encode() has made.
[[nodiscard]] Result<void> decode_into(std::string_view bytes, JournalRecord& record);
[[nodiscard]] Result<void> decode_into(std::string_view bytes, UploadJobRecord& record);
[[nodiscard]] Result<void> decode_into(std::string_view bytes, MultipartRecord& record);
[[nodiscard]] Result<void> decode_into(std::string_view bytes, PartRecord& record);
[[nodiscard]] Result<void> decode_into(std::string_view bytes, SentRecord& record);

}  // namespace shoal::format
