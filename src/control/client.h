// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "control/commands.h"
#include "control/status.h"

// Asks the server behind a socket; each call blocks for at most `patience` per step. Errors of all:
// unavailable (no socket, or nobody listens, as between a server's death and its successor),
// timeout, corrupt (an answer of another version), and what the server refused with.

namespace shoal::control {

[[nodiscard]] Result<Status> get_status(const std::filesystem::path& socket,
                                        std::chrono::milliseconds patience);

// What the server tells Prometheus, as it is.
[[nodiscard]] Result<std::string> get_metrics(const std::filesystem::path& socket,
                                              std::chrono::milliseconds patience);
// The level of the server's log; set_log_level() holds until it is set again or the server ends.
[[nodiscard]] Result<LogLevel> get_log_level(const std::filesystem::path& socket,
                                             std::chrono::milliseconds patience);
[[nodiscard]] Result<void> set_log_level(const std::filesystem::path& socket, LogLevel level,
                                         std::chrono::milliseconds patience);

// Starts a run over files. bad_input, limit (too many wait already).
[[nodiscard]] Result<JobReport> start_job(const std::filesystem::path& socket, const WarmSpec& spec,
                                          PathPattern::Syntax syntax,
                                          std::chrono::milliseconds patience);
// A job nobody asks for is canceled by its server after limits::kJobLease. not_found: its server
// died, or it ended long ago.
[[nodiscard]] Result<JobReport> ask_job(const std::filesystem::path& socket, std::string_view id,
                                        std::chrono::milliseconds patience);
[[nodiscard]] Result<JobReport> cancel_job(const std::filesystem::path& socket, std::string_view id,
                                           std::chrono::milliseconds patience);

// Errors as Volume::set_order.
[[nodiscard]] Result<void> announce_order(const std::filesystem::path& socket,
                                          const ReadOrder& order,
                                          std::chrono::milliseconds patience);

}  // namespace shoal::control
