// SPDX-License-Identifier: Apache-2.0
#include "places.h"

#include <unistd.h>

#include <cstdlib>

namespace shoal::tools {

std::filesystem::path runtime_directory() {
  if (const char* set = std::getenv("SHOAL_RUNTIME"); set != nullptr && *set != '\0') return set;
  if (geteuid() == 0) return "/run/shoal";
  if (const char* user = std::getenv("XDG_RUNTIME_DIR"); user != nullptr && *user != '\0')
    return std::filesystem::path(user) / "shoal";
  return std::filesystem::temp_directory_path() / ("shoal-" + std::to_string(geteuid()));
}

std::filesystem::path mount_point_of(const std::string& path) {
  std::error_code status;
  std::filesystem::path absolute = std::filesystem::absolute(path, status).lexically_normal();
  if (absolute.filename().empty()) absolute = absolute.parent_path();
  const auto parent = std::filesystem::canonical(absolute.parent_path(), status);
  if (status) return absolute;
  const auto joined = parent / absolute.filename();
  // A link as the last component is followed, or nothing could be mounted through it.
  if (std::filesystem::is_symlink(joined, status)) {
    const auto target = std::filesystem::canonical(joined, status);
    if (!status) return target;
  }
  return joined;
}

}  // namespace shoal::tools
