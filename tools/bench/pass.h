// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "tools/bench/file_list.h"
#include "tools/bench/histogram.h"

namespace shoal::tools::bench {

// What happened to the files of one pass.
struct PassCounts {
  std::uint64_t files = 0;  // read whole
  std::uint64_t bytes = 0;  // of them
  std::uint64_t failed = 0;
  std::vector<std::string> failures;  // the first few, one line each
  Histogram latencies;                // per file, from open to the last byte
};

// One pass over the files: deals them out to readers and gathers what became of them.
//
// Thread model: synchronized.
class Pass {
 public:
  struct Options {
    TimePoint deadline = TimePoint::max();
    const std::atomic<bool>* stop = nullptr;  // Ctrl-C
    std::size_t slice = 1;                    // files dealt out at a time
  };
  Pass(std::span<const BenchFile> files, const Options& options)
      : files_(files), options_(options) {}

  // The next files in order; empty when all are dealt out, or the pass is to end.
  [[nodiscard]] std::span<const BenchFile> take();
  // The time is over, or Ctrl-C: files under way are given up and not counted.
  [[nodiscard]] bool should_stop() const;

  void file_read(std::uint64_t bytes) noexcept;
  void file_failed(const BenchFile& file, const Error& error);
  // Once per reader, at its end.
  void add_latencies(const Histogram& latencies);

  [[nodiscard]] std::uint64_t files_read() const noexcept { return files_read_.load(); }
  // When all readers have ended.
  [[nodiscard]] PassCounts counts() const;

 private:
  static constexpr std::size_t kFailuresShown = 5;
  std::span<const BenchFile> files_;
  Options options_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::uint64_t> files_read_{0};
  std::atomic<std::uint64_t> bytes_read_{0};

  mutable std::mutex mutex_;
  std::uint64_t failed_ = 0;
  std::vector<std::string> failures_;
  Histogram latencies_;
};

// Reads one file whole; the bytes it had. Nothing when `pass` is to end before the file does.
using FileReader = std::function<Result<std::optional<std::uint64_t>>(const BenchFile&)>;

// Runs `readers` threads, each with a FileReader of its own, until the pass is over. Blocks.
void read_with_threads(Pass& pass, unsigned readers,
                       const std::function<FileReader()>& make_reader);

}  // namespace shoal::tools::bench
