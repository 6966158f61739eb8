// SPDX-License-Identifier: Apache-2.0
#include "devbucket/chunked_decoder.h"

#include <algorithm>
#include <charconv>

#include "store/encoding.h"
#include "store/s3/sigv4.h"

namespace shoal::devbucket {
namespace {

constexpr std::size_t kLineBytesMax = 4096;
constexpr std::size_t kTrailersMax = 16;
constexpr std::string_view kEmptySha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::unexpected<ApiError> refuse_framing(std::string_view why) {
  return refuse(400, "InvalidChunkSizeError",
                "The aws-chunked body is broken: " + std::string(why));
}

std::unexpected<ApiError> refuse_signature() {
  return refuse(403, "SignatureDoesNotMatch",
                "The signature of a chunk or of the trailers does not match.");
}

// Checks one signature of the chain and makes it the base of the next.
bool advance(ChunkSigning& signing, std::string_view algorithm, std::string_view hashes,
             std::string_view claimed) {
  std::string text(algorithm);
  for (const std::string_view part :
       {std::string_view(signing.timestamp), std::string_view(signing.scope),
        std::string_view(signing.previous), hashes}) {
    text += '\n';
    text += part;
  }
  signing.previous = store::s3::signature(signing.key, text);
  return signing.previous == claimed;
}

}  // namespace

ApiResult<void> ChunkedDecoder::feed(std::string_view input) {
  while (!input.empty()) {
    if (state_ == State::done) return {};  // an extra line end
    if (state_ == State::data) {
      const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
      sink_(input.substr(0, bytes));
      if (signing_) digest_.add(input.substr(0, bytes));
      input.remove_prefix(bytes);
      left_ -= bytes;
      if (left_ > 0) return {};
      if (auto checked = check_chunk(); !checked) return checked;
      state_ = State::data_end;
      continue;
    }
    const std::size_t end = std::min(input.find('\n'), input.size());
    if (line_.size() + end > kLineBytesMax) return refuse_framing("a line has no end");
    line_ += input.substr(0, end);
    input.remove_prefix(end);
    if (input.empty()) return {};
    input.remove_prefix(1);
    if (line_.ends_with('\r')) line_.pop_back();
    if (auto taken = on_line(); !taken) return taken;
    line_.clear();
  }
  return {};
}

ApiResult<void> ChunkedDecoder::finish() {
  // Some clients leave the last empty line out; everything that is signed has come by then.
  if (state_ == State::done || (state_ == State::trailer_line && line_.empty() && !signing_))
    return {};
  return refuse(400, "IncompleteBody", "The aws-chunked body ends before its last chunk.");
}

ApiResult<void> ChunkedDecoder::on_line() {
  switch (state_) {
    case State::size_line:
      return on_size_line();
    case State::trailer_line:
      return on_trailer_line();
    default:
      break;
  }
  if (!line_.empty()) return refuse_framing("a chunk is longer than its size");
  state_ = State::size_line;
  return {};
}

ApiResult<void> ChunkedDecoder::on_size_line() {
  const std::string_view line = line_;
  const std::size_t semicolon = std::min(line.find(';'), line.size());
  const auto [end, error] = std::from_chars(line.data(), line.data() + semicolon, left_, 16);
  if (error != std::errc() || end != line.data() + semicolon)
    return refuse_framing("a size is not a number");
  constexpr std::string_view kSignature = ";chunk-signature=";
  const std::string_view extension = line.substr(semicolon);
  chunk_signature_ = extension.starts_with(kSignature) ? extension.substr(kSignature.size()) : "";
  if (left_ > 0) {
    state_ = State::data;
    return {};
  }
  state_ = State::trailer_line;
  return check_chunk();
}

ApiResult<void> ChunkedDecoder::on_trailer_line() {
  constexpr std::string_view kSignature = "x-amz-trailer-signature";
  if (line_.empty()) {
    if (signing_ && !trailers_.empty() && !are_trailers_checked_) return refuse_signature();
    state_ = State::done;
    return {};
  }
  const std::size_t colon = line_.find(':');
  if (colon == std::string::npos || trailers_.size() >= kTrailersMax)
    return refuse_framing("a trailer is not a header");
  std::string name = line_.substr(0, colon);
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  std::string_view value = std::string_view(line_).substr(colon + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  if (name == kSignature) return check_trailers(value);
  trailers_.emplace_back(std::move(name), value);
  return {};
}

ApiResult<void> ChunkedDecoder::check_chunk() {
  if (!signing_) return {};
  std::string hashes(kEmptySha256);
  hashes += '\n';
  hashes += store::hex(digest_.finish());
  if (!advance(*signing_, "AWS4-HMAC-SHA256-PAYLOAD", hashes, chunk_signature_))
    return refuse_signature();
  return {};
}

ApiResult<void> ChunkedDecoder::check_trailers(std::string_view signature) {
  if (!signing_) return {};
  std::string text;
  for (const auto& [name, value] : trailers_) text += name + ":" + value + "\n";
  if (!advance(*signing_, "AWS4-HMAC-SHA256-TRAILER", store::hex(store::sha256(text)), signature))
    return refuse_signature();
  are_trailers_checked_ = true;
  return {};
}

}  // namespace shoal::devbucket
