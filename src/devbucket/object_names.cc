// SPDX-License-Identifier: Apache-2.0
#include "devbucket/object_names.h"

#include <algorithm>

#include "base/limits.h"

namespace shoal::devbucket {
namespace {

constexpr std::string_view kReserved = ".shoal~";
constexpr std::string_view kFile = ".shoal~f";
constexpr std::string_view kDirectory = ".shoal~d";
constexpr std::string_view kPiece = ".shoal~p";
constexpr std::size_t kPieceBytes = 240;  // with its prefix below the 255 bytes of a file name
static_assert(kPiece.size() + kPieceBytes <= limits::kNameBytesMax);

bool is_plain(std::string_view component) {
  return !component.empty() && component != "." && component != ".." &&
         !component.starts_with(kReserved) && component.size() <= limits::kNameBytesMax;
}

bool is_label_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string disk_name(std::string_view component, NameKind kind, Beside beside) {
  if (is_plain(component) && beside == Beside::nothing) return std::string(component);
  const std::string_view prefix = kind == NameKind::file ? kFile : kDirectory;
  std::string name;
  if (prefix.size() + component.size() <= limits::kNameBytesMax) {
    name += prefix;
    name += component;
    return name;
  }
  name += kPiece;
  name += component.substr(0, kPieceBytes);
  name += '/';
  name += disk_name(component.substr(kPieceBytes), kind, beside);
  return name;
}

DiskName read_disk_name(std::string_view name) {
  using enum DiskName::Meaning;
  if (!name.starts_with(kReserved)) return {plain, name};
  if (name.starts_with(kFile)) return {escaped_file, name.substr(kFile.size())};
  if (name.starts_with(kDirectory)) return {escaped_directory, name.substr(kDirectory.size())};
  if (name.starts_with(kPiece)) return {piece, name.substr(kPiece.size())};
  return {hidden, {}};
}

KeyPath split_key(std::string_view key) {
  KeyPath path;
  for (std::size_t slash = key.find('/'); slash != std::string_view::npos; slash = key.find('/')) {
    if (!path.directory.empty()) path.directory += '/';
    path.directory += disk_name(key.substr(0, slash), NameKind::directory);
    key.remove_prefix(slash + 1);
  }
  path.name = key;
  return path;
}

bool is_storable_key(std::string_view key) {
  return !key.empty() && key.size() <= limits::kKeyBytesMax &&
         key.find('\0') == std::string_view::npos;
}

bool is_new_bucket_name(std::string_view name) {
  if (name.size() < 3 || name.size() > 63) return false;
  if (!is_label_char(name.front()) || !is_label_char(name.back())) return false;
  if (name.find("..") != std::string_view::npos) return false;
  return std::ranges::all_of(name, [](char c) { return is_label_char(c) || c == '-' || c == '.'; });
}

bool is_served_bucket_name(std::string_view name) {
  return !name.empty() && name.size() <= limits::kNameBytesMax && name.front() != '.' &&
         name != "-" && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

}  // namespace shoal::devbucket
