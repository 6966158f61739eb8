// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/cost.h"
#include "tools/bench/file_list.h"
#include "tools/bench/histogram.h"
#include "tools/bench/machine.h"
#include "tools/bench/pass.h"
#include "tools/bench/source.h"
#include "tools/bench/timeline.h"
#include "tools/io.h"

// What a bench found out, and the three ways to show it. Pure but for print_report().

namespace shoal::tools::bench {

struct Settings {
  Order order = Order::walk;
  std::uint64_t seed = 1;
  unsigned readers = 1;
  std::uint64_t files_max = 1'000'000;
  double seconds_max = 0;  // of one pass; 0: no limit
  CacheState state = CacheState::as_is;
  unsigned passes = 3;
  bool warmup = false;
  std::uint64_t block_bytes = 128u << 10;
  std::string include;  // glob; empty: all
  Prices prices;
};

enum class PassEnd { all_files, time_over, interrupted };
[[nodiscard]] std::string_view name_of(PassEnd end) noexcept;

struct PassResult {
  PassCounts counts;
  double seconds = 0;
  PassEnd end = PassEnd::all_files;
  Timeline timeline;
  std::chrono::microseconds own_cpu{0};
  std::optional<std::chrono::microseconds> server_cpu;
  std::optional<ProcessUsage> server;  // at its end
  std::optional<Traffic> traffic;      // of this pass
};

struct Listing {
  std::uint64_t files = 0;   // that came by
  std::uint64_t chosen = 0;  // to be read
  std::uint64_t failed = 0;  // directories that could not be read
  std::vector<std::string> failures{};
  ListCounts counts{};
  double seconds = 0;
  bool complete = true;  // false: ended when enough files had been found, or by Ctrl-C
};

struct TargetResult {
  std::string name;
  SourceKind kind = SourceKind::directory;
  std::string description;
  bool is_local = false;
  Listing listing;
  std::vector<PassResult> passes;
  std::vector<std::string> notes;
};

struct Report {
  Settings settings;
  Machine machine;
  std::vector<std::string> command;
  std::int64_t started_at = 0;  // seconds since 1970
  std::uint64_t own_resident_bytes_max = 0;
  bool interrupted = false;
  std::vector<TargetResult> targets;
};

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};
// Of no value: zeros.
[[nodiscard]] Spread spread_of(std::vector<double> values);

// A target's passes taken together.
struct Summary {
  Spread files_per_second;
  Spread bytes_per_second;
  Histogram latencies;
  std::uint64_t files = 0;  // read in all passes, and so are the next three
  std::uint64_t bytes = 0;
  std::uint64_t failed = 0;
  std::optional<Traffic> traffic;  // nothing when one pass does not know
  double own_cpu_us_per_file = 0;
  std::optional<double> server_cpu_us_per_file;
  std::optional<Cost> cost;
};
[[nodiscard]] Summary summarize(const TargetResult& target, const Prices& prices);

// Files per second of `target` over those of `first`, pass by pass.
[[nodiscard]] Spread ratio_to(const TargetResult& target, const TargetResult& first);

[[nodiscard]] double per(std::uint64_t count, std::uint64_t whole) noexcept;  // 0 when whole is 0
[[nodiscard]] double files_per_second(const PassResult& pass) noexcept;

// "180 us", "2.1 ms", "3.40 s".
[[nodiscard]] std::string latency_text(std::chrono::nanoseconds duration);
// The settings in one line: "walk order, 1 reader, state cold, 3 passes".
[[nodiscard]] std::string settings_text(const Settings& settings);

void print_report(const Report& report, const Io& io);
// The document described in JSON.md beside this file.
[[nodiscard]] std::string json_text(const Report& report);
// One self-contained page: no script, nothing from the network.
[[nodiscard]] std::string html_text(const Report& report);

}  // namespace shoal::tools::bench
