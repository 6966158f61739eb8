// SPDX-License-Identifier: Apache-2.0
#include "control/path_pattern.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/glob.h"
#include "control/limits.h"

namespace shoal::control {
namespace {

std::string without_escapes(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && kGlobMeta.find(text[i + 1]) != std::string::npos)
      ++i;
    plain += text[i];
  }
  return plain;
}

PathPattern::Component component_of(std::string_view text, PathPattern::Syntax syntax) {
  using Kind = PathPattern::Component::Kind;
  if (syntax == PathPattern::Syntax::literal) return {Kind::literal, std::string(text)};
  if (text == "**") return {Kind::any_depth, std::string(text)};
  if (has_glob_meta(text)) return {Kind::glob, std::string(text)};
  return {Kind::literal, without_escapes(text)};
}

}  // namespace

bool PathPattern::Component::matches(std::string_view name) const {
  switch (kind) {
    case Kind::literal:
      return name == text;
    case Kind::glob:
      return name == text || glob_matches(text, name);
    case Kind::any_depth:
      return true;
  }
  return false;
}

Result<PathPattern> PathPattern::parse(std::string_view text, Syntax syntax) {
  const auto shown = [&] {
    return fmt::format("path \"{}{}\"", text.substr(0, 100), text.size() > 100 ? "..." : "");
  };
  if (text.size() > limits::kPathBytesMax)
    return fail(ErrorCode::bad_input,
                fmt::format("{}: {} bytes are longer than any key", shown(), text.size()),
                fmt::format("Give at most {} bytes.", limits::kPathBytesMax));
  if (text.find('\0') != std::string_view::npos)
    return fail(ErrorCode::bad_input,
                fmt::format("path \"{}\\0...\": holds a zero byte",
                            text.substr(0, std::min<std::size_t>(text.find('\0'), 100))),
                "Give one path per line; zero bytes separate nothing here.");
  PathPattern pattern;
  pattern.text_ = text;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find('/', begin), text.size());
    const std::string_view component = text.substr(begin, end - begin);
    begin = end + 1;
    if (component.empty() || component == ".") continue;
    if (component == "..")
      return fail(ErrorCode::bad_input, shown() + ": \"..\" leads outside the dataset",
                  "Paths are relative to the top of the dataset.");
    // "**/**" means no more than "**".
    Component made = component_of(component, syntax);
    if (made.kind == Component::Kind::any_depth && !pattern.components_.empty() &&
        pattern.components_.back().kind == Component::Kind::any_depth)
      continue;
    pattern.components_.push_back(std::move(made));
  }
  return pattern;
}

}  // namespace shoal::control
