// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/log_file.h"

#include <system_error>

namespace shoal::fuse {

bool bound_log_file(const std::filesystem::path& file, std::uint64_t bytes_max) {
  namespace fs = std::filesystem;
  std::error_code error;
  const std::uint64_t bytes = fs::file_size(file, error);
  if (error || bytes <= bytes_max) return false;
  const fs::path old = file.string() + ".1";
  fs::copy_file(file, old, fs::copy_options::overwrite_existing, error);
  std::error_code ignored;
  if (error) fs::remove(old, ignored);
  fs::resize_file(file, 0, error);
  return !error;
}

}  // namespace shoal::fuse
