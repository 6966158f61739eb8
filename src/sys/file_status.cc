// SPDX-License-Identifier: Apache-2.0
#include "sys/file_status.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <string_view>

#include "sys/file.h"

namespace shoal::sys {
namespace {

std::int64_t nanoseconds_of(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileStatus::Kind kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return FileStatus::Kind::file;
    case S_IFDIR:
      return FileStatus::Kind::directory;
    case S_IFLNK:
      return FileStatus::Kind::link;
    case S_IFSOCK:
      return FileStatus::Kind::socket;
    case S_IFIFO:
      return FileStatus::Kind::fifo;
    default:
      return FileStatus::Kind::device;
  }
}

FileStatus status_from(const struct stat& raw) {
  return {.kind = kind_of(raw.st_mode),
          .size = static_cast<std::uint64_t>(raw.st_size),
          .mtime_ns = nanoseconds_of(raw.st_mtim),
          .ctime_ns = nanoseconds_of(raw.st_ctim),
          .inode = raw.st_ino,
          .device = raw.st_dev,
          .links = raw.st_nlink};
}

// Never waits: not for the other end of a fifo, not for somebody else's lease.
Result<Fd> open_to_look(const std::filesystem::path& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return fail(errno_error(errno, "open " + path.string()));
  return fd;
}

// Holds a read lease while it lives, if there could be one.
class ReadLease {
 public:
  explicit ReadLease(const Fd& fd) : fd_(fd) {
    // The kernel tells the holder when somebody wants to write, by SIGIO, which would end this
    // process; SIGURG is ignored unless somebody asks for it.
    if (fcntl(fd_.get(), F_SETSIG, SIGURG) != 0) return;
    if (fcntl(fd_.get(), F_SETLEASE, F_RDLCK) == 0)
      writers_ = Writers::none;
    else if (errno == EAGAIN)
      writers_ = Writers::some;
  }
  ~ReadLease() {
    if (writers_ == Writers::none) fcntl(fd_.get(), F_SETLEASE, F_UNLCK);
  }
  ReadLease(const ReadLease&) = delete;
  ReadLease& operator=(const ReadLease&) = delete;
  [[nodiscard]] Writers writers() const { return writers_; }

 private:
  const Fd& fd_;
  Writers writers_ = Writers::not_known;
};

}  // namespace

Result<FileStatus> file_status(const std::filesystem::path& path, bool follow) {
  struct stat raw {};
  if (fstatat(AT_FDCWD, path.c_str(), &raw, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0)
    return fail(errno_error(errno, "stat " + path.string()));
  return status_from(raw);
}

Result<std::vector<std::string>> directory_names(const std::filesystem::path& directory) {
  const auto close = [](DIR* opened) { closedir(opened); };
  const std::unique_ptr<DIR, decltype(close)> opened(opendir(directory.c_str()), close);
  if (!opened) return fail(errno_error(errno, "open directory " + directory.string()));
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(opened.get());
    if (entry == nullptr && errno != 0)
      return fail(errno_error(errno, "read directory " + directory.string()));
    if (entry == nullptr) return names;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
}

Result<Writers> writers_of(const std::filesystem::path& path) {
  SHOAL_TRY(const Fd fd, open_to_look(path));
  return ReadLease(fd).writers();
}

Result<bool> unlink_unchanged(const std::filesystem::path& path, const FileStatus& expected) {
  SHOAL_TRY(const Fd fd, open_to_look(path));
  const ReadLease lease(fd);
  if (lease.writers() == Writers::some) return false;
  SHOAL_TRY(const FileStatus now, file_status(path, /*follow=*/false));
  if (!now.is_same_content(expected)) return false;
  if (unlink(path.c_str()) != 0) return fail(errno_error(errno, "unlink " + path.string()));
  return true;
}

}  // namespace shoal::sys
