// SPDX-License-Identifier: Apache-2.0
#include "csi/request_checks.h"

#include <filesystem>

#include "csi/limits.h"
#include "csi/volume_attributes.h"

namespace shoal::csi {

std::unexpected<Failure> invalid(std::string message) {
  return failure(StatusCode::invalid_argument, std::move(message));
}

Checked check_text(std::string_view field, std::string_view text) {
  if (text.empty()) return invalid(std::string(field) + " is missing");
  return check_optional(field, text);
}

Checked check_optional(std::string_view field, std::string_view text) {
  if (text.size() > limits::kStringBytesMax)
    return invalid(std::string(field) + " has " + std::to_string(text.size()) + " bytes; at most " +
                   std::to_string(limits::kStringBytesMax) + " are allowed");
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return invalid(std::string(field) + " has control characters in it");
  return {};
}

Checked check_path(std::string_view field, std::string_view path) {
  if (path.empty()) return invalid(std::string(field) + " is missing");
  const std::string name(field);
  if (!path.starts_with('/')) return invalid(name + " is not an absolute path");
  if (path.size() > limits::kPathBytesMax) return invalid(name + " is too long for a path");
  if (path.find('\0') != std::string_view::npos) return invalid(name + " has a zero byte in it");
  for (const auto& part : std::filesystem::path(path))
    if (part == "..") return invalid(name + " has a \"..\" in it");
  return {};
}

std::string plain_path(std::string_view path) {
  std::string plain = std::filesystem::path(path).lexically_normal().string();
  while (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
  return plain;
}

Checked check_map(std::string_view field, const StringMap& map) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : map)
    if (!is_pod_info(name)) bytes += name.size() + value.size();
  if (bytes > limits::kMapBytesMax)
    return invalid(std::string(field) + " has " + std::to_string(bytes) + " bytes; at most " +
                   std::to_string(limits::kMapBytesMax) + " are allowed");
  return {};
}

}  // namespace shoal::csi
