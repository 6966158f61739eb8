// SPDX-License-Identifier: Apache-2.0
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "sys/file.h"

namespace shoal::sys {
namespace {

constexpr std::uint64_t kHolderBytesMax = 512;   // pid and the start of a command line
constexpr std::uint64_t kCommandBytesMax = 400;  // fits the above with any pid

std::string this_command() {
  auto text = read_text_file("/proc/self/cmdline", 1u << 20);
  if (!text) return "unknown command";
  std::string command = std::move(*text);
  while (!command.empty() && command.back() == '\0') command.pop_back();
  std::replace(command.begin(), command.end(), '\0', ' ');
  std::replace(command.begin(), command.end(), '\n', ' ');
  return command.substr(0, kCommandBytesMax);
}

// "process 123 (shoal serve /v)", from the text the holder wrote.
std::string describe_holder(const std::filesystem::path& path) {
  auto text = read_text_file(path, kHolderBytesMax);
  if (!text || text->empty() || text->back() != '\n') return "another process";
  text->pop_back();
  const std::size_t space = text->find(' ');
  if (space == std::string::npos) return "process " + *text;
  return "process " + text->substr(0, space) + " (" + text->substr(space + 1) + ")";
}

bool is_at(const File& file, const std::filesystem::path& path) {
  struct stat open_file {};
  struct stat named {};
  return fstat(file.fd(), &open_file) == 0 && stat(path.c_str(), &named) == 0 &&
         open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

}  // namespace

Result<LockFile> LockFile::acquire(const std::filesystem::path& path) {
  for (;;) {
    SHOAL_TRY(File file, File::open(path, File::Mode::create));
    int result = 0;
    do {
      result = flock(file.fd(), LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    const bool is_taken = result != 0 && errno == EWOULDBLOCK;
    // Who only looks has it shared, for a moment; then so may we, until we try again.
    if (is_taken && flock(file.fd(), LOCK_SH | LOCK_NB) == 0) continue;
    if (is_taken)
      return fail(ErrorCode::precondition,
                  "lock " + path.string() + ": it is held by " + describe_holder(path),
                  "Stop that process first, or use another directory.");
    if (result != 0) return fail(errno_error(errno, "flock " + path.string()));
    // A holder may remove the file before it lets go; who opened it before then has a lock that
    // nobody else will ever look at.
    if (!is_at(file, path)) continue;
    const std::string holder = std::to_string(getpid()) + " " + this_command() + "\n";
    SHOAL_CHECK_OK(file.resize(0));
    SHOAL_CHECK_OK(file.write_at(0, as_bytes(holder)));
    return LockFile(std::move(file));
  }
}

bool LockFile::is_held(const std::filesystem::path& path) {
  const auto file = File::open(path, File::Mode::read_only);
  return file && flock(file->fd(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace shoal::sys
