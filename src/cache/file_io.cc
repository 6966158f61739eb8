// SPDX-License-Identifier: Apache-2.0
#include "cache/file_io.h"

#include <sys/uio.h>

namespace shoal::cache {

bool LoopFileIo::read_now(int fd, MutableByteSpan target, std::uint64_t offset) {
  // From the page cache only: a file system without RWF_NOWAIT says EOPNOTSUPP, a page that is not
  // there EAGAIN or a short count; in all cases the ring does it.
  const iovec vector{target.data(), target.size()};
  const ssize_t count = preadv2(fd, &vector, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  return count >= 0 && static_cast<std::size_t>(count) == target.size();
}

void LoopFileIo::read(int fd, MutableByteSpan target, std::uint64_t offset, Done done) {
  loop_.read(fd, target, offset, std::move(done));
}

void LoopFileIo::write(int fd, ByteSpan source, std::uint64_t offset, Done done) {
  loop_.write(fd, source, offset, std::move(done));
}

}  // namespace shoal::cache
