// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "bench/report.h"
#include "bench/run.h"
#include "bench/source.h"
#include "commands.h"
#include "flags.h"
#include "sys/file.h"

namespace shoal::tools {
namespace {

using namespace bench;

constexpr std::size_t kTargetsMax = 8;  // as many colours can be told apart in the report

struct BenchFlags {
  std::vector<std::string> targets;
  std::string order = "walk";
  std::string state = "as-is";
  std::string block_size = "128K";
  Settings settings;
  StoreFlags store;
  ReadFlags read;
  bool json = false;
  std::filesystem::path html;
};

Result<Settings> settings_of(const BenchFlags& flags) {
  Settings settings = flags.settings;
  for (const Order order : {Order::walk, Order::shuffle, Order::stride})
    if (name_of(order) == flags.order) settings.order = order;
  for (const CacheState state :
       {CacheState::as_is, CacheState::warm, CacheState::page_cache_dropped, CacheState::cold})
    if (name_of(state) == flags.state) settings.state = state;
  if (!parse_bytes(flags.block_size, settings.block_bytes) || settings.block_bytes < 512 ||
      settings.block_bytes > (64u << 20))
    return fail(ErrorCode::bad_input, "--block-size " + flags.block_size + ": not such a size",
                "Give 512 to 64M, for example 128K.");
  if (settings.state == CacheState::cold && settings.warmup)
    return fail(ErrorCode::bad_input, "--warmup and --state cold exclude each other",
                "Leave one of them out.");
  if (flags.targets.size() > kTargetsMax)
    return fail(ErrorCode::bad_input,
                fmt::format("{} targets are more than the {} one run can show",
                            flags.targets.size(), kTargetsMax),
                "Bench the others in another run, with the first one again.");
  return settings;
}

// Found out before an hour of measuring, not after it.
Result<void> check_html_place(const std::filesystem::path& file) {
  if (file.empty()) return {};
  const auto directory = std::filesystem::absolute(file).parent_path();
  std::error_code status;
  if (!std::filesystem::is_directory(directory, status))
    return fail(ErrorCode::not_found,
                "--html " + file.string() + ": there is no directory " + directory.string(),
                "Create it first, or name a file elsewhere.");
  if (std::filesystem::is_directory(file, status))
    return fail(ErrorCode::bad_input, "--html " + file.string() + ": it is a directory",
                "Name the file to write, for example " + (file / "bench.html").string() + ".");
  if (access(directory.c_str(), W_OK) != 0)
    return fail(ErrorCode::permission, "--html " + file.string() + ": no right to write there",
                "Name a file elsewhere.");
  return {};
}

Result<Report> measure(const BenchFlags& flags, const Settings& settings, const Io& io) {
  SHOAL_CHECK_OK(check_html_place(flags.html));
  const SourceOptions options{.readers = settings.readers,
                              .block_bytes = settings.block_bytes,
                              .store = flags.store,
                              .read = flags.read};
  std::vector<std::unique_ptr<Source>> sources;
  for (const std::string& target : flags.targets) {
    SHOAL_TRY(auto source, open_source(target, options));
    sources.push_back(std::move(source));
  }
  catch_signals();
  return run_bench(settings, sources, io);
}

bool is_whole(const Report& report) {
  if (report.interrupted) return false;
  for (const TargetResult& target : report.targets) {
    if (target.listing.failed > 0) return false;
    for (const PassResult& pass : target.passes)
      if (pass.counts.failed > 0) return false;
  }
  return true;
}

int run_bench_command(const BenchFlags& flags, const Io& io) {
  const auto settings = settings_of(flags);
  if (!settings) {
    complain(io, settings.error());
    return kExitUsage;
  }
  const auto report = measure(flags, *settings, io);
  if (!report) {
    complain(io, report.error());
    return kExitFailed;
  }
  if (flags.json)
    fmt::print(io.out, "{}\n", json_text(*report));
  else
    print_report(*report, io);
  if (!flags.html.empty()) {
    if (const auto written = sys::write_text_file(flags.html, html_text(*report)); !written) {
      complain(io, Error(written.error()).with_context("--html"));
      return kExitFailed;
    }
    remark(io, "report written to " + flags.html.string());
  }
  return is_whole(*report) ? kExitOk : kExitFailed;
}

void add_what_to_read(CLI::App& app, BenchFlags& flags) {
  Settings& settings = flags.settings;
  app.add_option("--order", flags.order,
                 "walk: as `grep -r`; shuffle: random; stride: file k of every directory, then k+1")
      ->check(CLI::IsMember({"walk", "shuffle", "stride"}))
      ->type_name("ORDER")
      ->capture_default_str();
  app.add_option("--seed", settings.seed, "Of the shuffle: the same seed, the same order")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--include", settings.include,
                 "Only files whose path is like this, e.g. '*.csv' (* also stands for /)")
      ->type_name("GLOB");
  app.add_option(
         "--files", settings.files_max,
         "Read at most N files: the first in walk order, a random sample for shuffle. Their "
         "list is held in memory, about 150 bytes each")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{100'000'000}))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--for", settings.seconds_max, "End each pass after that many seconds")
      ->check(CLI::Range(0.01, 1e6))
      ->type_name("SECONDS");
  app.add_option("--readers", settings.readers,
                 "Threads that read, 1 to 1024; each has one file open (URLs: see --max-requests)")
      ->check(CLI::Range(1u, 1024u))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--block-size", flags.block_size, "Bytes per read(2)")
      ->type_name("SIZE")
      ->capture_default_str();
}

void add_how_to_measure(CLI::App& app, BenchFlags& flags) {
  Settings& settings = flags.settings;
  app.add_option("--state", flags.state,
                 "Caches before each pass: as-is, warm (read once before), page-cache-dropped "
                 "(the kernel's only), cold (none; refused where that cannot be had)")
      ->check(CLI::IsMember({"as-is", "warm", "page-cache-dropped", "cold"}))
      ->type_name("STATE")
      ->capture_default_str();
  app.add_flag("--warmup", settings.warmup, "Read everything once before, uncounted");
  app.add_option("--passes", settings.passes, "Times each target is read, in turns with the others")
      ->check(CLI::Range(1u, 1000u))
      ->type_name("K")
      ->capture_default_str();
  app.add_flag("--json", flags.json, "For programs: see tools/bench/JSON.md");
  app.add_option("--html", flags.html, "Write a report with plots to this file")->type_name("FILE");
}

void add_prices(CLI::App& app, Prices& prices) {
  const char* group = "Prices, from the service's price page";
  app.add_option("--price-get", prices.per_1000_gets, "Of 1,000 GETs")
      ->check(CLI::NonNegativeNumber)
      ->type_name("PRICE")
      ->group(group);
  app.add_option("--price-list", prices.per_1000_lists, "Of 1,000 LISTs")
      ->check(CLI::NonNegativeNumber)
      ->type_name("PRICE")
      ->group(group);
  app.add_option("--price-gb", prices.per_gib, "Of a GB (2^30 bytes) leaving the bucket")
      ->check(CLI::NonNegativeNumber)
      ->type_name("PRICE")
      ->group(group);
  app.add_option("--currency", prices.currency, "That the prices are in")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(group);
}

// Of the flags of a mount those that mean something here.
void add_in_process(CLI::App& app, ReadFlags& read) {
  const char* group = "Volumes and URLs, which this process reads itself";
  app.add_option("--max-requests", read.requests_in_flight,
                 fmt::format("GETs in flight (default {})", limits::kRequestsInFlightDefault))
      ->check(CLI::Range(1u, limits::kRequestsInFlightMax))
      ->type_name("N")
      ->group(group);
  app.add_option("--max-qps", read.requests_per_second, "Requests per second (default: no limit)")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N")
      ->group(group);
  app.add_option("--cache-size", read.cache_size,
                 "Most disk a volume's cache may take (default 20G)")
      ->type_name("SIZE")
      ->group(group);
  app.add_option("--io-timeout", read.io_timeout_s, "Seconds a read may take before it fails")
      ->check(CLI::Range(1u, 86400u))
      ->type_name("SECONDS")
      ->capture_default_str()
      ->group(group);
}

}  // namespace

void add_bench(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<BenchFlags>();
  CLI::App* command =
      app.add_subcommand("bench", "Measure how fast small files are read, and what it costs");
  command->footer(R"(Examples:
  shoal bench /mnt/bars
  shoal bench /mnt/bars /srv/copy-of-bars --readers 16 --order shuffle --html bars.html
  shoal bench /var/lib/shoal/volumes/market-data-1a2b3c4d --state cold
  shoal bench s3://market-data/minute-bars --files 20000 --price-get 0.0004 --price-list 0.005

A target is any directory (a Shoal mount, another mount, a local disk), a volume's directory, or a URL:
then the objects themselves, which is the most that anything above them can reach. Several targets are
read in turns, and the first is what the others are compared with.

Ctrl-C ends it and shows what there is. Exit code 1: a file could not be read, or it was ended early.)");
  command->add_option("targets", flags->targets, "Directories, volumes, URLs; 1 to 8")->required();
  add_what_to_read(*command, *flags);
  add_how_to_measure(*command, *flags);
  add_prices(*command, flags->settings.prices);
  add_in_process(*command, flags->read);
  add_store_flags(*command, flags->store);
  command->remove_option(command->get_option("--volume"));  // a volume is a target
  command->callback([flags, &io, &exit_code] { exit_code = run_bench_command(*flags, io); });
}

}  // namespace shoal::tools
