// SPDX-License-Identifier: Apache-2.0
#include "format/path_rules.h"

#include "base/limits.h"

namespace shoal::format {

std::optional<SpecialReason> path_problem(std::string_view path) noexcept {
  if (path.find('\0') != std::string_view::npos) return SpecialReason::nul_byte;
  if (path.ends_with('/')) path.remove_suffix(1);
  for (std::size_t begin = 0;;) {
    const std::size_t end = path.find('/', begin);
    const std::string_view name =
        path.substr(begin, end == std::string_view::npos ? end : end - begin);
    if (name.empty()) return SpecialReason::empty_component;
    if (name == "." || name == "..") return SpecialReason::dot_component;
    if (name.size() > limits::kNameBytesMax) return SpecialReason::name_too_long;
    if (end == std::string_view::npos) return std::nullopt;
    begin = end + 1;
  }
}

bool is_archived(std::string_view storage_class) noexcept {
  // S3's first two (GLACIER_IR is readable at once), then OSS's.
  return storage_class == "GLACIER" || storage_class == "DEEP_ARCHIVE" ||
         storage_class == "Archive" || storage_class == "ColdArchive" ||
         storage_class == "DeepColdArchive";
}

bool is_shown(SpecialReason reason) noexcept {
  return reason == SpecialReason::directory_with_bytes || reason == SpecialReason::archived;
}

std::string_view name_of(SpecialReason reason) noexcept {
  switch (reason) {
    case SpecialReason::empty_component:
      return "empty_component";
    case SpecialReason::dot_component:
      return "dot_component";
    case SpecialReason::nul_byte:
      return "nul_byte";
    case SpecialReason::name_too_long:
      return "name_too_long";
    case SpecialReason::shadowed_by_directory:
      return "shadowed_by_directory";
    case SpecialReason::directory_with_bytes:
      return "directory_with_bytes";
    case SpecialReason::archived:
      return "archived";
  }
  return "unknown";
}

std::string_view explain(SpecialReason reason) noexcept {
  switch (reason) {
    case SpecialReason::empty_component:
      return "Not shown: the key has an empty name between two slashes or at its start, which no "
             "file system can express.";
    case SpecialReason::dot_component:
      return "Not shown: a part of the key is \".\" or \"..\", which a file system reserves.";
    case SpecialReason::nul_byte:
      return "Not shown: the key holds a zero byte, which no file name can hold.";
    case SpecialReason::name_too_long:
      return "Not shown: a part of the key is longer than 255 bytes, the most a file name can "
             "have.";
    case SpecialReason::shadowed_by_directory:
      return "Not shown: other keys lie below this one, and a name cannot be a file and a "
             "directory; "
             "the directory wins because it hides fewer objects.";
    case SpecialReason::directory_with_bytes:
      return "Shown as a directory only: the key ends in a slash yet has content, which a "
             "directory "
             "cannot show.";
    case SpecialReason::archived:
      return "Shown, but reading fails until the object is restored: its storage class keeps it "
             "offline.";
  }
  return "Unknown reason.";
}

}  // namespace shoal::format
