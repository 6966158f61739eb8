// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/transport.h"

namespace shoal::http {

// Reads one HTTP/1.1 response from pieces of any size (RFC 9112) and hands it to a sink: the head
// once, the body in place. Strict: what could be read in two ways, or by no well-behaved server is
// sent, is refused, because the other side of a misunderstanding is wrong bytes. confined; used for
// one response after the other, keeping its memory.
class ResponseParser {
 public:
  static constexpr std::size_t kHeadBytesMax = 64 << 10;  // services send 1 KiB
  static constexpr std::size_t kHeadersMax = 256;
  static constexpr std::size_t kChunkLineBytesMax = 4 << 10;
  static constexpr int kInterimMax = 16;  // 1xx responses before the real one

  // Makes ready for the next response. `is_head`: to a HEAD request, which has no body.
  void reset(bool is_head);

  // Takes bytes as they came; returns how many belong to this response. All, unless it is complete.
  // Fails with the sink's error, or with unavailable (Retry::no) when this is not HTTP; not to be
  // fed after that. The sink must not call the parser.
  [[nodiscard]] Result<std::size_t> feed(ByteSpan bytes, ResponseSink& sink);
  // The stream has ended. Completes a body without a length; unavailable (Retry::yes) when
  // something is missing.
  [[nodiscard]] Result<void> finish();

  [[nodiscard]] bool complete() const { return state_ == State::complete; }
  // A byte of this response has come.
  [[nodiscard]] bool started() const { return started_; }
  // The connection can take another request once this response is complete.
  [[nodiscard]] bool keeps_alive() const { return keep_alive_; }
  // The last failure came from the sink and needs no context.
  [[nodiscard]] bool failed_in_sink() const { return failed_in_sink_; }

 private:
  enum class State {
    head,
    body_of_length,
    body_until_end,
    chunk_size,
    chunk_data,
    chunk_end,
    trailer,
    complete
  };

  [[nodiscard]] Result<std::size_t> take_head(std::string_view text, ResponseSink& sink);
  [[nodiscard]] Result<void> read_head(std::string_view head, ResponseSink& sink);
  [[nodiscard]] Result<void> read_status(std::string_view line);
  [[nodiscard]] Result<void> read_header(std::string_view line);
  [[nodiscard]] Result<void> choose_framing();
  [[nodiscard]] Result<void> pass_on(ByteSpan bytes, ResponseSink& sink);
  [[nodiscard]] Result<std::size_t> take_line(std::string_view text);
  [[nodiscard]] Result<void> read_chunk_size(std::string_view line);
  void add_header(std::string_view name, std::string_view value);
  void clear_head();

  State state_ = State::head;
  bool is_head_request_ = false;
  bool started_ = false;
  bool keep_alive_ = true;
  bool failed_in_sink_ = false;
  int interim_ = 0;
  std::string partial_;     // of a head or a line that comes in pieces
  std::uint64_t left_ = 0;  // of the body or of the chunk
  std::size_t trailer_bytes_ = 0;

  // What the head says about the framing.
  std::optional<std::uint64_t> content_length_;
  bool is_chunked_ = false;
  bool is_http_1_0_ = false;
  bool says_close_ = false;
  bool says_keep_alive_ = false;

  ResponseHead head_;
  std::vector<Header> spare_headers_;  // strings with memory for the next head
};

}  // namespace shoal::http
