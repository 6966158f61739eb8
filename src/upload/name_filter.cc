// SPDX-License-Identifier: Apache-2.0
#include "upload/name_filter.h"

#include <ranges>

#include "base/glob.h"

namespace shoal::upload {
namespace {

constexpr std::string_view kAnyDepth = "**";

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> components;
  for (const auto part : path | std::views::split('/'))
    components.emplace_back(part.begin(), part.end());
  return components;
}

// Row by row, so that many "**" cost components times components and no more. reached[i]: the
// components so far match the first i names.
bool components_match(const std::vector<std::string>& pattern,
                      const std::vector<std::string_view>& names) {
  std::vector<bool> reached(names.size() + 1, false);
  reached[0] = true;
  for (const std::string& component : pattern) {
    std::vector<bool> next(names.size() + 1, false);
    if (component == kAnyDepth) {
      for (std::size_t i = 0; i <= names.size(); ++i)
        next[i] = reached[i] || (i > 0 && next[i - 1]);
    } else {
      for (std::size_t i = 0; i < names.size(); ++i)
        next[i + 1] = reached[i] && glob_matches(component, names[i]);
    }
    reached = std::move(next);
  }
  return reached[names.size()];
}

}  // namespace

bool NameFilter::Rule::matches(const std::vector<std::string_view>& path) const {
  if (by_name) return glob_matches(components.front(), path.back());
  return components_match(components, path);
}

Result<void> NameFilter::add(Effect effect, std::string_view pattern) {
  const auto refuse = [&](const char* why) {
    return fail(ErrorCode::bad_input, "pattern \"" + std::string(pattern) + "\": " + why,
                "Patterns are relative to the directory, like '*.csv' or 'logs/**/*.gz'.");
  };
  Rule rule{.effect = effect};
  std::string_view rest = pattern;
  const bool is_tree = rest.ends_with('/');
  rule.by_name = rest.find('/') == std::string_view::npos && rest != kAnyDepth;
  while (rest.starts_with('/')) rest.remove_prefix(1);
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.empty()) return refuse("it names nothing");
  for (const std::string_view component : split(rest)) {
    if (component == "." || component == "..") return refuse("\".\" and \"..\" name no file");
    if (!component.empty()) rule.components.emplace_back(component);
  }
  if (is_tree) rule.components.emplace_back(kAnyDepth);
  // "logs/" is that directory at any depth, as elsewhere; "/logs/" only at the top.
  if (is_tree && pattern.find('/') == pattern.size() - 1)
    rule.components.emplace(rule.components.begin(), kAnyDepth);
  rules_.push_back(std::move(rule));
  return {};
}

bool NameFilter::includes(std::string_view path) const {
  if (rules_.empty()) return true;
  const auto names = split(path);
  for (const Rule& rule : rules_ | std::views::reverse)
    if (rule.matches(names)) return rule.effect == Effect::include;
  return true;
}

}  // namespace shoal::upload
