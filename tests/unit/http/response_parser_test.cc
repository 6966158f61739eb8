// SPDX-License-Identifier: Apache-2.0
// Goal: a response is read one way, however its bytes are cut, or refused.
// Method: complete texts fed in pieces of every size; a table of what must be refused.
#include "http/response_parser.h"

#include <gtest/gtest.h>

namespace shoal::http {
namespace {

struct Collector final : ResponseSink {
  Result<void> on_head(const ResponseHead& response) override {
    ++heads;
    head = response;
    return {};
  }
  Result<void> on_body(ByteSpan bytes) override {
    body += as_text(bytes);
    return {};
  }
  ResponseHead head;
  std::string body;
  int heads = 0;
};

// Feeds `text` in pieces; the number of bytes taken.
Result<std::size_t> feed(ResponseParser& parser, std::string_view text, std::size_t piece,
                         ResponseSink& sink) {
  std::size_t used = 0;
  while (used < text.size() && !parser.complete()) {
    SHOAL_TRY(const std::size_t taken, parser.feed(as_bytes(text.substr(used, piece)), sink));
    used += taken;
  }
  return used;
}

TEST(ResponseParser, every_framing_is_read_in_pieces_of_every_size) {
  struct Case {
    const char* text;
    const char* body;
    bool keeps_alive;
  };
  const Case cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", true},
      {"HTTP/1.1 200\r\nContent-Length:5 \r\n\r\nhello", "hello", true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: x, Close\r\n\r\na", "a", false},
      {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", "a", false},
      {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", "a", true},
      {"HTTP/1.1 204 No\r\n\r\n", "", true},
      {"HTTP/1.1 304 Not\r\nContent-Length: 99\r\n\r\n", "", true},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n"
       "Transfer-Encoding: Chunked\r\n\r\n2;n=v\r\nab\r\n0A\r\n0123456789\r\n0\r\nT: t\r\n\r\n",
       "ab0123456789", true},
  };
  ResponseParser parser;
  for (const Case& example : cases) {
    const std::string text = std::string(example.text) + "SURPLUS";
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
      parser.reset(false);
      Collector sink;
      const auto used = feed(parser, text, piece, sink);
      ASSERT_TRUE(used) << example.text << used.error().to_string();
      EXPECT_TRUE(parser.complete()) << example.text << piece;
      EXPECT_EQ(*used, text.size() - 7) << "the surplus is not part of it";
      EXPECT_EQ(sink.heads, 1);
      EXPECT_EQ(sink.body, example.body);
      EXPECT_EQ(parser.keeps_alive(), example.keeps_alive) << example.text;
    }
  }
}

TEST(ResponseParser, an_answer_to_head_has_no_body_whatever_it_says) {
  ResponseParser parser;
  parser.reset(true);
  Collector sink;
  const auto used = feed(parser, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 100, sink);
  ASSERT_TRUE(used);
  EXPECT_EQ(*used, 38u);
  EXPECT_TRUE(parser.complete());
  EXPECT_EQ(sink.head.header("content-length"), "5");
}

TEST(ResponseParser, without_a_length_the_body_ends_with_the_stream) {
  ResponseParser parser;
  parser.reset(false);
  Collector sink;
  ASSERT_TRUE(feed(parser, "HTTP/1.1 200 OK\r\n\r\nabc", 4, sink));
  EXPECT_FALSE(parser.complete());
  EXPECT_TRUE(parser.finish());
  EXPECT_TRUE(parser.complete());
  EXPECT_FALSE(parser.keeps_alive());
  EXPECT_EQ(sink.body, "abc");
}

TEST(ResponseParser, an_early_end_may_be_tried_again) {
  for (const char* text :
       {"", "HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"}) {
    ResponseParser parser;
    parser.reset(false);
    Collector sink;
    ASSERT_TRUE(feed(parser, text, 100, sink));
    EXPECT_EQ(parser.started(), *text != '\0');
    const auto end = parser.finish();
    ASSERT_FALSE(end) << text;
    EXPECT_EQ(end.error().code(), ErrorCode::unavailable);
    EXPECT_EQ(end.error().retry(), Retry::yes);
  }
}

TEST(ResponseParser, what_could_be_read_in_two_ways_is_refused) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string cases[] = {
      "SSH-2.0-OpenSSH\r\n",
      "HTTP/2 200 OK\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 2000 OK\r\n\r\n",
      "HTTP/1.1 -20 OK\r\n\r\n",
      "HTTP/1.1 099 OK\r\n\r\n",
      "HTTP/1.1 101 Switching\r\n\r\n",
      ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
      ok + "Content-Length: 5, 5\r\n\r\n",
      ok + "Content-Length: +5\r\n\r\n",
      ok + "Content-Length:\r\n\r\n",
      ok + "Content-Length: 99999999999999999999\r\n\r\n",
      ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
      ok + "Transfer-Encoding: gzip, chunked\r\n\r\n",
      ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      ok + "No colon\r\n\r\n",
      ok + "Space : x\r\n\r\n",
      ok + ": x\r\n\r\n",
      ok + "A: x\r\n folded\r\n\r\n",
      ok + "A: x\nB: y\r\n\r\n",
      ok + std::string("A: \0\r\n\r\n", 8),
      ok + "Transfer-Encoding: chunked\r\n\r\n0x5\r\n",
      ok + "Transfer-Encoding: chunked\r\n\r\n\r\n",
      ok + "Transfer-Encoding: chunked\r\n\r\n5\n",
      ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
      ok + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
      ok + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(5000, 'x'),
      ok + "A: " + std::string(70'000, 'x'),
  };
  for (const std::string& text : cases) {
    for (const std::size_t piece : {std::size_t{1}, text.size()}) {
      ResponseParser parser;
      parser.reset(false);
      Collector sink;
      const auto used = feed(parser, text, piece, sink);
      ASSERT_FALSE(used) << text.substr(0, 80);
      EXPECT_EQ(used.error().code(), ErrorCode::unavailable);
      EXPECT_EQ(used.error().retry(), Retry::no);
    }
  }
}

TEST(ResponseParser, too_many_headers_and_interim_answers_are_refused) {
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 300; ++i) many += "H: v\r\n";
  std::string interim;
  for (int i = 0; i < 20; ++i) interim += "HTTP/1.1 100 C\r\n\r\n";
  for (const std::string& text : {many + "\r\n", interim}) {
    ResponseParser parser;
    parser.reset(false);
    Collector sink;
    EXPECT_FALSE(feed(parser, text, 1000, sink));
    EXPECT_EQ(sink.heads, 0);
  }
}

}  // namespace
}  // namespace shoal::http
