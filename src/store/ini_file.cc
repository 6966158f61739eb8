// SPDX-License-Identifier: Apache-2.0
#include "store/ini_file.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace shoal::store {
namespace {

constexpr std::uintmax_t kFileBytesMax = 1 << 20;  // real ones have some KiB

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

}  // namespace

Result<IniFile> IniFile::parse(std::string_view text, const std::string& name) {
  IniFile file;
  std::map<std::string, Secret, std::less<>>* section = nullptr;
  if (text.starts_with("\xEF\xBB\xBF"))
    text.remove_prefix(3);  // byte order mark of Windows editors
  for (int number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::string_view line = trimmed(raw);
    const auto refuse = [&](std::string_view why) {
      return fail(ErrorCode::bad_input,
                  name + ":" + std::to_string(number) + ": " + std::string(why),
                  "Correct the line, or name another file.");
    };
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (section != nullptr && (raw.front() == ' ' || raw.front() == '\t')) continue;
    if (line.front() == '[') {
      if (line.back() != ']' || trimmed(line.substr(1, line.size() - 2)).empty())
        return refuse("a section must look like [name]");
      section = &file.sections_[std::string(trimmed(line.substr(1, line.size() - 2)))];
      continue;
    }
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return refuse("neither a [section] nor 'name = value'");
    if (section == nullptr) return refuse("a value before the first [section]");
    (*section)[lower(trimmed(line.substr(0, equals)))] =
        Secret(std::string(trimmed(line.substr(equals + 1))));
  }
  return file;
}

Result<std::optional<IniFile>> IniFile::load(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory)
    return std::nullopt;
  if (!error && size > kFileBytesMax)
    return fail(ErrorCode::bad_input, path.string() + ": too large for a file of credentials");
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (error || !stream || !(text << stream.rdbuf() || size == 0))
    return fail(ErrorCode::permission, path.string() + ": cannot be read",
                "Check the file's owner and mode.");
  const Secret held(std::move(text).str());
  SHOAL_TRY(auto file, parse(held.reveal(), path.string()));
  return std::optional(std::move(file));
}

std::string_view IniFile::value(std::string_view section, std::string_view name) const {
  const auto found = sections_.find(section);
  if (found == sections_.end()) return {};
  const auto value = found->second.find(name);
  return value == found->second.end() ? std::string_view() : value->second.reveal();
}

std::string_view IniFile::value_of_any(std::string_view section,
                                       std::initializer_list<std::string_view> names) const {
  for (const auto name : names)
    if (const auto text = value(section, name); !text.empty()) return text;
  return {};
}

}  // namespace shoal::store
