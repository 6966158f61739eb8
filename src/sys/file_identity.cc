// SPDX-License-Identifier: Apache-2.0
#include "sys/file_identity.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace shoal::sys {
namespace {

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

Result<FileIdentity> to_identity(const struct stat& status, const std::filesystem::path& path) {
  if (!S_ISREG(status.st_mode))
    return fail(ErrorCode::bad_input, "read " + path.string() + ": it is no regular file",
                S_ISDIR(status.st_mode) ? "Name the files in it, or send the whole directory."
                                        : "Name a regular file.");
  return FileIdentity{.size = static_cast<std::uint64_t>(status.st_size),
                      .mtime_ns = nanoseconds(status.st_mtim),
                      .ctime_ns = nanoseconds(status.st_ctim),
                      .inode = status.st_ino};
}

}  // namespace

Result<FileIdentity> identity_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return fail(errno_error(errno, "stat " + path.string()));
  return to_identity(status, path);
}

Result<FileIdentity> identity_of(const File& file) {
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0)
    return fail(errno_error(errno, "stat " + file.path().string()));
  return to_identity(status, file.path());
}

Result<File> open_regular(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return fail(errno_error(errno, "open " + path.string()));
  File file = File::adopt(Fd(fd), path);
  SHOAL_CHECK_OK(identity_of(file));
  return file;
}

Result<std::size_t> read_up_to(const File& file, std::uint64_t offset, MutableByteSpan target) {
  std::size_t done = 0;
  while (done < target.size()) {
    const ssize_t count = ::pread(file.fd(), target.data() + done, target.size() - done,
                                  static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno_error(errno, "read " + file.path().string()));
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

namespace {

// Between file systems of different kinds, and on kernels and file systems without the call.
bool needs_plain_copy(int error) {
  return error == EXDEV || error == EOPNOTSUPP || error == EINVAL || error == ENOSYS;
}

std::unexpected<Error> became_shorter(const File& source) {
  return fail(ErrorCode::corrupt, "copy " + source.path().string() + ": it became shorter",
              "Send the file when nobody writes to it.");
}

Result<void> copy_plainly(const File& source, const File& target, std::uint64_t bytes) {
  std::vector<std::byte> buffer(std::min<std::uint64_t>(bytes, 1u << 20));
  for (std::uint64_t done = 0; done < bytes;) {
    const std::size_t step = std::min<std::uint64_t>(bytes - done, buffer.size());
    SHOAL_TRY(const std::size_t count, read_up_to(source, done, {buffer.data(), step}));
    if (count < step) return became_shorter(source);
    SHOAL_CHECK_OK(target.write_at(done, {buffer.data(), step}));
    done += step;
  }
  return {};
}

}  // namespace

Result<void> copy_content(const File& source, const File& target, std::uint64_t bytes) {
  if (::ioctl(target.fd(), FICLONE, source.fd()) == 0) {
    SHOAL_TRY(const std::uint64_t cloned, target.size());
    if (cloned < bytes) return became_shorter(source);
    return target.resize(bytes);
  }
  off_t from = 0;
  off_t to = 0;
  while (static_cast<std::uint64_t>(from) < bytes) {
    const std::size_t step =
        std::min<std::uint64_t>(bytes - static_cast<std::uint64_t>(from), 1ull << 30);
    const ssize_t count = ::copy_file_range(source.fd(), &from, target.fd(), &to, step, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && from == 0 && needs_plain_copy(errno))
      return copy_plainly(source, target, bytes);
    if (count < 0)
      return fail(
          errno_error(errno, "copy " + source.path().string() + " to " + target.path().string()));
    if (count == 0) return became_shorter(source);
  }
  return {};
}

}  // namespace shoal::sys
