// SPDX-License-Identifier: Apache-2.0
#include "sys/file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace shoal::sys {
namespace {

constexpr mode_t kFileMode = 0644;  // the umask takes away what the user wants taken away

std::string describe_range(std::string_view call, const std::filesystem::path& path,
                           std::uint64_t offset, std::uint64_t bytes) {
  return std::string(call) + " " + path.string() + " (" + std::to_string(bytes) + " bytes at " +
         std::to_string(offset) + ")";
}

Result<struct stat> status_of(const File& file) {
  struct stat status {};
  if (fstat(file.fd(), &status) != 0)
    return fail(errno_error(errno, "fstat " + file.path().string()));
  return status;
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

void reserve_descriptors(unsigned count) {
  rlimit limit{};
  if (count == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const auto highest = static_cast<int>(std::min<rlim_t>(count, limit.rlim_cur)) - 1;
  const Fd any(::open("/", O_PATH | O_CLOEXEC));
  const Fd last(fcntl(any.get(), F_DUPFD_CLOEXEC, highest));
}

Error errno_error(int error, std::string_view what) {
  std::string message = std::string(what) + ": " + std::strerror(error);
  switch (error) {
    case ENOENT:
      return Error(ErrorCode::not_found, std::move(message), "Check the path.");
    case EACCES:
    case EPERM:
      return Error(ErrorCode::permission, std::move(message),
                   "Check the owner and mode of the file and its directories, or run as a user who "
                   "may do this.");
    case ENOSPC:
      return Error(ErrorCode::no_space, std::move(message),
                   "Free space on that file system, or put the directory on another one.");
    case EDQUOT:
      return Error(ErrorCode::no_space, std::move(message), "Free space or raise the disk quota.");
    case ETIMEDOUT:
      return Error(ErrorCode::timeout, std::move(message));
    case EMFILE:
    case ENFILE:
      return Error(ErrorCode::io, std::move(message),
                   "Raise the open files limit (ulimit -n, systemd LimitNOFILE=).");
    case EROFS:
      return Error(ErrorCode::io, std::move(message),
                   "The file system is mounted read-only; choose a directory that can be written.");
    case EIO:
      return Error(ErrorCode::io, std::move(message), "See the kernel log (dmesg) for the device.");
    default:
      return Error(ErrorCode::io, std::move(message));
  }
}

Result<File> File::open(const std::filesystem::path& path, Mode mode) {
  int flags = O_CLOEXEC;
  switch (mode) {
    case Mode::read_only:
      flags |= O_RDONLY;
      break;
    case Mode::read_write:
      flags |= O_RDWR;
      break;
    case Mode::create:
      flags |= O_RDWR | O_CREAT;
      break;
  }
  Fd fd(::open(path.c_str(), flags, kFileMode));
  if (!fd.valid()) return fail(errno_error(errno, "open " + path.string()));
  return File(std::move(fd), path);
}

Result<File> File::open_direct() const {
  Fd fd(::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_DIRECT));
  if (!fd.valid()) return fail(errno_error(errno, "open for direct writes " + path_.string()));
  return File(std::move(fd), path_);
}

Result<void> File::read_at(std::uint64_t offset, MutableByteSpan target) const {
  std::size_t progress = 0;
  while (progress < target.size()) {
    const ssize_t count = pread(fd(), target.data() + progress, target.size() - progress,
                                static_cast<off_t>(offset + progress));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      return fail(errno_error(errno, describe_range("pread", path_, offset, target.size())));
    if (count == 0)
      return fail(ErrorCode::corrupt, describe_range("read", path_, offset, target.size()) +
                                          ": the file ends after " + std::to_string(progress) +
                                          " of them");
    progress += static_cast<std::size_t>(count);
  }
  return {};
}

Result<void> File::write_at(std::uint64_t offset, ByteSpan source) const {
  std::size_t progress = 0;
  while (progress < source.size()) {
    const ssize_t count = pwrite(fd(), source.data() + progress, source.size() - progress,
                                 static_cast<off_t>(offset + progress));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0)
      return fail(errno_error(count < 0 ? errno : EIO,
                              describe_range("pwrite", path_, offset, source.size())));
    progress += static_cast<std::size_t>(count);
  }
  return {};
}

Result<std::uint64_t> File::size() const {
  SHOAL_TRY(const struct stat status, status_of(*this));
  return static_cast<std::uint64_t>(status.st_size);
}

Result<void> File::resize(std::uint64_t bytes) const {
  if (ftruncate(fd(), static_cast<off_t>(bytes)) != 0)
    return fail(errno_error(errno, "ftruncate " + path_.string() + " to " + std::to_string(bytes)));
  return {};
}

Result<void> File::punch_hole(std::uint64_t offset, std::uint64_t bytes) const {
  if (bytes == 0) return {};  // the kernel refuses an empty range
  constexpr int kMode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  int result = 0;
  do {
    result = fallocate(fd(), kMode, static_cast<off_t>(offset), static_cast<off_t>(bytes));
  } while (result != 0 && errno == EINTR);
  if (result == 0) return {};
  const std::string what = describe_range("punch hole in", path_, offset, bytes);
  if (errno == EOPNOTSUPP)
    return fail(ErrorCode::unsupported, what + ": the file system cannot give back blocks",
                "Put the directory on ext4, xfs, btrfs or tmpfs.");
  return fail(errno_error(errno, what));
}

Result<std::uint64_t> File::allocated_bytes() const {
  constexpr std::uint64_t kStatBlockBytes = 512;  // st_blocks counts these on every file system
  SHOAL_TRY(const struct stat status, status_of(*this));
  return static_cast<std::uint64_t>(status.st_blocks) * kStatBlockBytes;
}

Result<void> File::sync() const {
  if (fdatasync(fd()) != 0) return fail(errno_error(errno, "fdatasync " + path_.string()));
  return {};
}

Result<void> make_directories(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return fail(errno_error(error.value(), "mkdir " + path.string()));
  if (!std::filesystem::is_directory(path, error))
    return fail(errno_error(error ? error.value() : ENOTDIR, "mkdir " + path.string()));
  return {};
}

Result<std::string> read_text_file(const std::filesystem::path& path, std::uint64_t bytes_max) {
  SHOAL_TRY(const File file, File::open(path, File::Mode::read_only));
  // Read to the end rather than to the size: files in /proc have a size of 0.
  constexpr std::size_t kStepBytes = 16384;
  std::string text;
  for (;;) {
    const std::size_t progress = text.size();
    text.resize(progress + kStepBytes);
    const ssize_t count =
        pread(file.fd(), text.data() + progress, kStepBytes, static_cast<off_t>(progress));
    if (count < 0 && errno != EINTR) return fail(errno_error(errno, "read " + path.string()));
    text.resize(progress + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (text.size() > bytes_max)
      return fail(ErrorCode::limit, "read " + path.string() + ": longer than the " +
                                        std::to_string(bytes_max) + " bytes expected of it");
    if (count == 0) return text;
  }
}

Result<void> write_text_file(const std::filesystem::path& path, std::string_view text) {
  SHOAL_TRY(StagedFile staged, StagedFile::create(path));
  SHOAL_CHECK_OK(staged.file().write_at(0, as_bytes(text)));
  return staged.commit();
}

Result<std::uint64_t> free_bytes(const std::filesystem::path& path) {
  struct statvfs status {};
  if (statvfs(path.c_str(), &status) != 0)
    return fail(errno_error(errno, "statvfs " + path.string()));
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

}  // namespace shoal::sys
