// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>

namespace shoal::fuse {

// Widens the kernel's readahead of a new file-backed EROFS mount, 128 KiB by default: one reader of
// a large file waits for one such request at a time (measured with 5 ms per request: 45 MB/s, and
// 266 MB/s with 1 MiB). The kernel names these devices "erofs-<number>" and tells nobody which
// mount a number belongs to, so it is the one that was not there before.
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
