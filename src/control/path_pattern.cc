// SPDX-License-Identifier: Apache-2.0
#include "control/path_pattern.h"

#include <fmt/format.h>

#include <optional>

#include "control/limits.h"

namespace shoal::control {
namespace {

// What a backslash takes the meaning from.
constexpr std::string_view kMeta = "*?[]\\";

// Bytes of the UTF-8 character at the front; 1 for what is none: keys are bytes.
std::size_t character_bytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
  if (bytes > text.size() || lead >= 0xf5) return 1;
  for (std::size_t i = 1; i < bytes; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 1;
  return bytes;
}

std::string_view take_character(std::string_view& text) {
  const std::string_view taken = text.substr(0, character_bytes(text));
  text.remove_prefix(taken.size());
  return taken;
}

// "[a-z]" at the front of `pattern`: whether `character` is in it, and `pattern` moves behind it.
// Nothing when it is not a set (no closing bracket): then '[' means itself.
std::optional<bool> match_set(std::string_view& pattern, std::string_view character) {
  std::string_view rest = pattern.substr(1);
  const bool negated = !rest.empty() && (rest.front() == '!' || rest.front() == '^');
  if (negated) rest.remove_prefix(1);
  bool found = false;
  for (bool first = true; !rest.empty() && (first || rest.front() != ']'); first = false) {
    if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
    const std::string_view low = take_character(rest);
    std::string_view high = low;
    if (rest.size() > 1 && rest[0] == '-' && rest[1] != ']') {
      rest.remove_prefix(1);
      high = take_character(rest);
    }
    // Bytes of UTF-8 sort like the characters they spell.
    found = found || (low <= character && character <= high);
  }
  if (rest.empty()) return std::nullopt;
  pattern = rest.substr(1);
  return found != negated;
}

// Takes one step of the pattern, which does not begin with '*', against one character.
bool match_one(std::string_view& pattern, std::string_view& name) {
  if (pattern.empty() || name.empty()) return false;
  std::string_view rest = name;
  const std::string_view character = take_character(rest);
  if (pattern.front() == '?') {
    pattern.remove_prefix(1);
    name = rest;
    return true;
  }
  if (pattern.front() == '[') {
    if (const auto matched = match_set(pattern, character)) {
      name = rest;
      return *matched;
    }
  }
  if (pattern.front() == '\\' && pattern.size() > 1 &&
      kMeta.find(pattern[1]) != std::string_view::npos)
    pattern.remove_prefix(1);
  if (pattern.front() != name.front()) return false;
  pattern.remove_prefix(1);
  name.remove_prefix(1);
  return true;
}

// Goes back to the last '*' only: of pattern and name, time is their product at worst.
bool glob_matches(std::string_view pattern, std::string_view name) {
  std::optional<std::string_view> after_star;
  std::string_view retry;
  for (;;) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      after_star = pattern;
      retry = name;
      continue;
    }
    if (pattern.empty() && name.empty()) return true;
    if (match_one(pattern, name)) continue;
    if (!after_star || retry.empty()) return false;
    take_character(retry);
    name = retry;
    pattern = *after_star;
  }
}

bool has_meta(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && kMeta.find(text[i + 1]) != std::string::npos)
      ++i;
    else if (text[i] == '*' || text[i] == '?' || text[i] == '[')
      return true;
  }
  return false;
}

std::string without_escapes(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && kMeta.find(text[i + 1]) != std::string::npos) ++i;
    plain += text[i];
  }
  return plain;
}

PathPattern::Component component_of(std::string_view text, PathPattern::Syntax syntax) {
  using Kind = PathPattern::Component::Kind;
  if (syntax == PathPattern::Syntax::literal) return {Kind::literal, std::string(text)};
  if (text == "**") return {Kind::any_depth, std::string(text)};
  if (has_meta(text)) return {Kind::glob, std::string(text)};
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
