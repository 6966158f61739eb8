// SPDX-License-Identifier: Apache-2.0
#include "devbucket/body_receiver.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "store/encoding.h"

namespace shoal::devbucket {
namespace {

constexpr std::array<std::string_view, 5> kChecksumNames = {"crc32", "crc32c", "crc64nvme", "sha1",
                                                            "sha256"};

constexpr std::size_t kPieceBytes = 64u << 10;

bool is_sha256(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

BodyReceiver::BodyReceiver(const Request& request, const Identity& identity,
                           std::size_t text_bytes_max)
    : text_bytes_max_(text_bytes_max) {
  read_promises(request, identity);
}

BodyReceiver::BodyReceiver(const Request& request, const Identity& identity,
                           std::shared_ptr<DiskBucket> bucket, DiskBucket::Staged staged)
    : bucket_(std::move(bucket)), staged_(std::move(staged)) {
  md5_.emplace(Digest::Kind::md5);
  if (request.dialect == Dialect::oss) crc64_.emplace();
  read_promises(request, identity);
}

BodyReceiver::~BodyReceiver() {
  if (staged_) bucket_->discard(*staged_);
}

void BodyReceiver::read_promises(const Request& request, const Identity& identity) {
  const HeaderList& headers = request.headers;
  if (identity.payload_hash.starts_with("STREAMING-")) {
    decoder_ = std::make_unique<ChunkedDecoder>(identity.chunks,
                                                [this](std::string_view data) { take(data); });
    const std::string_view length = headers.find("x-amz-decoded-content-length");
    std::uint64_t bytes = 0;
    if (std::from_chars(length.data(), length.data() + length.size(), bytes).ec == std::errc())
      expected_bytes_ = bytes;
  } else if (is_sha256(identity.payload_hash)) {
    expected_sha256_ = identity.payload_hash;
    sha256_.emplace(Digest::Kind::sha256);
  }
  expected_md5_ = headers.find("content-md5");
  if (!expected_md5_.empty() && !md5_) md5_.emplace(Digest::Kind::md5);
  const std::string_view trailer = headers.find("x-amz-trailer");
  for (const std::string_view name : kChecksumNames) {
    const std::string header = "x-amz-checksum-" + std::string(name);
    const std::string_view expected = headers.find(header);
    if (!expected.empty() || trailer == header)
      named_.push_back({std::string(name), std::string(expected), make_checksum(name)});
  }
}

void BodyReceiver::feed(std::string_view piece) {
  if (failure_) return;
  if (!decoder_) return take(piece);
  if (auto fed = decoder_->feed(piece); !fed) failure_ = std::move(fed).error();
}

void BodyReceiver::take(std::string_view data) {
  if (failure_) return;
  size_bytes_ += data.size();
  if (md5_) md5_->add(data);
  if (sha256_) sha256_->add(data);
  if (crc64_) crc64_->add(data);
  for (Named& named : named_) named.sum->add(data);
  if (!staged_) {
    if (text_.size() + data.size() > text_bytes_max_)
      failure_ = ApiError{400, "MaxMessageLengthExceeded", "The body is too long.", {}, {}};
    else
      text_ += data;
    return;
  }
  // A small object is written in one call, however many pieces it came in.
  if (text_.size() + data.size() <= kPieceBytes) {
    text_ += data;
    return;
  }
  write_out(text_);
  text_.clear();
  write_out(data);
}

void BodyReceiver::write_out(std::string_view data) {
  while (!data.empty() && !failure_) {
    const ssize_t count = ::write(staged_->file.get(), data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      failure_ = ApiError{errno == ENOSPC ? 507 : 500,
                          "InternalError",
                          std::string("write the body to disk: ") + std::strerror(errno),
                          {},
                          {}};
      return;
    }
    data.remove_prefix(static_cast<std::size_t>(count));
  }
}

ApiResult<void> BodyReceiver::finish() {
  if (!failure_ && decoder_) {
    if (auto ended = decoder_->finish(); !ended) failure_ = std::move(ended).error();
  }
  if (staged_) write_out(text_);
  if (failure_) return refuse(std::move(*failure_));
  if (expected_bytes_ && *expected_bytes_ != size_bytes_)
    return refuse(400, "IncompleteBody",
                  "You did not provide the number of bytes specified by the "
                  "x-amz-decoded-content-length header.");
  if (sha256_ && store::hex(sha256_->finish()) != expected_sha256_)
    return refuse(400, "XAmzContentSHA256Mismatch",
                  "The provided 'x-amz-content-sha256' header does not match what was computed.");
  if (md5_) {
    const std::string md5 = md5_->finish();
    if (!expected_md5_.empty() && store::base64(md5) != expected_md5_)
      return refuse(400, "BadDigest",
                    "The Content-MD5 you specified did not match what we received.");
    md5_hex_ = store::hex(md5);
  }
  return check_checksums();
}

ApiResult<void> BodyReceiver::check_checksums() {
  for (Named& named : named_) {
    const std::string header = "x-amz-checksum-" + named.name;
    if (named.expected.empty() && decoder_) {
      for (const auto& [name, value] : decoder_->trailers())
        if (name == header) named.expected = value;
    }
    const std::string computed = named.sum->finish();
    if (computed != named.expected)
      return refuse(400, "BadDigest",
                    "The " + named.name + " you specified did not match the calculated checksum.");
    checked_.emplace_back(header, computed);
  }
  return {};
}

std::optional<std::uint64_t> BodyReceiver::crc64() const {
  return crc64_ ? std::optional(crc64_->value()) : std::nullopt;
}

DiskBucket::Staged BodyReceiver::take_staged() {
  DiskBucket::Staged staged = std::move(*staged_);
  staged_.reset();
  return staged;
}

}  // namespace shoal::devbucket
