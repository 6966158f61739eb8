// SPDX-License-Identifier: Apache-2.0
#include "csi/option_list.h"

#include "csi/attribute_values.h"

namespace shoal::csi {
namespace {

Error malformed(std::string_view text, const std::string& why) {
  return Error(ErrorCode::bad_input, "options '" + std::string(text) + "': " + why,
               "Write them like: -o allow_other -o umask=022,uid=1000");
}

// One element of a list. Empty ones (",,") mean nothing, as for mount(8).
Result<void> add_option(std::string_view element, std::string_view all, std::vector<Option>& into) {
  element = trimmed(element);
  if (element.empty()) return {};
  const auto sign = element.find('=');
  const std::string_view name = trimmed(element.substr(0, sign));
  if (name.empty()) return fail(malformed(all, "'" + std::string(element) + "' has no name"));
  const std::string_view value = sign == std::string_view::npos ? "" : element.substr(sign + 1);
  into.push_back({std::string(name), std::string(trimmed(value))});
  return {};
}

Result<void> add_list(std::string_view list, std::string_view all, std::vector<Option>& into) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    SHOAL_CHECK_OK(add_option(list.substr(0, comma), all, into));
    list = comma == std::string_view::npos ? "" : list.substr(comma + 1);
  }
  return {};
}

}  // namespace

Result<std::vector<Option>> parse_other_options(std::string_view text) {
  std::vector<Option> options;
  const std::vector<std::string> fields = words(text);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    std::string_view list = fields[i];
    if (!list.starts_with("-o"))
      return fail(malformed(text, "'" + fields[i] + "' does not follow a -o"));
    list.remove_prefix(2);
    if (list.empty()) {
      if (++i == fields.size()) return fail(malformed(text, "nothing follows the last -o"));
      list = fields[i];
    }
    if (list.starts_with('-'))
      return fail(malformed(text, "'" + std::string(list) + "' follows a -o"));
    SHOAL_CHECK_OK(add_list(list, text, options));
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
      SHOAL_CHECK_OK(add_list(list, flag, options));
      continue;
    }
    options.push_back(
        {std::string(list.substr(0, space)), std::string(trimmed(list.substr(space)))});
  }
  return options;
}

}  // namespace shoal::csi
