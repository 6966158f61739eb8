// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/page_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "sys/file.h"

namespace shoal::tools::bench {

Result<void> drop_page_cache(const std::filesystem::path& place) {
  if (const sys::Fd directory(open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      directory.valid())
    syncfs(directory.get());
  constexpr const char* kFile = "/proc/sys/vm/drop_caches";
  const sys::Fd file(open(kFile, O_WRONLY | O_CLOEXEC));
  if (!file.valid() || write(file.get(), "3\n", 2) != 2)
    return fail(
        Error(sys::errno_error(errno, kFile))
            .with_context("drop the page cache")
            .with_remedy("Run as root, on a machine and not in an unprivileged container."));
  return {};
}

}  // namespace shoal::tools::bench
