// SPDX-License-Identifier: Apache-2.0
#include "watch_view.h"

#include <nlohmann/json.hpp>
#include <string>

#include "base/log.h"

namespace shoal::tools {
namespace {

using upload::WatchEvent;
using Json = nlohmann::ordered_json;
using Kind = WatchEvent::Kind;

LogLevel level_of(const WatchEvent& event) {
  switch (event.kind) {
    case Kind::ready:
    case Kind::sent:
    case Kind::deleted:
    case Kind::changed:
    case Kind::compared:
      return LogLevel::info;
    case Kind::kept:
    case Kind::delayed:
    case Kind::held_open:
    case Kind::skipped:
    case Kind::unwatched:
    case Kind::lost_events:
    case Kind::trouble:
      return LogLevel::warning;
    case Kind::refused:
      return LogLevel::error;
  }
  return LogLevel::error;
}

void put_line(std::FILE* file, const Json& line) {
  // Keys are bytes; what is not UTF-8 is replaced.
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
}

}  // namespace

void WatchView::show(const WatchEvent& event) {
  const std::string text = event.error != nullptr ? event.error->to_string() : event.text;
  if (json_) {
    Json line{{"event", upload::name_of(event.kind)}};
    if (!event.key.empty()) line["key"] = event.key;
    if (event.kind == Kind::sent || event.kind == Kind::deleted) line["bytes"] = event.bytes;
    if (!text.empty()) line[event.error != nullptr ? "error" : "text"] = text;
    put_line(io_.out, line);
    return;
  }
  const std::string name = "watch." + std::string(upload::name_of(event.kind));
  if (event.key.empty())
    log_event(level_of(event), name, {{"text", text}});
  else if (text.empty())
    log_event(level_of(event), name, {{"key", event.key}, {"bytes", event.bytes}});
  else
    log_event(level_of(event), name, {{"key", event.key}, {"text", text}});
}

void WatchView::show_summary(const upload::WatchSummary& summary) {
  if (json_) {
    put_line(io_.out, {{"event", "summary"},
                       {"sent", summary.sent},
                       {"sent_bytes", summary.sent_bytes},
                       {"deleted", summary.deleted},
                       {"refused", summary.refused},
                       {"skipped_errors", summary.skipped_errors},
                       {"overflows", summary.overflows},
                       {"left", summary.left}});
    return;
  }
  log_event(LogLevel::info, "watch.end",
            {{"sent", summary.sent},
             {"bytes", summary.sent_bytes},
             {"deleted", summary.deleted},
             {"refused", summary.refused},
             {"left", summary.left}});
}

}  // namespace shoal::tools
