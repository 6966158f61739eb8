// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

// Events with fields, for frontends, background loops and tools. Library code below `volume` does
// not log: it returns errors.
//
//   log_event(LogLevel::warning, "server.died", {{"pid", pid}, {"signal", "9"}});

namespace shoal {

enum class LogLevel { debug, info, warning, error };

struct LogField {
  std::string_view name;
  std::string value;
};

// Writes one line "time level event name=value ..." to the sink (standard error by default).
// synchronized.
void log_event(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

// Lines below `level` are dropped; info by default. Call before threads start.
void set_log_level(LogLevel level);

}  // namespace shoal
