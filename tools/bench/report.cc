// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "tools/display.h"

namespace shoal::tools::bench {

std::string_view name_of(PassEnd end) noexcept {
  switch (end) {
    case PassEnd::all_files:
      return "all-files";
    case PassEnd::time_over:
      return "time-over";
    case PassEnd::interrupted:
      return "interrupted";
  }
  return "?";
}

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

double per(std::uint64_t count, std::uint64_t whole) noexcept {
  return whole == 0 ? 0 : static_cast<double>(count) / static_cast<double>(whole);
}

double files_per_second(const PassResult& pass) noexcept {
  return pass.seconds <= 0 ? 0 : static_cast<double>(pass.counts.files) / pass.seconds;
}

namespace {

std::optional<Traffic> sum_traffic(const std::vector<PassResult>& passes) {
  Traffic sum;
  for (const PassResult& pass : passes) {
    if (!pass.traffic) return std::nullopt;
    sum.gets += pass.traffic->gets;
    sum.hedged_gets += pass.traffic->hedged_gets;
    sum.get_bytes += pass.traffic->get_bytes;
    sum.throttled += pass.traffic->throttled;
    sum.prefetched_bytes += pass.traffic->prefetched_bytes;
    sum.prefetch_wasted_bytes += pass.traffic->prefetch_wasted_bytes;
  }
  return passes.empty() ? std::nullopt : std::optional(sum);
}

double us_per_file(std::chrono::microseconds cpu, std::uint64_t files) {
  return per(static_cast<std::uint64_t>(cpu.count()), files);
}

std::optional<double> server_cpu_per_file(const std::vector<PassResult>& passes,
                                          std::uint64_t files) {
  std::chrono::microseconds sum{0};
  for (const PassResult& pass : passes) {
    if (!pass.server_cpu) return std::nullopt;
    sum += *pass.server_cpu;
  }
  return passes.empty() ? std::nullopt : std::optional(us_per_file(sum, files));
}

}  // namespace

Summary summarize(const TargetResult& target, const Prices& prices) {
  Summary summary;
  std::vector<double> files_rates, byte_rates;
  std::chrono::microseconds own_cpu{0};
  for (const PassResult& pass : target.passes) {
    files_rates.push_back(files_per_second(pass));
    byte_rates.push_back(pass.seconds <= 0 ? 0
                                           : static_cast<double>(pass.counts.bytes) / pass.seconds);
    summary.latencies.merge(pass.counts.latencies);
    summary.files += pass.counts.files;
    summary.bytes += pass.counts.bytes;
    summary.failed += pass.counts.failed;
    own_cpu += pass.own_cpu;
  }
  summary.files_per_second = spread_of(std::move(files_rates));
  summary.bytes_per_second = spread_of(std::move(byte_rates));
  summary.traffic = sum_traffic(target.passes);
  summary.own_cpu_us_per_file = us_per_file(own_cpu, summary.files);
  summary.server_cpu_us_per_file = server_cpu_per_file(target.passes, summary.files);
  if (summary.traffic)
    summary.cost = cost_per_million_files(prices, {.files = summary.files,
                                                   .gets = summary.traffic->gets,
                                                   .lists = target.listing.counts.requests,
                                                   .files_listed = target.listing.files,
                                                   .bytes = summary.traffic->get_bytes});
  return summary;
}

Spread ratio_to(const TargetResult& target, const TargetResult& first) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(target.passes.size(), first.passes.size()); ++i)
    if (const double base = files_per_second(first.passes[i]); base > 0)
      ratios.push_back(files_per_second(target.passes[i]) / base);
  return spread_of(std::move(ratios));
}

std::string latency_text(std::chrono::nanoseconds duration) {
  const auto ns = static_cast<double>(duration.count());
  if (ns < 1e3) return fmt::format("{:.0f} ns", ns);
  if (ns < 99.95e3) return fmt::format("{:.1f} us", ns / 1e3);
  if (ns < 999.5e3) return fmt::format("{:.0f} us", ns / 1e3);
  if (ns < 99.95e6) return fmt::format("{:.1f} ms", ns / 1e6);
  if (ns < 999.5e6) return fmt::format("{:.0f} ms", ns / 1e6);
  return fmt::format("{:.2f} s", ns / 1e9);
}

std::string settings_text(const Settings& settings) {
  std::string text = fmt::format("{} order", name_of(settings.order));
  if (settings.order == Order::shuffle) text += fmt::format(" (seed {})", settings.seed);
  text += fmt::format(", {} reader{}, {} at a time, state {}", settings.readers,
                      settings.readers == 1 ? "" : "s", human_bytes(settings.block_bytes),
                      name_of(settings.state));
  if (settings.warmup) text += " after a warm-up";
  text += fmt::format(", {} pass{}", settings.passes, settings.passes == 1 ? "" : "es");
  if (settings.seconds_max > 0) text += fmt::format(" of at most {:g} s", settings.seconds_max);
  if (!settings.include.empty()) text += ", files like " + settings.include;
  return text;
}

}  // namespace shoal::tools::bench
