// SPDX-License-Identifier: Apache-2.0
#include "control/exposition.h"

#include <utility>

namespace shoal::control {
namespace {

Error no_exposition(std::string_view line, std::string_view why) {
  return Error(ErrorCode::corrupt,
               "metrics line '" + std::string(line.substr(0, 80)) + "': " + std::string(why));
}

// "# HELP name text" or "# TYPE name text" behind the keyword.
std::pair<std::string_view, std::string_view> name_and_rest(std::string_view text) {
  const auto space = text.find(' ');
  if (space == std::string_view::npos) return {text, {}};
  return {text.substr(0, space), text.substr(space + 1)};
}

std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') text += '\\';
    text += c;
  }
  return text;
}

// The sample with `label` as its first: "name 1" or "name{a="b"} 1".
std::string labelled(std::string_view line, std::string_view name_end, const std::string& label) {
  const auto at = static_cast<std::size_t>(name_end.data() - line.data());
  std::string sample(line.substr(0, at));
  if (label.empty())
    sample += name_end;
  else if (name_end.starts_with('{'))
    (sample += "{" + label + ",") += name_end.substr(1);
  else
    (sample += "{" + label + "}") += name_end;
  return sample + "\n";
}

}  // namespace

Result<void> MergedExposition::add(std::string_view text, std::string_view label,
                                   std::string_view value) {
  const std::string pair =
      label.empty() ? std::string() : std::string(label) + "=\"" + escaped(value) + "\"";
  std::vector<std::pair<std::string, Family>> read;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return fail(no_exposition(text, "cut short"));
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.starts_with("# HELP ")) {
      const auto [name, help] = name_and_rest(line.substr(7));
      read.emplace_back(std::string(name), Family{std::string(help), {}, {}});
    } else if (line.starts_with("# TYPE ")) {
      const auto [name, type] = name_and_rest(line.substr(7));
      if (read.empty() || read.back().first != name || !read.back().second.type.empty())
        return fail(no_exposition(line, "a type without its family"));
      read.back().second.type = type;
    } else {
      const auto name_end = line.find_first_of("{ ");
      if (read.empty() || read.back().second.type.empty() || name_end == std::string_view::npos ||
          !line.starts_with(read.back().first))
        return fail(no_exposition(line, "a sample without its family"));
      read.back().second.samples += labelled(line, line.substr(name_end), pair);
    }
  }
  for (const auto& [name, family] : read)
    if (const auto known = families_.find(name);
        known != families_.end() && known->second.type != family.type)
      return fail(no_exposition(
          name, "a " + family.type + " here, a " + known->second.type + " elsewhere"));
  for (auto& [name, family] : read) {
    const auto [place, is_new] = families_.try_emplace(name, family);
    if (is_new)
      order_.push_back(name);
    else
      place->second.samples += family.samples;
  }
  return {};
}

std::string MergedExposition::text() const {
  std::string text;
  for (const std::string& name : order_) {
    const Family& family = families_.find(name)->second;
    text += "# HELP " + name + " " + family.help + "\n# TYPE " + name + " " + family.type + "\n" +
            family.samples;
  }
  return text;
}

}  // namespace shoal::control
