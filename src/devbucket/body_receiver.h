// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "devbucket/authorizer.h"
#include "devbucket/disk_bucket.h"

namespace shoal::devbucket {

// Takes in the body of one request: removes its framing, checks everything the client promised
// about it (length, hashes, checksums), and keeps it in memory or in a staged file. confined.
class BodyReceiver {
 public:
  // A body kept in memory, at most `text_bytes_max`.
  BodyReceiver(const Request& request, const Identity& identity, std::size_t text_bytes_max);
  // A body kept in a file of `bucket`.
  BodyReceiver(const Request& request, const Identity& identity, std::shared_ptr<DiskBucket> bucket,
               DiskBucket::Staged staged);
  ~BodyReceiver();
  BodyReceiver(const BodyReceiver&) = delete;
  BodyReceiver& operator=(const BodyReceiver&) = delete;

  // After the first failure the rest of a body is thrown away; finish() tells.
  void feed(std::string_view piece);
  [[nodiscard]] ApiResult<void> finish();

  // After finish(): what came.
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] const std::string& md5_hex() const { return md5_hex_; }
  [[nodiscard]] std::optional<std::uint64_t> crc64() const;
  // The checksums the client sent, checked; as response headers.
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& checksums() const {
    return checked_;
  }
  [[nodiscard]] DiskBucket::Staged take_staged();

 private:
  struct Named {
    std::string name;      // "crc32"
    std::string expected;  // empty: comes as a trailer
    std::unique_ptr<NamedChecksum> sum;
  };
  void read_promises(const Request& request, const Identity& identity);
  void take(std::string_view data);
  void write_out(std::string_view data);
  ApiResult<void> check_checksums();

  std::shared_ptr<DiskBucket> bucket_;
  std::optional<DiskBucket::Staged> staged_;
  std::size_t text_bytes_max_ = 0;
  std::string text_;  // of a staged body: what is not in its file yet
  std::uint64_t size_bytes_ = 0;
  std::optional<ApiError> failure_;

  std::unique_ptr<ChunkedDecoder> decoder_;
  std::optional<Digest> md5_;
  std::optional<Digest> sha256_;
  std::optional<Crc64Xz> crc64_;
  std::vector<Named> named_;
  std::string expected_sha256_;
  std::string expected_md5_;
  std::optional<std::uint64_t> expected_bytes_;
  std::string md5_hex_;
  std::vector<std::pair<std::string, std::string>> checked_;
};

}  // namespace shoal::devbucket
