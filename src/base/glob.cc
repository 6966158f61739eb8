// SPDX-License-Identifier: Apache-2.0
#include "base/glob.h"

#include <optional>

namespace shoal {
namespace {

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
      kGlobMeta.find(pattern[1]) != std::string_view::npos)
    pattern.remove_prefix(1);
  if (pattern.front() != name.front()) return false;
  pattern.remove_prefix(1);
  name.remove_prefix(1);
  return true;
}

}  // namespace

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

bool has_glob_meta(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() &&
        kGlobMeta.find(text[i + 1]) != std::string_view::npos)
      ++i;
    else if (text[i] == '*' || text[i] == '?' || text[i] == '[')
      return true;
  }
  return false;
}

}  // namespace shoal
