// SPDX-License-Identifier: Apache-2.0
//
// A staged file is called "<name>.staged.<random>" and its maker holds a flock on it. A maker that
// dies leaves the file but not the lock, so the next StagedFile for the same name recognises the
// leftover, also one of another pid namespace, and removes it.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>

#include "sys/file.h"

namespace shoal::sys {
namespace {

constexpr int kAttemptsMax = 16;  // each needs a clash of 64 random bits or a sweeper in the way

// A name of 255 bytes must be stageable too: the temporary name keeps its beginning only.
std::string staged_prefix(const std::filesystem::path& target) {
  constexpr std::size_t kNameBytesKept = 200;
  return target.filename().string().substr(0, kNameBytesKept) + ".staged.";
}

std::filesystem::path directory_of(const std::filesystem::path& target) {
  return target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
}

std::string random_suffix() {
  std::uint64_t value = 0;
  // Reads of at most 256 bytes are never short; before the pool is ready the clock is good enough.
  if (getrandom(&value, sizeof value, GRND_NONBLOCK) != sizeof value)
    value = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  return std::to_string(value);
}

void remove_if_abandoned(const std::filesystem::path& path) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd.valid() && flock(fd.get(), LOCK_EX | LOCK_NB) == 0) unlink(path.c_str());
}

// Leftovers only cost space: what cannot be read or removed is left where it is.
void remove_abandoned(const std::filesystem::path& target) {
  const std::string prefix = staged_prefix(target);
  std::error_code error;
  std::filesystem::directory_iterator entry(directory_of(target), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (entry->path().filename().string().starts_with(prefix)) remove_if_abandoned(entry->path());
  }
}

bool has_a_name(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 && status.st_nlink > 0;
}

}  // namespace

Result<void> sync_directory(const std::filesystem::path& directory) {
  const Fd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return fail(errno_error(errno, "open " + directory.string()));
  // EINVAL: a file system without directory sync (some FUSE ones); it has its own order.
  if (fsync(fd.get()) != 0 && errno != EINVAL)
    return fail(errno_error(errno, "fsync " + directory.string()));
  return {};
}

Result<StagedFile> StagedFile::create(const std::filesystem::path& target) {
  remove_abandoned(target);
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const std::filesystem::path path =
        directory_of(target) / (staged_prefix(target) + random_suffix());
    Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!fd.valid() && errno == EEXIST) continue;
    if (!fd.valid()) return fail(errno_error(errno, "create " + path.string()));
    // A sweeper that came between open and flock took the file for a leftover.
    if (flock(fd.get(), LOCK_EX) != 0) {
      const int error = errno;
      unlink(path.c_str());
      return fail(errno_error(error, "flock " + path.string()));
    }
    if (has_a_name(fd.get())) return StagedFile(File::adopt(std::move(fd), path), target);
  }
  return fail(
      ErrorCode::io, "create " + target.string() + ": no free temporary name beside it",
      "Remove files called " + staged_prefix(target) + "* in " + directory_of(target).string());
}

Result<void> StagedFile::commit() {
  // Content first, then the name, then the directory: after a crash the name shows the old file or
  // the whole new one.
  SHOAL_CHECK_OK(file_.sync());
  if (rename(file_.path().c_str(), target_.c_str()) != 0)
    return fail(errno_error(errno, "rename " + file_.path().string() + " to " + target_.string()));
  committed_ = true;
  return sync_directory(directory_of(target_));
}

StagedFile::~StagedFile() {
  // A moved-from file has no descriptor.
  if (file_.fd() >= 0 && !committed_) unlink(file_.path().c_str());
}

}  // namespace shoal::sys
