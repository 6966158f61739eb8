// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/rng.h"
#include "cache/file_io.h"

namespace shoal::sim {

struct FileBehaviour {
  double in_page_cache = 0.5;  // share of reads that read_now() answers
  Duration delay_max{};
  double read_error = 0;
  double write_error = 0;  // some of the bytes may be written
  double no_space = 0;
};

// Local files that are slow and fail, on a simulated executor. The files are real.
class FaultyFiles final : public cache::FileIo {
 public:
  FaultyFiles(LoopExecutor& executor, FileBehaviour behaviour, std::uint64_t seed)
      : executor_(executor), behaviour_(behaviour), rng_(seed) {}
  [[nodiscard]] FileBehaviour& behaviour() { return behaviour_; }
  [[nodiscard]] std::uint64_t under_way() const { return under_way_; }

  bool read_now(int fd, MutableByteSpan target, std::uint64_t offset) override;
  void read(int fd, MutableByteSpan target, std::uint64_t offset, Done done) override;
  void write(int fd, ByteSpan source, std::uint64_t offset, Done done) override;

 private:
  Duration delay();

  LoopExecutor& executor_;
  FileBehaviour behaviour_;
  Rng rng_;
  std::uint64_t under_way_ = 0;
};

// Copies a sparse file without its holes: what a killed server leaves behind.
void copy_sparse(const std::filesystem::path& from, const std::filesystem::path& to);
// Changes one bit of each of `count` random written bytes of a sparse file; returns how many.
std::size_t damage_sparse(const std::filesystem::path& path, std::size_t count, Rng& rng);

// A directory under the system's temporary one, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace shoal::sim
