// SPDX-License-Identifier: Apache-2.0
#include "http/response_parser.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace shoal::http {
namespace {

std::unexpected<Error> not_http(std::string why) {
  return fail(ErrorCode::unavailable, "the answer is not HTTP/1.1: " + std::move(why),
              "The other side does not speak HTTP/1.1: check the endpoint's address, port and "
              "scheme (http or https)");
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// RFC 9110, 5.6.2: the characters of a header's name.
constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (char c = '0'; c <= '9'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto kToken = make_token_table();

bool is_token(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return kToken[static_cast<unsigned char>(c)]; });
}
bool is_field_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= ' ' && byte != 0x7f) || c == '\t';
  });
}

// Whether a comma-separated list has the word.
bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (equal_ignoring_case(trim(list.substr(0, comma)), word)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

std::optional<std::uint64_t> parse_number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, value, base);
  // A length near 2^64 is no length, and would overflow the sums made with it.
  if (text.empty() || error != std::errc() || read != end || value >> 60 != 0) return std::nullopt;
  return value;
}

}  // namespace

void ResponseParser::reset(bool is_head) {
  state_ = State::head;
  is_head_request_ = is_head;
  started_ = false;
  keep_alive_ = true;
  failed_in_sink_ = false;
  interim_ = 0;
  partial_.clear();
  left_ = 0;
  trailer_bytes_ = 0;
  clear_head();
}

void ResponseParser::clear_head() {
  for (Header& header : head_.headers) spare_headers_.push_back(std::move(header));
  head_.headers.clear();
  head_.status = 0;
  content_length_.reset();
  is_chunked_ = is_http_1_0_ = says_close_ = says_keep_alive_ = false;
}

void ResponseParser::add_header(std::string_view name, std::string_view value) {
  if (spare_headers_.empty()) {
    head_.headers.push_back({std::string(name), std::string(value)});
    return;
  }
  Header header = std::move(spare_headers_.back());
  spare_headers_.pop_back();
  header.name.assign(name);
  header.value.assign(value);
  head_.headers.push_back(std::move(header));
}

Result<std::size_t> ResponseParser::feed(ByteSpan bytes, ResponseSink& sink) {
  std::size_t used = 0;
  if (!bytes.empty()) started_ = true;
  while (used < bytes.size() && state_ != State::complete) {
    const ByteSpan rest = bytes.subspan(used);
    switch (state_) {
      case State::head: {
        SHOAL_TRY(const std::size_t taken, take_head(as_text(rest), sink));
        used += taken;
        break;
      }
      case State::body_until_end:
        SHOAL_CHECK_OK(pass_on(rest, sink));
        used = bytes.size();
        break;
      case State::body_of_length:
      case State::chunk_data: {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size()));
        SHOAL_CHECK_OK(pass_on(rest.first(count), sink));
        used += count;
        left_ -= count;
        if (left_ == 0) state_ = state_ == State::chunk_data ? State::chunk_end : State::complete;
        break;
      }
      case State::chunk_size:
      case State::chunk_end:
      case State::trailer: {
        SHOAL_TRY(const std::size_t taken, take_line(as_text(rest)));
        used += taken;
        break;
      }
      case State::complete:
        break;
    }
  }
  return used;
}

Result<void> ResponseParser::finish() {
  if (state_ == State::body_until_end) state_ = State::complete;
  if (state_ == State::complete) return {};
  const char* why = !started_               ? "the connection was closed before the answer"
                    : state_ == State::head ? "the connection was closed within the answer's head"
                                            : "the connection was closed within the answer's body";
  return fail(Error(ErrorCode::unavailable, why).with_retry(Retry::yes));
}

Result<void> ResponseParser::pass_on(ByteSpan bytes, ResponseSink& sink) {
  auto taken = sink.on_body(bytes);
  failed_in_sink_ = !taken;
  return taken;
}

// ---- the head

// A head that came in one piece, as nearly all do, is read where it lies.
Result<std::size_t> ResponseParser::take_head(std::string_view text, ResponseSink& sink) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  // What cannot become a status line is refused at once: such a peer may never send a line end.
  constexpr std::string_view kStart = "HTTP/1.";
  for (std::size_t i = partial_.size(); i < kStart.size() && i - partial_.size() < text.size(); ++i)
    if (text[i - partial_.size()] != kStart[i]) return not_http("it does not begin with HTTP/1.");
  if (partial_.empty()) {
    const std::size_t end = text.find(kEnd);
    if (end != std::string_view::npos) {
      if (end > kHeadBytesMax) return not_http("its head is too long");
      SHOAL_CHECK_OK(read_head(text.substr(0, end), sink));
      return end + kEnd.size();
    }
  }
  const std::size_t before = partial_.size();
  const std::size_t room = kHeadBytesMax + kEnd.size() - before;
  partial_.append(text.substr(0, room));
  const std::size_t end = partial_.find(kEnd, before < 3 ? 0 : before - 3);
  if (end == std::string::npos) {
    if (partial_.size() >= kHeadBytesMax) return not_http("its head is too long");
    return text.size();
  }
  const std::string head = std::exchange(partial_, {});
  SHOAL_CHECK_OK(read_head(std::string_view(head).substr(0, end), sink));
  return end + kEnd.size() - before;
}

Result<void> ResponseParser::read_head(std::string_view head, ResponseSink& sink) {
  clear_head();
  std::size_t at = std::min(head.find("\r\n"), head.size());
  SHOAL_CHECK_OK(read_status(head.substr(0, at)));
  while (at < head.size()) {
    const std::size_t begin = at + 2;
    at = std::min(head.find("\r\n", begin), head.size());
    SHOAL_CHECK_OK(read_header(head.substr(begin, at - begin)));
  }
  if (head_.status == 101) return not_http("it switches to another protocol, unasked");
  if (head_.status < 200) {
    if (++interim_ > kInterimMax) return not_http("it has no end of interim answers");
    return {};
  }
  SHOAL_CHECK_OK(choose_framing());
  auto taken = sink.on_head(head_);
  failed_in_sink_ = !taken;
  return taken;
}

// "HTTP/1.1 206 Partial Content"
Result<void> ResponseParser::read_status(std::string_view line) {
  const bool is_known = line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ");
  const std::string_view code = is_known ? line.substr(9, 3) : std::string_view();
  const auto status = parse_number(code, 10);
  if (code.size() != 3 || !status || *status < 100 || (line.size() > 12 && line[12] != ' ') ||
      !is_field_text(line))
    return not_http("its status line cannot be read");
  is_http_1_0_ = line[7] == '0';
  head_.status = static_cast<int>(*status);
  return {};
}

Result<void> ResponseParser::read_header(std::string_view line) {
  if (head_.headers.size() == kHeadersMax) return not_http("it has too many headers");
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  // A space before the colon or a folded line would be read differently by others.
  if (colon == std::string_view::npos || !is_token(name))
    return not_http("a line of its head is no header");
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_field_text(value)) return not_http("a header has a control character");
  if (equal_ignoring_case(name, "Content-Length")) {
    const auto length = parse_number(value, 10);
    if (!length || (content_length_ && *content_length_ != *length))
      return not_http("its Content-Length cannot be read");
    content_length_ = length;
  } else if (equal_ignoring_case(name, "Transfer-Encoding")) {
    if (is_chunked_ || !equal_ignoring_case(value, "chunked"))
      return not_http("its Transfer-Encoding is not chunked");
    is_chunked_ = true;
  } else if (equal_ignoring_case(name, "Connection")) {
    says_close_ = says_close_ || has_word(value, "close");
    says_keep_alive_ = says_keep_alive_ || has_word(value, "keep-alive");
  }
  add_header(name, value);
  return {};
}

// RFC 9112, 6.3.
Result<void> ResponseParser::choose_framing() {
  keep_alive_ = !says_close_ && (!is_http_1_0_ || says_keep_alive_);
  if (is_chunked_ && (content_length_ || is_http_1_0_))
    return not_http("it has two lengths, Content-Length and Transfer-Encoding");
  const bool has_no_body = is_head_request_ || head_.status == 204 || head_.status == 304;
  if (has_no_body) {
    state_ = State::complete;
  } else if (is_chunked_) {
    state_ = State::chunk_size;
  } else if (content_length_) {
    left_ = *content_length_;
    state_ = left_ == 0 ? State::complete : State::body_of_length;
  } else {
    state_ = State::body_until_end;
    keep_alive_ = false;
  }
  return {};
}

// ---- chunks

// Takes one line, which may come in pieces, and what follows from it.
Result<std::size_t> ResponseParser::take_line(std::string_view text) {
  const std::size_t end = text.find('\n');
  const std::string_view piece = text.substr(0, end == std::string_view::npos ? end : end + 1);
  if (partial_.size() + piece.size() > kChunkLineBytesMax)
    return not_http("a line between its chunks is too long");
  partial_.append(piece);
  if (end == std::string_view::npos) return piece.size();
  std::string line = std::exchange(partial_, {});
  if (!line.ends_with("\r\n")) return not_http("a line between its chunks ends without CR");
  line.resize(line.size() - 2);
  switch (state_) {
    case State::chunk_size:
      SHOAL_CHECK_OK(read_chunk_size(line));
      break;
    case State::chunk_end:
      if (!line.empty()) return not_http("a chunk is longer than it says");
      state_ = State::chunk_size;
      break;
    default:  // trailers say nothing we need
      trailer_bytes_ += line.size();
      if (trailer_bytes_ > kHeadBytesMax) return not_http("its trailer is too long");
      if (line.empty()) state_ = State::complete;
      break;
  }
  return piece.size();
}

Result<void> ResponseParser::read_chunk_size(std::string_view line) {
  const auto size = parse_number(trim(line.substr(0, line.find(';'))), 16);
  if (!size) return not_http("the size of a chunk cannot be read");
  left_ = *size;
  state_ = left_ == 0 ? State::trailer : State::chunk_data;
  return {};
}

}  // namespace shoal::http
