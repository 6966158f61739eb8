// SPDX-License-Identifier: Apache-2.0
#include "tools/warm/path_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

namespace shoal::tools::warm {
namespace {

using control::PathPattern;

// Everything a pipe says, in a file that is gone when it is closed.
Result<sys::Fd> copy_of(int source, const std::string& name) {
  const auto directory = std::filesystem::temp_directory_path();
  sys::Fd copy(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!copy.valid())
    return fail(sys::errno_error(errno, "temporary file in " + directory.string()));
  std::array<std::byte, 64 << 10> buffer{};
  for (;;) {
    const ssize_t bytes = ::read(source, buffer.data(), buffer.size());
    if (bytes == 0) return copy;
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return fail(sys::errno_error(errno, "read " + name));
    for (ssize_t written = 0; written < bytes;) {
      const ssize_t more =
          ::write(copy.get(), buffer.data() + written, static_cast<std::size_t>(bytes - written));
      if (more < 0 && errno == EINTR) continue;
      if (more < 0)
        return fail(
            sys::errno_error(errno, "write a copy of " + name + " to " + directory.string()));
      written += more;
    }
  }
}

std::string path_of(const sys::Fd& fd) {
  return fmt::format("/proc/self/fd/{}", fd.get());
}

}  // namespace

Result<PathSource> PathSource::open(const std::string& name, Rename rename) {
  const std::string shown = name == "-" ? "list on standard input" : "list " + name;
  sys::Fd file;
  if (name != "-") {
    file = sys::Fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid())
      return fail(
          sys::errno_error(errno, shown).with_remedy("Name a file with one path per line."));
  }
  struct stat state {};
  if (fstat(name == "-" ? STDIN_FILENO : file.get(), &state) != 0)
    return fail(sys::errno_error(errno, shown));
  if (S_ISDIR(state.st_mode))
    return fail(ErrorCode::bad_input, shown + ": it is a directory",
                "Name a file with one path per line, or give the directory without --list.");
  sys::Fd copy;
  if (name == "-" || !S_ISREG(state.st_mode)) {
    SHOAL_TRY(copy, copy_of(name == "-" ? STDIN_FILENO : file.get(), shown));
  }
  const std::string place = copy.valid() ? path_of(copy) : name;
  SHOAL_TRY(auto first, volume::PathList::open(place));
  SHOAL_TRY(auto second, volume::PathList::open(place));
  PathSource source(shown, std::move(copy), std::move(second), std::move(rename));
  SHOAL_CHECK_OK(source.look_through(std::move(first)));
  return source;
}

Result<void> PathSource::look_through(volume::PathList list) {
  std::string path;
  for (;;) {
    auto more = list.next(path);
    if (!more) return fail(std::move(more).error().with_context(name_));
    if (!*more) break;
    ++count_;
    SHOAL_TRY([[maybe_unused]] const auto parsed, parse(path, count_));
  }
  if (count_ > 0) return {};
  return fail(ErrorCode::bad_input, name_ + ": it names no path", "Write one path per line.");
}

Result<PathPattern> PathSource::parse(const std::string& path, std::uint64_t entry) const {
  auto parsed = PathPattern::parse(rename_(path), PathPattern::Syntax::literal);
  if (parsed) return parsed;
  return fail(std::move(parsed).error().with_context(fmt::format("{}, path {}", name_, entry)));
}

Result<Batch> PathSource::next() {
  Batch batch{{}, PathPattern::Syntax::literal};
  std::string path;
  for (std::size_t bytes = 0; batch.paths.size() < kBatchPaths && bytes < kBatchBytes;) {
    auto more = list_.next(path);
    if (!more) return fail(std::move(more).error().with_context(name_));
    if (!*more) break;
    SHOAL_TRY(auto parsed, parse(path, ++taken_));
    bytes += path.size();
    batch.paths.push_back(std::move(parsed));
  }
  return batch;
}

}  // namespace shoal::tools::warm
