// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/bytes.h"
#include "tools/bench/report.h"
#include "tools/display.h"

namespace shoal::tools::bench {
namespace {

std::string rate_text(double rate) {
  return rate < 100 ? fmt::format("{:.1f}", rate) : grouped(static_cast<std::uint64_t>(rate + 0.5));
}

std::string spread_text(const Spread& spread, std::size_t passes) {
  if (passes < 2) return rate_text(spread.median);
  return fmt::format("{}  (median of {}: {} - {})", rate_text(spread.median), passes,
                     rate_text(spread.min), rate_text(spread.max));
}

void row(const Io& io, std::string_view label, std::string_view text) {
  fmt::print(io.out, "  {:<9} {}\n", label, text);
}

std::string listing_text(const Listing& listing) {
  std::string text = fmt::format("{} files in {} director{}, {:.2f} s", grouped(listing.files),
                                 grouped(listing.counts.directories),
                                 listing.counts.directories == 1 ? "y" : "ies", listing.seconds);
  if (listing.counts.requests > 0)
    text = fmt::format("{} files with {} LISTs, {:.2f} s", grouped(listing.files),
                       grouped(listing.counts.requests), listing.seconds);
  if (listing.chosen < listing.files)
    text += fmt::format("; {} of them chosen", grouped(listing.chosen));
  if (!listing.complete) text += "; stopped there";
  if (listing.counts.skipped > 0)
    text += fmt::format("; {} links or other entries left out", grouped(listing.counts.skipped));
  return text;
}

void print_bucket(const Io& io, const TargetResult& target, const Summary& summary) {
  if (target.is_local) return;
  if (!summary.traffic) return row(io, "bucket", "requests not known");
  const Traffic& traffic = *summary.traffic;
  std::string text =
      fmt::format("{} GETs ({:.2f} per file), {} fetched ({:.2f} per byte read)",
                  grouped(traffic.gets), per(traffic.gets, summary.files),
                  human_bytes(traffic.get_bytes), per(traffic.get_bytes, summary.bytes));
  if (traffic.hedged_gets > 0)
    text += fmt::format("; {} sent twice", grouped(traffic.hedged_gets));
  if (traffic.throttled > 0) text += fmt::format("; {} throttled", grouped(traffic.throttled));
  row(io, "bucket", text);
  if (traffic.prefetched_bytes > 0)
    row(io, "prefetch",
        fmt::format("{} fetched ahead, {:.1f} % of it dropped unread",
                    human_bytes(traffic.prefetched_bytes),
                    100 * per(traffic.prefetch_wasted_bytes, traffic.prefetched_bytes)));
}

void print_cost(const Io& io, const Summary& summary, const TargetResult& target,
                const Prices& prices) {
  if (!summary.cost) {
    if (prices.any() && !target.is_local)
      row(io, "cost", "not known: nobody here counts the requests");
    return;
  }
  const Cost& cost = *summary.cost;
  row(io, "cost",
      fmt::format("{:.4g} {} per million files: GETs {:.4g}, LISTs {:.4g}, traffic {:.4g}{}",
                  cost.total(), prices.currency, cost.gets, cost.lists, cost.traffic,
                  target.kind == SourceKind::bucket || !prices.per_1000_lists
                      ? ""
                      : fmt::format("; indexing them, once: {:.4g}", *prices.per_1000_lists)));
}

void print_cpu_and_memory(const Io& io, const TargetResult& target, const Summary& summary,
                          const Report& report) {
  std::string cpu = fmt::format("{:.1f} us per file in this process", summary.own_cpu_us_per_file);
  if (summary.server_cpu_us_per_file)
    cpu += fmt::format(", {:.1f} us in the server", *summary.server_cpu_us_per_file);
  row(io, "CPU", cpu);
  if (target.passes.back().server) {
    const ProcessUsage& server = *target.passes.back().server;
    row(io, "memory",
        fmt::format("server (pid {}) {}, at most {}", server.pid,
                    human_bytes(server.resident_bytes), human_bytes(server.resident_bytes_max)));
  } else if (target.kind != SourceKind::directory) {
    row(io, "memory",
        fmt::format("this process at most {}", human_bytes(report.own_resident_bytes_max)));
  }
}

void print_failures(const Io& io, const TargetResult& target, const Summary& summary) {
  const auto print = [&](std::uint64_t failed, std::string_view what,
                         const std::vector<std::string>& lines) {
    if (failed == 0) return;
    row(io, "ERRORS", fmt::format("{} {}", grouped(failed), what));
    for (const std::string& line : lines) fmt::print(io.out, "    {}\n", line);
    if (failed > lines.size()) fmt::print(io.out, "    ...\n");
  };
  print(target.listing.failed, "directories could not be listed", target.listing.failures);
  if (summary.failed == 0) return;
  for (const PassResult& pass : target.passes)
    if (pass.counts.failed > 0)
      return print(summary.failed, "files could not be read", pass.counts.failures);
}

void print_target(const Io& io, const TargetResult& target, const Report& report) {
  fmt::print(io.out, "\n{} ({})\n", printable(target.name), printable(target.description));
  row(io, "listing", listing_text(target.listing));
  const Summary summary = summarize(target, report.settings.prices);
  if (!target.passes.empty()) {
    const std::size_t passes = target.passes.size();
    row(io, "files/s", spread_text(summary.files_per_second, passes));
    const Spread& bytes = summary.bytes_per_second;
    row(io, "MB/s", spread_text({bytes.median / 1e6, bytes.min / 1e6, bytes.max / 1e6}, passes));
    const Histogram& latencies = summary.latencies;
    row(io, "per file",
        fmt::format("p50 {}, p90 {}, p99 {}, longest {}", latency_text(latencies.quantile(0.5)),
                    latency_text(latencies.quantile(0.9)), latency_text(latencies.quantile(0.99)),
                    latency_text(latencies.max())));
    print_bucket(io, target, summary);
    print_cost(io, summary, target, report.settings.prices);
    print_cpu_and_memory(io, target, summary, report);
    for (const PassResult& pass : target.passes)
      if (pass.end != PassEnd::all_files) {
        row(io, "cut",
            fmt::format("{} of {} files: {}", grouped(pass.counts.files),
                        grouped(target.listing.chosen),
                        pass.end == PassEnd::interrupted ? "interrupted" : "the time was over"));
        break;
      }
  }
  print_failures(io, target, summary);
  for (const std::string& note : target.notes) row(io, "note", note);
}

void print_comparison(const Io& io, const Report& report) {
  fmt::print(io.out, "\n{:>12} {:>18} {:>9} {:>9} {:>9} {:>9}  {}\n", "files/s", "ratio", "p50",
             "p99", "GETs/file", "CPU/file", "target");
  for (const TargetResult& target : report.targets) {
    const Summary summary = summarize(target, report.settings.prices);
    const Spread ratio = ratio_to(target, report.targets.front());
    fmt::print(io.out, "{:>12} {:>18} {:>9} {:>9} {:>9} {:>9}  {}\n",
               rate_text(summary.files_per_second.median),
               target.passes.size() < 2
                   ? fmt::format("{:.2f}", ratio.median)
                   : fmt::format("{:.2f} ({:.2f}-{:.2f})", ratio.median, ratio.min, ratio.max),
               latency_text(summary.latencies.quantile(0.5)),
               latency_text(summary.latencies.quantile(0.99)),
               summary.traffic   ? fmt::format("{:.2f}", per(summary.traffic->gets, summary.files))
               : target.is_local ? "-"
                                 : "?",
               fmt::format("{:.0f} us", summary.own_cpu_us_per_file +
                                            summary.server_cpu_us_per_file.value_or(0)),
               printable(target.name));
  }
  fmt::print(io.out, "Ratios are to {}, pass by pass: median and range.\n",
             printable(report.targets.front().name));
}

}  // namespace

void print_report(const Report& report, const Io& io) {
  fmt::print(io.out, "{}\n", printable(settings_text(report.settings)));
  fmt::print(io.out, "{} x {}, {}, {}; load {:.1f}\n", report.machine.processors,
             report.machine.processor, human_bytes(report.machine.memory_bytes),
             report.machine.kernel, report.machine.load);
  bool measured = !report.targets.empty();
  for (const TargetResult& target : report.targets) {
    print_target(io, target, report);
    measured = measured && !target.passes.empty();
  }
  if (report.targets.size() > 1 && measured) print_comparison(io, report);
  if (report.interrupted) fmt::print(io.out, "\nInterrupted: this is what there is.\n");
}

}  // namespace shoal::tools::bench
