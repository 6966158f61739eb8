// SPDX-License-Identifier: Apache-2.0
#include "csi/option_list.h"

#include <algorithm>

#include "csi/attribute_values.h"

namespace shoal::csi {
namespace {

// Values are not repeated: one of them may be a key.
std::string shown(std::string_view text) {
  const auto sign = text.find('=');
  return "'" + std::string(text.substr(0, sign)) + (sign == std::string_view::npos ? "'" : "=...'");
}

Error malformed(std::string_view part, const std::string& why) {
  return Error(ErrorCode::bad_input, "options: " + (part.empty() ? why : shown(part) + " " + why),
               "Write them like: -o allow_other -o umask=022,uid=1000");
}

// One element of a list. Empty ones (",,") mean nothing, as for mount(8).
Result<void> add_option(std::string_view element, std::vector<Option>& into) {
  element = trimmed(element);
  if (element.empty()) return {};
  const auto sign = element.find('=');
  const std::string_view name = trimmed(element.substr(0, sign));
  if (name.empty()) return fail(malformed(element, "has no name"));
  std::string_view value = trimmed(sign == std::string_view::npos ? "" : element.substr(sign + 1));
  if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"'))
    value = value.substr(1, value.size() - 2);
  into.push_back({std::string(name), std::string(value)});
  return {};
}

// Where the first element ends. A comma between quotation marks is part of a value, as in
// context="system_u:object_r:container_file_t:s0:c1,c2".
std::size_t end_of_element(std::string_view list) {
  bool quoted = false;
  for (std::size_t at = 0; at < list.size(); ++at) {
    if (list[at] == '"') quoted = !quoted;
    if (list[at] == ',' && !quoted) return at;
  }
  return quoted ? std::min(list.find(','), list.size()) : list.size();
}

Result<void> add_list(std::string_view list, std::vector<Option>& into) {
  while (!list.empty()) {
    const auto end = end_of_element(list);
    SHOAL_CHECK_OK(add_option(list.substr(0, end), into));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return {};
}

}  // namespace

Result<std::vector<Option>> parse_other_options(std::string_view text) {
  std::vector<Option> options;
  const std::vector<std::string> fields = words(text);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    std::string_view list = fields[i];
    if (!list.starts_with("-o")) return fail(malformed(fields[i], "does not follow a -o"));
    list.remove_prefix(2);
    if (list.empty()) {
      if (++i == fields.size()) return fail(malformed({}, "nothing follows the last -o"));
      list = fields[i];
    }
    if (list.starts_with('-')) return fail(malformed(list, "follows a -o"));
    SHOAL_CHECK_OK(add_list(list, options));
  }
  return options;
}

Result<std::vector<Option>> parse_mount_flags(std::span<const std::string> flags) {
  std::vector<Option> options;
  for (const std::string& flag : flags) {
    std::string_view list = trimmed(flag);
    // "-o LIST" here, too: people copy it from otherOpts.
    if (list == "-o" || list.starts_with("-o ")) {
      SHOAL_TRY(const auto more, parse_other_options(list));
      options.insert(options.end(), more.begin(), more.end());
      continue;
    }
    while (list.starts_with('-')) list.remove_prefix(1);
    const auto space = list.find_first_of(" \t");
    if (space == std::string_view::npos || list.find('=') < space || list.find(',') < space) {
      SHOAL_CHECK_OK(add_list(list, options));
      continue;
    }
    options.push_back(
        {std::string(list.substr(0, space)), std::string(trimmed(list.substr(space)))});
  }
  return options;
}

}  // namespace shoal::csi
