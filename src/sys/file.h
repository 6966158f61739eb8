// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

namespace shoal::sys {

// An open descriptor that closes itself. Move-only.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// The Error for a failed system call: "pwrite /v/cache/data: No space left on device". ENOENT,
// EACCES/EPERM, ENOSPC/EDQUOT and ETIMEDOUT get their own codes, the rest is ErrorCode::io.
[[nodiscard]] Error errno_error(int error, std::string_view what);

// Makes room for so many descriptors at once, or for as many as the limit allows. A table that
// grows bit by bit while threads share it stops whoever opens one for 10 to 20 ms each time (Linux
// waits for an RCU grace period); before the first thread it costs nothing.
void reserve_descriptors(unsigned count);

// Blocking positioned file. synchronized (the kernel's own rules for pread and pwrite).
class File {
 public:
  enum class Mode { read_only, read_write, create };  // create: read-write, made if missing
  [[nodiscard]] static Result<File> open(const std::filesystem::path& path, Mode mode);
  // The same file once more, for writes around the page cache (O_DIRECT): memory, offset and size
  // must be multiples of 4096. Fails where the file system cannot.
  [[nodiscard]] Result<File> open_direct() const;
  // Takes over an open descriptor; `path` is for error texts.
  [[nodiscard]] static File adopt(Fd fd, std::filesystem::path path) {
    return File(std::move(fd), std::move(path));
  }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  // Reads exactly target.size() bytes; a short file is ErrorCode::corrupt.
  [[nodiscard]] Result<void> read_at(std::uint64_t offset, MutableByteSpan target) const;
  [[nodiscard]] Result<void> write_at(std::uint64_t offset, ByteSpan source) const;
  [[nodiscard]] Result<std::uint64_t> size() const;
  [[nodiscard]] Result<void> resize(std::uint64_t bytes) const;
  // Gives the range's blocks back to the file system; the file keeps its size
  // (FALLOC_FL_PUNCH_HOLE).
  [[nodiscard]] Result<void> punch_hole(std::uint64_t offset, std::uint64_t bytes) const;
  // Bytes the file really takes on disk.
  [[nodiscard]] Result<std::uint64_t> allocated_bytes() const;
  [[nodiscard]] Result<void> sync() const;  // fdatasync

 private:
  File(Fd fd, std::filesystem::path path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Fd fd_;
  std::filesystem::path path_;
};

// Creates a file under a temporary name in the same directory; commit() syncs it, renames it to its
// name and syncs the directory; without commit the destructor removes it.
class StagedFile {
 public:
  [[nodiscard]] static Result<StagedFile> create(const std::filesystem::path& target);
  StagedFile(StagedFile&&) noexcept = default;
  ~StagedFile();
  [[nodiscard]] const File& file() const { return file_; }
  [[nodiscard]] Result<void> commit();

 private:
  StagedFile(File file, std::filesystem::path target)
      : file_(std::move(file)), target_(std::move(target)) {}
  File file_;
  std::filesystem::path target_;
  bool committed_ = false;
};

// Exclusive advisory lock (flock) on `path`, whose text names the holder. Fails with
// ErrorCode::precondition naming the holder's pid and command when another process has it. The file
// stays; only its holder may remove it.
class LockFile {
 public:
  [[nodiscard]] static Result<LockFile> acquire(const std::filesystem::path& path);
  LockFile(LockFile&&) noexcept = default;
  // Whether somebody has it now. Makes no file, and leaves none; whoever acquires it at this very
  // moment gets it.
  [[nodiscard]] static bool is_held(const std::filesystem::path& path);

 private:
  explicit LockFile(File file) : file_(std::move(file)) {}
  File file_;
};

// Makes the names in a directory durable (fsync).
[[nodiscard]] Result<void> sync_directory(const std::filesystem::path& directory);
[[nodiscard]] Result<void> make_directories(const std::filesystem::path& path);
[[nodiscard]] Result<std::string> read_text_file(const std::filesystem::path& path,
                                                 std::uint64_t bytes_max);
// Replaces the file atomically (StagedFile).
[[nodiscard]] Result<void> write_text_file(const std::filesystem::path& path,
                                           std::string_view text);
// Bytes free to this user on the file system that holds `path`.
[[nodiscard]] Result<std::uint64_t> free_bytes(const std::filesystem::path& path);

}  // namespace shoal::sys
