// SPDX-License-Identifier: Apache-2.0
// Goal: a log line is one line whatever is in it, JSON is JSON, and a flood is counted instead of
// written. Method: whole lines compared; a limit asked at invented times.
#include "base/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/log_limit.h"

namespace shoal {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kAt{std::chrono::milliseconds(1767323045678)};

std::string line(LogFormat format, std::vector<LogField> fields) {
  return log_line(format, kAt, LogLevel::warning, "server.died", fields);
}

TEST(Log, a_text_line_has_time_level_event_and_fields) {
  EXPECT_EQ(line(LogFormat::text, {{"pid", 7}, {"how", "signal 9"}, {"resend", true}}),
            "2026-01-02T03:04:05.678Z warning server.died pid=7 how=\"signal 9\" resend=true");
}

TEST(Log, a_json_line_has_numbers_and_texts) {
  EXPECT_EQ(line(LogFormat::json, {{"pid", 7},
                                   {"how", std::string("signal 9")},
                                   {"seconds", 0.25},
                                   {"bytes", std::uint64_t{18446744073709551615u}},
                                   {"resend", false}}),
            "{\"ts\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warning\",\"event\":\"server.died\","
            "\"pid\":7,\"how\":\"signal 9\",\"seconds\":0.25,\"bytes\":18446744073709551615,"
            "\"resend\":false}");
  EXPECT_TRUE(line(LogFormat::json, {{"x", 1.0 / 0.0}}).ends_with("\"x\":\"inf\"}"));
}

TEST(Log, hostile_bytes_stay_inside_their_line) {
  EXPECT_TRUE(line(LogFormat::text, {{"key", "a\nb\x1b[2J\"\\"}})
                  .ends_with(" key=\"a\\nb\\x1b[2J\\\"\\\\\""));
  EXPECT_TRUE(line(LogFormat::text, {{"key",
                                      "\u00e9\xff\x9b"
                                      "1m\xc2\x9b"
                                      "2m\xc2"}})
                  .ends_with(" key=\u00e9\\xff\\x9b1m\\xc2\\x9b2m\\xc2"))
      << "bytes that are no UTF-8, and what terminals obey, are escaped in text, too";
  EXPECT_TRUE(line(LogFormat::json, {{"key", std::string_view("a\nb\x1b\0\"\\", 7)}})
                  .ends_with(",\"key\":\"a\\nb\\u001b\\u0000\\\"\\\\\"}"));
}

TEST(Log, json_holds_utf8_and_replaces_what_is_none) {
  EXPECT_TRUE(line(LogFormat::json, {{"k", "\u00e9\u20ac\U0001f41f"}})
                  .ends_with("\"k\":\"\u00e9\u20ac\U0001f41f\"}"));
  // A lone tail, an overlong slash, a surrogate, beyond the last code point, cut short.
  for (const char* bad : {"\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
    EXPECT_NE(line(LogFormat::json, {{"k", bad}}).find("\"k\":\"\\ufffd"), std::string::npos)
        << bad;
}

TEST(Log, levels_and_formats_have_names) {
  for (const auto level : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error})
    EXPECT_EQ(log_level_named(name_of(level)).value(), level);
  for (const auto format : {LogFormat::text, LogFormat::json})
    EXPECT_EQ(log_format_named(name_of(format)).value(), format);
  for (const char* name : {"", "INFO", "trace", "jsonl"}) {
    EXPECT_EQ(log_level_named(name).error().code(), ErrorCode::bad_input);
    EXPECT_EQ(log_format_named(name).error().code(), ErrorCode::bad_input);
  }
}

TEST(Log, a_level_holds_from_the_moment_it_is_set) {
  const LogLevel before = log_level();
  EXPECT_FALSE(is_logged(LogLevel::debug));
  set_log_level(LogLevel::debug);
  EXPECT_TRUE(is_logged(LogLevel::debug));
  set_log_level(LogLevel::error);
  EXPECT_FALSE(is_logged(LogLevel::warning));
  set_log_level(before);
}

TEST(LogLimit, writes_some_lines_a_minute_and_counts_the_rest) {
  LogLimit limit;
  const TimePoint start{};
  for (std::uint32_t i = 1; i <= LogLimit::kLinesMax; ++i) {
    const auto verdict = limit.admit(start + i * 10ms);
    EXPECT_TRUE(verdict.is_written);
    EXPECT_EQ(verdict.left_out, 0u);
    EXPECT_EQ(verdict.silent_for > 0s, i == LogLimit::kLinesMax);
  }
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(limit.admit(start + 30s).is_written);
  const auto next = limit.admit(start + 61s);
  EXPECT_TRUE(next.is_written);
  EXPECT_EQ(next.left_out, 1000u);
  EXPECT_EQ(limit.admit(start + 62s).left_out, 0u) << "said once";
}

TEST(LogLimit, a_limited_event_says_what_it_leaves_out) {
  LogLimit limit;
  testing::internal::CaptureStderr();
  for (int i = 0; i < 25; ++i) log_event(limit, LogLevel::error, "read.failed", {{"n", i}});
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), LogLimit::kLinesMax);
  EXPECT_NE(text.find("n=9 then_silent_s=60\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace shoal
