// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Which files a bench reads, and in which order. Pure.

namespace shoal::tools::bench {

enum class Order {
  walk,     // depth-first, names in byte order: what `grep -r` and `cat */*` do
  shuffle,  // random, the same for the same seed and paths
  stride,   // file k of every directory, then file k+1: one day over all symbols
};
// "walk", "shuffle", "stride".
[[nodiscard]] std::string_view name_of(Order order) noexcept;

struct BenchFile {
  std::string path;         // relative to the target
  std::uint64_t size = 0;   // where the source needs to know it before it reads
  std::uint64_t place = 0;  // the source's own; a volume's offset in the image
};

// Walk order of two paths: '/' comes before every other byte.
[[nodiscard]] bool walks_before(std::string_view a, std::string_view b) noexcept;

// Counts the files of each directory while paths come by. Directories may be entered in the middle
// of their parent, but everything below one comes together: so do a walk and a listing by key.
class DirectoryOrdinals {
 public:
  // Number of files of the same directory that came before this one.
  [[nodiscard]] std::uint64_t next(std::string_view path);

 private:
  struct Level {
    std::string directory;  // with its '/' at the end; "" is the top
    std::uint64_t files = 0;
  };
  std::vector<Level> open_;  // each inside the one before
};

// Chooses at most `files_max` of the files that are offered and puts them in order. Memory grows
// with the files chosen, about 60 bytes and the path for each, not with those offered. Which files
// it chooses does not depend on the order they come in, except for `walk`, which takes the first:
// two targets with the same paths are read alike.
class FileSelection {
 public:
  struct Options {
    Order order = Order::walk;
    std::uint64_t seed = 0;
    std::uint64_t files_max = 1;
  };
  explicit FileSelection(const Options& options) : options_(options) {}

  // False: no further file can be chosen.
  bool offer(BenchFile file);
  [[nodiscard]] std::uint64_t offered() const noexcept { return offered_; }
  // The files chosen, in the order to read them. Call once.
  [[nodiscard]] std::vector<BenchFile> finish();

 private:
  struct Chosen {
    std::uint64_t rank = 0;  // files are read by rank, then in walk order
    BenchFile file;
  };
  [[nodiscard]] std::uint64_t rank_of(std::string_view path);
  static bool reads_before(const Chosen& a, const Chosen& b) noexcept;

  Options options_;
  std::uint64_t offered_ = 0;
  DirectoryOrdinals ordinals_;
  std::vector<Chosen> chosen_;  // a heap, last to be read on top, once it is full
};

}  // namespace shoal::tools::bench
