// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "devbucket/disk_bucket.h"

// Multipart uploads under way, kept below the bucket's state directory so that they survive a
// restart: uploads/ID/info (the key and the headers) and uploads/ID/NNNNN-MD5[-CRC64] (the
// parts).

namespace shoal::devbucket {

struct UploadInfo {
  std::string id;
  std::string key;
  std::int64_t created_seconds = 0;
  std::vector<std::pair<std::string, std::string>> headers;
};
struct UploadPart {
  std::uint32_t number = 0;
  std::string md5_hex;
  std::optional<std::uint64_t> crc64;  // known of parts that came in OSS's dialect
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_seconds = 0;
  std::string path;  // below the bucket
};

// The uploads of one bucket. synchronized: every step is one change of a directory.
class Uploads {
 public:
  explicit Uploads(const DiskBucket& bucket) : bucket_(bucket) {}

  [[nodiscard]] ApiResult<std::string> create(const UploadInfo& info);
  // NoSuchUpload when there is none, or it is for another key.
  [[nodiscard]] ApiResult<UploadInfo> find(std::string_view id, std::string_view key) const;
  // All of them by key, then by id.
  [[nodiscard]] std::vector<UploadInfo> list() const;
  // A part replaces an earlier one of its number.
  // Number and sums of `part` count; the rest is the file's.
  [[nodiscard]] ApiResult<void> add_part(std::string_view id, const UploadPart& part,
                                         const DiskBucket::Staged& staged);
  [[nodiscard]] std::vector<UploadPart> parts(std::string_view id) const;
  void remove(std::string_view id);

 private:
  [[nodiscard]] std::string directory_of(std::string_view id) const;
  [[nodiscard]] bool read_info(std::string_view id, UploadInfo& info) const;

  const DiskBucket& bucket_;
};

}  // namespace shoal::devbucket
