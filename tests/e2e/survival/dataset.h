// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace shoal::survival {

// A temporary directory with an EROFS image of a few thousand small files and one of 64 MiB, and
// what each file must read as. Removed at the end.
class Dataset {
 public:
  Dataset();
  ~Dataset();
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] const std::filesystem::path& image() const { return image_; }

  struct File {
    std::string path;  // below the root
    std::uint64_t hash = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] const std::vector<File>& files() const { return files_; }

 private:
  std::filesystem::path directory_;
  std::filesystem::path image_;
  std::vector<File> files_;
};

struct ReadAllResult {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;
  std::vector<std::string> errors;  // "path: why", the first few
};

// Reads every file below `root` in `threads` threads (thread t takes every threads-th file) and
// compares; `on_file` is told the number of files read so far, from any thread.
[[nodiscard]] ReadAllResult read_all(const Dataset& dataset, const std::filesystem::path& root,
                                     unsigned threads, bool small_only = false,
                                     const std::function<void(std::uint64_t)>& on_file = {});

}  // namespace shoal::survival
