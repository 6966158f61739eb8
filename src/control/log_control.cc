// SPDX-License-Identifier: Apache-2.0
#include "control/log_control.h"

#include <algorithm>

#include "base/log.h"
#include "control/commands.h"

namespace shoal::control {

std::string log_state() {
  return encode_log_state(log_level(), log_format());
}

Result<std::string> change_log_level(std::string_view body) {
  SHOAL_TRY(const LogLevel level, decode_log_level(body));
  const LogLevel before = log_level();
  set_log_level(std::min({before, level, LogLevel::info}));  // the change is said at any level
  log_event(LogLevel::info, "log.level", {{"before", name_of(before)}, {"now", name_of(level)}});
  set_log_level(level);
  return log_state();
}

}  // namespace shoal::control
