// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/log.h"
#include "base/result.h"
#include "control/warm_run.h"
#include "shoal/volume.h"

// The JSON of commands and their answers. Pure. What comes from a client is taken strictly: a field
// nobody knows, a value of another type or out of range is bad_input, and the text names it.
//
//   POST /warm    {"paths": ["AAPL", "*/2026-01-02.csv"], "literal": false, "pin": false,
//                  "force": false, "parallel": 256, "timeout_seconds": 60}     202, a job
//   POST /check   {"paths": [...], "literal", "parallel", "timeout_seconds"}   202, a job
//   POST /unpin   {"paths": [...], "literal"}                                  202, a job
//   POST /order   {"list": "/file"} or {"seed": 1, "epoch": 0, "group_bytes": 134217728},
//                 "append": false, "guess": false                              200, {}
//   GET /jobs/ID  a job; DELETE cancels it
//
// A path that is not UTF-8 is written {"hex": "ff61"}. Only "paths" must be there.

namespace shoal::control {

[[nodiscard]] std::string encode_spec(const WarmSpec& spec, PathPattern::Syntax syntax);
[[nodiscard]] Result<WarmSpec> decode_spec(WarmSpec::Action action, std::string_view body);

[[nodiscard]] std::string encode_order(const ReadOrder& order);
[[nodiscard]] Result<ReadOrder> decode_order(std::string_view body);

// A job as the server tells of it.
struct JobReport {
  std::string id;
  WarmSpec::Action action = WarmSpec::Action::warm;
  WarmProgress progress;
};
[[nodiscard]] std::string encode_job(const JobReport& job);
// Fails with corrupt when it is no job.
[[nodiscard]] Result<JobReport> decode_job(std::string_view text);

//   GET /log      {"level": "info", "format": "text"};    PUT /log {"level": "debug"}
[[nodiscard]] std::string encode_log_state(LogLevel level, LogFormat format);
[[nodiscard]] std::string encode_log_level(LogLevel level);
[[nodiscard]] Result<LogLevel> decode_log_level(std::string_view body);
// From the answer of a server. corrupt.
[[nodiscard]] Result<LogLevel> decode_log_state(std::string_view text);

// {"error": {"code", "message", "remedy"}}
[[nodiscard]] std::string encode_error(const Error& error);
// The error inside, or one of code `corrupt` that says there is none.
[[nodiscard]] Error decode_error(std::string_view text);

}  // namespace shoal::control
