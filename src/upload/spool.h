// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "base/bytes.h"
#include "base/result.h"
#include "sys/file.h"

namespace shoal::upload {

// Bodies that the uploader keeps for the caller until they are sent: one file per job, below the
// journal. A file without a job is what a crash left, and goes at the next start.
//
// Thread model: synchronized (each file has one writer); calls block on the disk.
class Spool {
 public:
  // `sync`: what write() and copy() made is on the disk when they return.
  [[nodiscard]] static Result<Spool> open(const std::filesystem::path& directory, bool sync);

  [[nodiscard]] Result<void> write(std::uint64_t id, ByteSpan bytes) const;
  // A copy of the file as it is at one moment: copied again while it changes, a few times, then
  // ErrorCode::precondition. Returns its size.
  [[nodiscard]] Result<std::uint64_t> copy(std::uint64_t id,
                                           const std::filesystem::path& file) const;
  [[nodiscard]] std::filesystem::path path(std::uint64_t id) const;
  void remove(std::uint64_t id) const;
  // Removes every file for which `is_wanted(id)` is false.
  void keep_only(const std::function<bool(std::uint64_t)>& is_wanted) const;

 private:
  Spool(std::filesystem::path directory, bool sync)
      : directory_(std::move(directory)), sync_(sync) {}
  [[nodiscard]] Result<void> settle(const sys::File& file) const;

  std::filesystem::path directory_;
  bool sync_;
};

}  // namespace shoal::upload
