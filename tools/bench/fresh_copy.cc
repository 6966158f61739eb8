// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/fresh_copy.h"

#include <stdlib.h>

#include <cerrno>
#include <string>
#include <utility>

#include "sys/file.h"

namespace shoal::tools::bench {
namespace {

namespace fs = std::filesystem;

// Files that are written once under a name and never again: RocksDB's tables, EROFS images.
bool is_immutable(const fs::path& file) {
  return file.extension() == ".sst" || file.extension() == ".erofs";
}

bool is_needed(const fs::path& file) {
  const std::string name = file.filename().string();
  return name != "LOCK" && !name.starts_with("LOG");
}

std::error_code link_or_copy(const fs::path& source, const fs::path& target) {
  std::error_code status;
  if (is_immutable(source)) {
    fs::create_hard_link(source, target, status);
    if (!status) return status;
    status.clear();  // another file system, or one without links
  }
  fs::copy_file(source, target, status);
  return status;
}

Result<void> copy_directory(const fs::path& source, const fs::path& target) {
  std::error_code status;
  fs::create_directory(target, status);
  fs::directory_iterator entry(source, status);
  for (; !status && entry != fs::directory_iterator(); entry.increment(status)) {
    if (!entry->is_regular_file(status) || !is_needed(entry->path())) continue;
    status = link_or_copy(entry->path(), target / entry->path().filename());
    if (status) break;
  }
  if (status)
    return fail(
        sys::errno_error(status.value(), "copy " + source.string() + " to " + target.string()));
  return {};
}

}  // namespace

Result<FreshCopy> FreshCopy::of(const fs::path& volume) {
  SHOAL_TRY(const auto lock, sys::LockFile::acquire(volume / "LOCK"));
  std::string name = volume.string() + ".bench.XXXXXX";
  if (mkdtemp(name.data()) == nullptr)
    return fail(Error(
        sys::errno_error(errno, "make a volume with an empty cache beside " + volume.string())));
  FreshCopy copy{fs::path(name)};
  for (const char* part : {"index", "image"})
    SHOAL_CHECK_OK(copy_directory(volume / part, copy.directory_ / part));
  return copy;
}

FreshCopy::~FreshCopy() {
  if (directory_.empty()) return;
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

}  // namespace shoal::tools::bench
