// SPDX-License-Identifier: Apache-2.0
// Question: what do listing and laying out cost per object, in time, CPU, memory and requests?
// Usage: shoal-bench-index [keys] [flat|tree]. The bucket is a formula in this process, so that
// everything measured is ours.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "index/build.h"
#include "unit/index/invented_store.h"
#include "unit/index/serial_executor.h"

namespace {

double cpu_seconds(const rusage& usage) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string flat_key(std::uint64_t i) {
  char text[32];
  std::snprintf(text, sizeof text, "p/f%07llu", static_cast<unsigned long long>(i));
  return text;
}

// 5,000 symbols x 200 days.
std::string tree_key(std::uint64_t i) {
  char text[64];
  std::snprintf(text, sizeof text, "p/S%05llu/2024-%03llu.csv",
                static_cast<unsigned long long>(i / 200), static_cast<unsigned long long>(i % 200));
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace shoal;
  const std::uint64_t keys = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const bool tree = argc > 2 && std::strcmp(argv[2], "tree") == 0;
  char folder[] = "/tmp/shoal-bench-index-XXXXXX";
  if (mkdtemp(folder) == nullptr) return 1;
  double listed_at = 0;
  int failed = 0;
  {
    index::SerialExecutor executor;
    index::InventedStore store(tree ? tree_key : flat_key, keys, executor);
    auto opened =
        index::Index::open(std::filesystem::path(folder) / "index", index::Index::Mode::create);
    index::BuildOptions options;
    options.on_progress = [&](const index::BuildProgress& progress) {
      if (progress.phase == index::BuildProgress::Phase::layout && listed_at == 0)
        listed_at = progress.elapsed.count();
    };
    const auto begin = std::chrono::steady_clock::now();
    format::DatasetRecord dataset;
    dataset.url = "s3://bucket/p/";
    const auto built = index::build(**opened, dataset, "p/", store, executor, options);
    const std::chrono::duration<double> all = std::chrono::steady_clock::now() - begin;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    if (!built) {
      std::fprintf(stderr, "%s\n", built.error().to_string().c_str());
      failed = 1;
    } else {
      const auto n = static_cast<double>(built->files);
      std::printf(
          "keys %.0f (%s)  list %.2f s (%.0f keys/s)  layout %.2f s (%.0f keys/s)  cpu %.2f s  "
          "peak rss %.0f MiB  requests %llu  round trips %.0f\n",
          n, tree ? "tree" : "flat", listed_at, n / listed_at, all.count() - listed_at,
          n / (all.count() - listed_at), cpu_seconds(usage),
          static_cast<double>(usage.ru_maxrss) / 1024,
          static_cast<unsigned long long>(built->list_requests), store.latency());
    }
  }
  std::filesystem::remove_all(folder);
  return failed;
}
