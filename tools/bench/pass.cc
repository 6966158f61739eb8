// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/pass.h"

#include <algorithm>
#include <thread>

#include "tools/display.h"

namespace shoal::tools::bench {
namespace {

void read_slices(Pass& pass, const FileReader& read) {
  Histogram latencies;
  for (auto slice = pass.take(); !slice.empty(); slice = pass.take())
    for (const BenchFile& file : slice) {
      if (pass.should_stop()) break;
      const TimePoint began = system_clock().now();
      const auto bytes = read(file);
      if (!bytes) {
        pass.file_failed(file, bytes.error());
      } else if (*bytes) {
        latencies.record(system_clock().now() - began);
        pass.file_read(**bytes);
      }
    }
  pass.add_latencies(latencies);
}

}  // namespace

std::span<const BenchFile> Pass::take() {
  if (should_stop()) return {};
  const std::size_t begin = next_.fetch_add(options_.slice);
  if (begin >= files_.size()) return {};
  return files_.subspan(begin, std::min(options_.slice, files_.size() - begin));
}

bool Pass::should_stop() const {
  return (options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed)) ||
         system_clock().now() >= options_.deadline;
}

void Pass::file_read(std::uint64_t bytes) noexcept {
  files_read_.fetch_add(1, std::memory_order_relaxed);
  bytes_read_.fetch_add(bytes, std::memory_order_relaxed);
}

void Pass::file_failed(const BenchFile& file, const Error& error) {
  const std::lock_guard lock(mutex_);
  if (++failed_ <= kFailuresShown)
    failures_.push_back(printable(file.path) + ": " + error.to_string());
}

void Pass::add_latencies(const Histogram& latencies) {
  const std::lock_guard lock(mutex_);
  latencies_.merge(latencies);
}

PassCounts Pass::counts() const {
  const std::lock_guard lock(mutex_);
  return {.files = files_read_.load(),
          .bytes = bytes_read_.load(),
          .failed = failed_,
          .failures = failures_,
          .latencies = latencies_};
}

void read_with_threads(Pass& pass, unsigned readers,
                       const std::function<FileReader()>& make_reader) {
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < readers; ++i)
    threads.emplace_back([&pass, read = make_reader()] { read_slices(pass, read); });
}

}  // namespace shoal::tools::bench
