// SPDX-License-Identifier: Apache-2.0
#include "sim/support/faulty_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "sys/file.h"

namespace shoal::sim {

namespace {
constexpr std::size_t kDirectBytes = 4096;  // a direct write ends at a page
}  // namespace

Duration FaultyFiles::delay() {
  const auto most = static_cast<std::uint64_t>(behaviour_.delay_max.count());
  return Duration(most == 0 ? 0 : static_cast<Duration::rep>(rng_.below(most)));
}

bool FaultyFiles::read_now(int fd, MutableByteSpan target, std::uint64_t offset) {
  if (rng_.unit() >= behaviour_.in_page_cache) return false;
  return pread(fd, target.data(), target.size(), static_cast<off_t>(offset)) ==
         static_cast<ssize_t>(target.size());
}

void FaultyFiles::read(int fd, MutableByteSpan target, std::uint64_t offset, Done done) {
  ++under_way_;
  const bool fails = rng_.unit() < behaviour_.read_error;
  executor_.after(delay(), [this, fd, target, offset, fails, done = std::move(done)]() mutable {
    --under_way_;
    if (fails) {
      done(fail(ErrorCode::io, "read: injected failure"));
      return;
    }
    const ssize_t count = pread(fd, target.data(), target.size(), static_cast<off_t>(offset));
    if (count < 0)
      done(fail(sys::errno_error(errno, "read")));
    else
      done(static_cast<std::size_t>(count));
  });
}

void FaultyFiles::write(int fd, ByteSpan source, std::uint64_t offset, Done done) {
  ++under_way_;
  const double draw = rng_.unit();
  const bool full = draw < behaviour_.no_space;
  const bool fails = full || draw < behaviour_.no_space + behaviour_.write_error;
  std::size_t bytes = fails ? rng_.below(source.size()) : source.size();
  if ((fcntl(fd, F_GETFL) & O_DIRECT) != 0) bytes -= bytes % kDirectBytes;
  executor_.after(
      delay(), [this, fd, source, offset, full, fails, bytes, done = std::move(done)]() mutable {
        --under_way_;
        const ssize_t count = pwrite(fd, source.data(), bytes, static_cast<off_t>(offset));
        SHOAL_ASSERT(count == static_cast<ssize_t>(bytes));
        if (fails)
          done(fail(full ? ErrorCode::no_space : ErrorCode::io, "write: injected failure"));
        else
          done(source.size());
      });
}

void copy_sparse(const std::filesystem::path& from, const std::filesystem::path& to) {
  const int source = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  const int target = ::open(to.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  SHOAL_ASSERT(source >= 0 && target >= 0);
  const off_t size = lseek(source, 0, SEEK_END);
  SHOAL_ASSERT(ftruncate(target, size) == 0);
  std::vector<std::byte> bytes(1u << 20);
  for (off_t at = lseek(source, 0, SEEK_DATA); at >= 0 && at < size;
       at = lseek(source, at, SEEK_DATA)) {
    const off_t hole = lseek(source, at, SEEK_HOLE);
    while (at < hole) {
      const auto want = std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(hole - at));
      const ssize_t count = pread(source, bytes.data(), want, at);
      SHOAL_ASSERT(count > 0);
      SHOAL_ASSERT(pwrite(target, bytes.data(), static_cast<std::size_t>(count), at) == count);
      at += count;
    }
  }
  ::close(source);
  ::close(target);
}

std::size_t damage_sparse(const std::filesystem::path& path, std::size_t count, Rng& rng) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  SHOAL_ASSERT(fd >= 0);
  const off_t size = lseek(fd, 0, SEEK_END);
  std::vector<std::pair<off_t, off_t>> stretches;
  for (off_t at = lseek(fd, 0, SEEK_DATA); at >= 0 && at < size; at = lseek(fd, at, SEEK_DATA)) {
    const off_t hole = lseek(fd, at, SEEK_HOLE);
    stretches.emplace_back(at, hole);
    at = hole;
  }
  std::size_t damaged = 0;
  for (; damaged < count && !stretches.empty(); ++damaged) {
    const auto [begin, end] = stretches[rng.below(stretches.size())];
    const off_t at = begin + static_cast<off_t>(rng.below(static_cast<std::uint64_t>(end - begin)));
    unsigned char byte = 0;
    SHOAL_ASSERT(pread(fd, &byte, 1, at) == 1);
    byte = static_cast<unsigned char>(byte ^ (1u << rng.below(8)));
    SHOAL_ASSERT(pwrite(fd, &byte, 1, at) == 1);
  }
  ::close(fd);
  return damaged;
}

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "shoal-test-XXXXXX").string();
  SHOAL_ASSERT(mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace shoal::sim
