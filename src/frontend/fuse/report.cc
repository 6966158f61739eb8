// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/report.h"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace shoal::fuse {
namespace {

using Json = nlohmann::json;

std::string line_of(const Json& json) {
  // Messages may quote foreign bytes; they must not make a report impossible.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

ErrorCode code_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::bug); ++i)
    if (name_of(static_cast<ErrorCode>(i)) == name) return static_cast<ErrorCode>(i);
  return ErrorCode::bug;
}

void write_report(int fd, std::string_view text) {
  // At most kReportBytesMax into an empty pipe: one write, which cannot block. SIGPIPE is ignored
  // by every process that reports.
  [[maybe_unused]] const auto written = ::write(fd, text.data(), text.size());
}

}  // namespace

std::string encode_success(std::string_view value) {
  return line_of({{"ok", true}, {"value", value}});
}

std::string encode_failure(const Error& error) {
  const auto bounded = [](const std::string& text) { return text.substr(0, kReportBytesMax / 8); };
  return line_of({{"ok", false},
                  {"code", name_of(error.code())},
                  {"message", bounded(error.message())},
                  {"remedy", bounded(error.remedy())}});
}

Result<std::string> decode_report(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto string_at = [&](const char* name) -> const std::string* {
    const auto found = json.find(name);
    return found == json.end() ? nullptr : found->get_ptr<const std::string*>();
  };
  const auto bad = [&] {
    return fail(ErrorCode::corrupt, "decode report of a child process: not a report");
  };
  if (!json.is_object() || !json.contains("ok") || !json["ok"].is_boolean()) return bad();
  if (json["ok"].get<bool>()) {
    const std::string* value = string_at("value");
    return value != nullptr ? Result<std::string>(*value) : bad();
  }
  const std::string* code = string_at("code");
  const std::string* message = string_at("message");
  const std::string* remedy = string_at("remedy");
  if (code == nullptr || message == nullptr || remedy == nullptr) return bad();
  return fail(code_named(*code), *message, *remedy);
}

void report_success(int fd, std::string_view value) {
  write_report(fd, encode_success(value));
}
void report_failure(int fd, const Error& error) {
  write_report(fd, encode_failure(error));
}

}  // namespace shoal::fuse
