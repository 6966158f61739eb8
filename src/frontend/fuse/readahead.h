// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

// The kernel reads 128 KiB ahead unless told otherwise, at two levels that are widened here. Both
// are best effort: a read-only /sys (containers) only costs speed.

namespace shoal::fuse {

// Of the file system that holds `image`, before EROFS opens it: an open file keeps what it found.
// A file-backed EROFS without `directio` reads through the page cache of its image, where small
// files that lie one behind the other are one stream.
void widen_readahead(const std::filesystem::path& image, std::uint64_t bytes);

// Of the inodes of a new file-backed EROFS mount: one reader of a large file waits for one such
// request at a time (measured with 5 ms per request: 45 MB/s, and 266 MB/s with 1 MiB). The kernel
// names these devices "erofs-<number>" and tells nobody which mount a number belongs to, so it is
// the one that was not there before.
//
// Thread model: confined.
class ReadaheadTuning {
 public:
  ReadaheadTuning();  // before the mount
  // After it. Leaves things as they are when several mounts appeared at one time, or none.
  void apply(std::uint64_t bytes) const;

 private:
  std::set<std::string> before_;
};

}  // namespace shoal::fuse
