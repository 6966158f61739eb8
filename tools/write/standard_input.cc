// SPDX-License-Identifier: Apache-2.0
#include "tools/write/standard_input.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace shoal::tools::write {
namespace {

constexpr std::size_t kPieceBytes = 1 << 20;
constexpr int kLookForSignalMs = 200;

// A pipe may stay silent for long, and signal handlers restart a read().
Result<void> wait_for_bytes(int fd, const std::atomic<bool>& stop) {
  while (true) {
    if (stop.load()) return fail(ErrorCode::canceled, "it was interrupted while it was being read");
    pollfd waited{fd, POLLIN, 0};
    const int ready = ::poll(&waited, 1, kLookForSignalMs);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail(sys::errno_error(errno, "wait for input"));
  }
}

Result<void> write_fully(int fd, ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(sys::errno_error(errno, "keep standard input on disk"));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> copy_rest(int fd, const SpoolBounds& bounds, const std::atomic<bool>& stop,
                       Spooled& spooled) {
  std::vector<std::byte> piece(kPieceBytes);
  while (true) {
    SHOAL_TRY(const std::size_t count, read_fully(fd, piece, stop));
    spooled.size += count;
    if (spooled.size > bounds.bytes_max)
      return fail(ErrorCode::limit,
                  "standard input has more than " + human_bytes(bounds.bytes_max) +
                      ", the room for data that is in no file",
                  "Give a larger --spool-size, or write it to a file and send that.");
    SHOAL_CHECK_OK(write_fully(spooled.file.get(), std::span(piece).first(count)));
    if (count < piece.size()) return {};
  }
}

}  // namespace

Result<std::size_t> read_fully(int fd, MutableByteSpan target, const std::atomic<bool>& stop) {
  std::size_t filled = 0;
  while (filled < target.size()) {
    SHOAL_CHECK_OK(wait_for_bytes(fd, stop));
    const ssize_t count = ::read(fd, target.data() + filled, target.size() - filled);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(sys::errno_error(errno, "read"));
    filled += static_cast<std::size_t>(count);
  }
  return filled;
}

std::filesystem::path Spooled::path() const {
  return "/proc/self/fd/" + std::to_string(file.get());
}

Result<Spooled> spool(int fd, const SpoolBounds& bounds, const std::atomic<bool>& stop) {
  Spooled spooled;
  spooled.bytes.resize(std::min(bounds.memory_bytes_max, bounds.bytes_max) + 1);
  SHOAL_TRY(spooled.size, read_fully(fd, spooled.bytes, stop));
  if (spooled.size < spooled.bytes.size()) {
    spooled.bytes.resize(spooled.size);
    return spooled;
  }
  SHOAL_CHECK_OK(sys::make_directories(bounds.directory));
  spooled.file =
      sys::Fd(::open(bounds.directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!spooled.file.valid())
    return fail(sys::errno_error(errno, "keep standard input in " + bounds.directory.string()));
  SHOAL_CHECK_OK(write_fully(spooled.file.get(), spooled.bytes));
  spooled.bytes = {};
  SHOAL_CHECK_OK(copy_rest(fd, bounds, stop, spooled));
  return spooled;
}

}  // namespace shoal::tools::write
