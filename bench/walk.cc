// SPDX-License-Identifier: Apache-2.0
// How many files per second does one reader get, walking a tree as `grep -r` and `cat */*` do?
// Plain POSIX calls, no knowledge of Shoal, so that every mount is measured by the same program.
//
//   shoal-walk DIR [--seconds-max 20] [--readers 1] [--list FILE] [--json]
//
// With --list it reads the files the list names (relative to DIR, one per line) in that order, each
// reader taking the next one, as the workers of a training loader do. Prints files, bytes, seconds,
// files/s, milliseconds per file, processor time, and an order-free checksum of names and contents.
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Totals {
  std::atomic<std::uint64_t> files{0}, bytes{0}, errors{0}, checksum{0};
  std::mutex mutex;
  std::vector<float> milliseconds;  // of each file, open to last byte; guarded by mutex
};

class Walker {
 public:
  Walker(std::string root, Clock::time_point deadline, Totals& totals)
      : root_(std::move(root)), deadline_(deadline), totals_(totals), buffer_(1 << 20) {}
  Walker(const Walker&) = delete;
  Walker& operator=(const Walker&) = delete;
  ~Walker() {
    const std::lock_guard lock(totals_.mutex);
    totals_.milliseconds.insert(totals_.milliseconds.end(), milliseconds_.begin(),
                                milliseconds_.end());
  }

  bool expired() const { return Clock::now() >= deadline_; }

  void read_one(const std::string& path) {
    const auto begin = Clock::now();
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return report(path);
    XXH3_64bits_reset_withSeed(hash_.get(),
                               XXH3_64bits(path.data() + root_.size(), path.size() - root_.size()));
    ssize_t got = 0;
    while ((got = read(fd, buffer_.data(), buffer_.size())) > 0) {
      XXH3_64bits_update(hash_.get(), buffer_.data(), static_cast<std::size_t>(got));
      totals_.bytes += static_cast<std::uint64_t>(got);
    }
    if (got < 0) report(path);
    close(fd);
    milliseconds_.push_back(std::chrono::duration<float, std::milli>(Clock::now() - begin).count());
    ++totals_.files;
    totals_.checksum += XXH3_64bits_digest(hash_.get());
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
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> hash_{XXH3_createState(),
                                                                 XXH3_freeState};
  std::vector<float> milliseconds_;
};

struct Plan {
  std::string root;
  Clock::time_point deadline;
  unsigned readers = 1;
};

// Deals `slice` consecutive paths at a time to each reader.
void read_paths(const Plan& plan, const std::vector<std::string>& paths, std::size_t slice,
                Totals& totals) {
  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < plan.readers; ++i)
    threads.emplace_back([&] {
      Walker walker(plan.root, plan.deadline, totals);
      for (std::size_t begin; (begin = next.fetch_add(slice)) < paths.size();)
        for (std::size_t at = begin; at < std::min(begin + slice, paths.size()); ++at) {
          if (walker.expired()) return;
          walker.read_one(paths[at]);
        }
    });
}

// One reader walks as `grep -r` does; several read slices of the list, as `xargs -P` deals them
// out.
void walk_tree(const Plan& plan, Totals& totals) {
  constexpr std::size_t kSlice = 64;
  std::vector<std::string> paths;
  {
    Walker walker(plan.root, plan.deadline, totals);
    walker.walk(plan.root, [&](const std::string& path) {
      if (plan.readers == 1)
        walker.read_one(path);
      else
        paths.push_back(path);
    });
  }
  if (plan.readers > 1) read_paths(plan, paths, kSlice, totals);
}

bool load_list(const std::string& list, const std::string& root, std::vector<std::string>& paths) {
  std::ifstream file(list);
  for (std::string line; std::getline(file, line);) paths.push_back(root + "/" + line);
  return file.eof() && !paths.empty();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Sorts `values`.
float quantile(std::vector<float>& values, double rank) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(rank * static_cast<double>(values.size() - 1))];
}

void print(const Totals& totals, double seconds, bool complete, bool json) {
  std::vector<float> milliseconds = totals.milliseconds;
  const double files = static_cast<double>(totals.files.load());
  std::printf(json ? "{\"files\":%llu,\"bytes\":%llu,\"errors\":%llu,\"seconds\":%.4f,"
                     "\"files_per_second\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
                     "\"cpu_seconds\":%.4f,\"complete\":%s,\"checksum\":\"%016llx\"}\n"
                   : "%llu files, %llu bytes, %llu errors, %.3f s, %.0f files/s, p50 %.3f ms, "
                     "p99 %.3f ms, processor %.3f s, complete %s, checksum %016llx\n",
              static_cast<unsigned long long>(totals.files.load()),
              static_cast<unsigned long long>(totals.bytes.load()),
              static_cast<unsigned long long>(totals.errors.load()), seconds, files / seconds,
              static_cast<double>(quantile(milliseconds, 0.5)),
              static_cast<double>(quantile(milliseconds, 0.99)), cpu_seconds(),
              complete ? "true" : "false", static_cast<unsigned long long>(totals.checksum.load()));
}

}  // namespace

int main(int argc, char** argv) {
  Plan plan;
  std::string list;
  double seconds_max = 1e6;
  bool json = false;
  CLI::App app("Reads every file of a tree, as grep -r does, or those of a list in its order.");
  app.add_option("root", plan.root)->required();
  app.add_option("--seconds-max", seconds_max);
  app.add_option("--readers", plan.readers)->check(CLI::Range(1u, 256u));
  app.add_option("--list", list, "File with one path per line, relative to the root");
  app.add_flag("--json", json);
  CLI11_PARSE(app, argc, argv);
  while (plan.root.size() > 1 && plan.root.ends_with('/')) plan.root.pop_back();

  std::vector<std::string> paths;
  if (!list.empty() && !load_list(list, plan.root, paths)) {
    std::fprintf(stderr, "%s: cannot be read, or names no file\n", list.c_str());
    return 2;
  }
  Totals totals;
  const auto begin = Clock::now();
  plan.deadline = begin + std::chrono::duration_cast<Clock::duration>(
                              std::chrono::duration<double>(seconds_max));
  if (list.empty())
    walk_tree(plan, totals);
  else
    read_paths(plan, paths, 1, totals);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  print(totals, seconds, Clock::now() < plan.deadline, json);
  return totals.errors == 0 ? 0 : 1;
}
