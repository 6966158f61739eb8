// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "devbucket/api_error.h"
#include "devbucket/checksums.h"

namespace shoal::devbucket {

// What the signatures of chunks are made with.
struct ChunkSigning {
  std::string key;  // the signing key of the day
  std::string timestamp;
  std::string scope;     // "20130524/us-east-1/s3/aws4_request"
  std::string previous;  // signature of the headers, then of each chunk
};

// Takes the aws-chunked framing off a body: HEX[;chunk-signature=SIG] CRLF DATA CRLF ... 0[...]
// CRLF [trailers] CRLF. Checks the signatures when it is given the means. confined.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
class ChunkedDecoder {
 public:
  using Sink = std::function<void(std::string_view)>;
  ChunkedDecoder(std::optional<ChunkSigning> signing, Sink sink)
      : signing_(std::move(signing)), sink_(std::move(sink)) {}

  // Takes the next piece of the body. A chunk's data reaches the sink before its signature is
  // checked; the caller must not use it when this or a later call fails.
  [[nodiscard]] ApiResult<void> feed(std::string_view input);
  // Whether the last chunk has come.
  [[nodiscard]] ApiResult<void> finish();
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& trailers() const {
    return trailers_;
  }

 private:
  enum class State { size_line, data, data_end, trailer_line, done };
  ApiResult<void> on_line();
  ApiResult<void> on_size_line();
  ApiResult<void> on_trailer_line();
  ApiResult<void> check_chunk();
  ApiResult<void> check_trailers(std::string_view signature);

  std::optional<ChunkSigning> signing_;
  Sink sink_;
  State state_ = State::size_line;
  std::string line_;
  std::uint64_t left_ = 0;
  std::string chunk_signature_;
  Digest digest_{Digest::Kind::sha256};
  std::vector<std::pair<std::string, std::string>> trailers_;
  bool are_trailers_checked_ = false;
};

}  // namespace shoal::devbucket
