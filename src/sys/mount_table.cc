// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <optional>

#include "sys/file.h"
#include "sys/mount.h"

namespace shoal::sys {
namespace {

constexpr std::uint64_t kMountinfoBytesMax = 64ull << 20;  // nodes with 100,000 mounts exist

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

// The kernel writes space, tab, line end and backslash as \ooo.
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
                         is_octal(text[i + 2]) && is_octal(text[i + 3]);
    if (!escaped) {
      plain += text[i];
      continue;
    }
    const int value = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
    plain += static_cast<char>(value);
    i += 3;
  }
  return plain;
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::size_t space = std::min(line.find(' '), line.size());
    if (space > 0) words.push_back(line.substr(0, space));
    line.remove_prefix(std::min(space + 1, line.size()));
  }
  return words;
}

bool parse_int(std::string_view text, int& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// "36 35 98:0 /root /mount/point rw,noatime optional:fields - type source rw,options"; the number
// of optional fields varies, a lone "-" ends them.
std::optional<MountEntry> parse_line(std::string_view line) {
  const std::vector<std::string_view> words = split(line);
  constexpr std::size_t kFixedWords = 6;
  std::size_t dash = kFixedWords;
  while (dash < words.size() && words[dash] != "-") ++dash;
  if (dash + 2 >= words.size()) return std::nullopt;
  MountEntry entry;
  if (!parse_int(words[0], entry.id) || !parse_int(words[1], entry.parent_id)) return std::nullopt;
  entry.device = words[2];
  entry.mount_point = unescape(words[4]);
  entry.options = unescape(words[5]);
  entry.fs_type = unescape(words[dash + 1]);
  entry.source = unescape(words[dash + 2]);
  if (dash + 3 < words.size()) entry.options += "," + unescape(words[dash + 3]);
  return entry;
}

}  // namespace

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> entries;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (auto entry = parse_line(text.substr(0, end))) entries.push_back(std::move(*entry));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return entries;
}

Result<std::vector<MountEntry>> read_mounts() {
  SHOAL_TRY(const std::string text, read_text_file("/proc/self/mountinfo", kMountinfoBytesMax));
  return parse_mountinfo(text);
}

Result<bool> is_mount_point(const std::filesystem::path& directory) {
  // Only the parent is resolved: a stat of the directory could wait for a server that is gone.
  std::error_code error;
  const std::filesystem::path absolute =
      std::filesystem::absolute(directory, error).lexically_normal();
  const std::filesystem::path trimmed = absolute.has_filename() ? absolute : absolute.parent_path();
  const std::filesystem::path parent =
      std::filesystem::weakly_canonical(trimmed.parent_path(), error);
  if (error) return fail(errno_error(error.value(), "resolve " + trimmed.parent_path().string()));
  const std::filesystem::path wanted = parent / trimmed.filename();
  SHOAL_TRY(const auto mounts, read_mounts());
  for (const MountEntry& entry : mounts)
    if (entry.mount_point == wanted) return true;
  return false;
}

}  // namespace shoal::sys
