// SPDX-License-Identifier: Apache-2.0
// How many files per second does one reader get, walking a tree as `grep -r` and `cat */*` do?
// Plain POSIX calls, no knowledge of Shoal, so that every mount is measured by the same program.
//
//   shoal-walk DIR [--seconds-max 20] [--readers 1] [--json]
//
// Prints files, bytes, seconds, files/s and an order-free checksum of names and contents.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Totals {
  std::atomic<std::uint64_t> files{0}, bytes{0}, errors{0}, checksum{0};
};

class Walker {
 public:
  Walker(std::string root, Clock::time_point deadline, Totals& totals)
      : root_(std::move(root)), deadline_(deadline), totals_(totals), buffer_(1 << 20) {}

  bool expired() const { return Clock::now() >= deadline_; }

  void read_one(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return report(path);
    std::uint64_t hash = XXH3_64bits(path.data() + root_.size(), path.size() - root_.size());
    ssize_t got = 0;
    while ((got = read(fd, buffer_.data(), buffer_.size())) > 0) {
      hash = XXH3_64bits_withSeed(buffer_.data(), static_cast<std::size_t>(got), hash);
      totals_.bytes += static_cast<std::uint64_t>(got);
    }
    if (got < 0) report(path);
    close(fd);
    ++totals_.files;
    totals_.checksum += hash;
  }

  // Names in byte order (what a shell glob and EROFS give), files before subdirectories are entered
  // in that same order. `visit_file` gets the path.
  template <typename Visit>
  void walk(const std::string& directory, const Visit& visit_file) {
    std::vector<std::pair<std::string, bool>> entries;
    DIR* open_directory = opendir(directory.c_str());
    if (open_directory == nullptr) return report(directory);
    while (const dirent* entry = readdir(open_directory)) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      bool is_directory = entry->d_type == DT_DIR;
      if (entry->d_type == DT_UNKNOWN) {
        struct stat status {};
        is_directory =
            stat((directory + "/" + name).c_str(), &status) == 0 && S_ISDIR(status.st_mode);
      }
      entries.emplace_back(name, is_directory);
    }
    closedir(open_directory);
    std::sort(entries.begin(), entries.end());
    for (const auto& [name, is_directory] : entries) {
      if (expired()) return;
      const std::string path = directory + "/" + name;
      if (is_directory)
        walk(path, visit_file);
      else
        visit_file(path);
    }
  }

 private:
  void report(const std::string& path) {
    if (++totals_.errors <= 5) std::perror(path.c_str());
  }
  std::string root_;
  Clock::time_point deadline_;
  Totals& totals_;
  std::vector<char> buffer_;
};

// Several readers: the list first, then contiguous slices, as `xargs -P` deals them out.
void walk_parallel(const std::string& root, Clock::time_point deadline, unsigned readers,
                   Totals& totals) {
  std::vector<std::string> paths;
  Walker(root, deadline, totals).walk(root, [&](const std::string& path) {
    paths.push_back(path);
  });
  constexpr std::size_t kSlice = 64;
  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < readers; ++i)
    threads.emplace_back([&] {
      Walker walker(root, deadline, totals);
      for (std::size_t begin; (begin = next.fetch_add(kSlice)) < paths.size();)
        for (std::size_t at = begin; at < std::min(begin + kSlice, paths.size()); ++at) {
          if (walker.expired()) return;
          walker.read_one(paths[at]);
        }
    });
}

}  // namespace

int main(int argc, char** argv) {
  std::string root;
  double seconds_max = 1e6;
  unsigned readers = 1;
  bool json = false;
  CLI::App app("Reads every file of a tree, as grep -r does.");
  app.add_option("root", root)->required();
  app.add_option("--seconds-max", seconds_max);
  app.add_option("--readers", readers)->check(CLI::Range(1u, 256u));
  app.add_flag("--json", json);
  CLI11_PARSE(app, argc, argv);
  while (root.size() > 1 && root.ends_with('/')) root.pop_back();

  Totals totals;
  const auto begin = Clock::now();
  const auto deadline = begin + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(seconds_max));
  if (readers == 1) {
    Walker walker(root, deadline, totals);
    walker.walk(root, [&](const std::string& path) { walker.read_one(path); });
  } else {
    walk_parallel(root, deadline, readers, totals);
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const bool complete = Clock::now() < deadline;
  const double rate = static_cast<double>(totals.files.load()) / seconds;
  std::printf(json ? "{\"files\":%llu,\"bytes\":%llu,\"errors\":%llu,\"seconds\":%.4f,"
                     "\"files_per_second\":%.1f,\"complete\":%s,\"checksum\":\"%016llx\"}\n"
                   : "%llu files, %llu bytes, %llu errors, %.3f s, %.0f files/s, complete %s, "
                     "checksum %016llx\n",
              static_cast<unsigned long long>(totals.files.load()),
              static_cast<unsigned long long>(totals.bytes.load()),
              static_cast<unsigned long long>(totals.errors.load()), seconds, rate,
              complete ? "true" : "false", static_cast<unsigned long long>(totals.checksum.load()));
  return totals.errors == 0 ? 0 : 1;
}
