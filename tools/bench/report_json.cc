// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tools/bench/report.h"

namespace shoal::tools::bench {
namespace {

using Json = nlohmann::ordered_json;

double microseconds(std::chrono::nanoseconds duration) {
  return static_cast<double>(duration.count()) / 1e3;
}

Json json_of(const Spread& spread) {
  return {{"median", spread.median}, {"min", spread.min}, {"max", spread.max}};
}

Json json_of(const Histogram& latencies) {
  return {{"p50", microseconds(latencies.quantile(0.5))},
          {"p90", microseconds(latencies.quantile(0.9))},
          {"p99", microseconds(latencies.quantile(0.99))},
          {"p999", microseconds(latencies.quantile(0.999))},
          {"max", microseconds(latencies.max())}};
}

Json json_of(const std::optional<Traffic>& traffic) {
  if (!traffic) return nullptr;
  return {{"gets", traffic->gets},
          {"hedged_gets", traffic->hedged_gets},
          {"get_bytes", traffic->get_bytes},
          {"throttled", traffic->throttled},
          {"prefetched_bytes", traffic->prefetched_bytes},
          {"prefetch_wasted_bytes", traffic->prefetch_wasted_bytes}};
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json json_of(const PassResult& pass) {
  Json timeline = Json::array();
  for (const Timeline::Point& point : pass.timeline.points())
    timeline.push_back(Json::array({point.seconds, point.files}));
  Json server = nullptr;
  if (pass.server)
    server = {{"pid", pass.server->pid},
              {"rss_bytes", pass.server->resident_bytes},
              {"rss_bytes_max", pass.server->resident_bytes_max}};
  Json server_cpu = nullptr;
  if (pass.server_cpu)
    server_cpu = per(static_cast<std::uint64_t>(pass.server_cpu->count()), pass.counts.files);
  return {{"files", pass.counts.files},
          {"bytes", pass.counts.bytes},
          {"failed", pass.counts.failed},
          {"failures", pass.counts.failures},
          {"seconds", pass.seconds},
          {"end", name_of(pass.end)},
          {"files_per_second", files_per_second(pass)},
          {"latency_us", json_of(pass.counts.latencies)},
          {"own_cpu_us_per_file",
           per(static_cast<std::uint64_t>(pass.own_cpu.count()), pass.counts.files)},
          {"server_cpu_us_per_file", server_cpu},
          {"server", server},
          {"traffic", json_of(pass.traffic)},
          {"timeline", timeline}};
}

Json json_of(const Listing& listing) {
  return {{"files", listing.files},
          {"chosen", listing.chosen},
          {"directories", listing.counts.directories},
          {"skipped", listing.counts.skipped},
          {"failed", listing.failed},
          {"failures", listing.failures},
          {"requests", listing.counts.requests},
          {"seconds", listing.seconds},
          {"complete", listing.complete}};
}

Json summary_json(const TargetResult& target, const Report& report) {
  const Summary summary = summarize(target, report.settings.prices);
  Json cost = nullptr;
  if (summary.cost)
    cost = {{"currency", report.settings.prices.currency},
            {"gets", summary.cost->gets},
            {"lists", summary.cost->lists},
            {"traffic", summary.cost->traffic},
            {"total", summary.cost->total()}};
  Json json{{"files", summary.files},
            {"bytes", summary.bytes},
            {"failed", summary.failed},
            {"files_per_second", json_of(summary.files_per_second)},
            {"bytes_per_second", json_of(summary.bytes_per_second)},
            {"ratio_to_first", json_of(ratio_to(target, report.targets.front()))},
            {"latency_us", json_of(summary.latencies)},
            {"own_cpu_us_per_file", summary.own_cpu_us_per_file},
            {"server_cpu_us_per_file", or_null(summary.server_cpu_us_per_file)},
            {"traffic", json_of(summary.traffic)},
            {"gets_per_file", nullptr},
            {"fetched_bytes_per_byte_read", nullptr},
            {"prefetch_wasted_fraction", nullptr},
            {"cost_per_million_files", cost}};
  if (summary.traffic) {
    json["gets_per_file"] = per(summary.traffic->gets, summary.files);
    json["fetched_bytes_per_byte_read"] = per(summary.traffic->get_bytes, summary.bytes);
    json["prefetch_wasted_fraction"] =
        per(summary.traffic->prefetch_wasted_bytes, summary.traffic->prefetched_bytes);
  }
  return json;
}

Json settings_json(const Settings& settings) {
  return {{"order", name_of(settings.order)},
          {"seed", settings.seed},
          {"readers", settings.readers},
          {"files_max", settings.files_max},
          {"seconds_max", settings.seconds_max > 0 ? Json(settings.seconds_max) : Json(nullptr)},
          {"state", name_of(settings.state)},
          {"warmup", settings.warmup},
          {"passes", settings.passes},
          {"block_bytes", settings.block_bytes},
          {"include", settings.include.empty() ? Json(nullptr) : Json(settings.include)}};
}

}  // namespace

std::string json_text(const Report& report) {
  Json targets = Json::array();
  for (const TargetResult& target : report.targets) {
    Json passes = Json::array();
    for (const PassResult& pass : target.passes) passes.push_back(json_of(pass));
    targets.push_back({{"name", target.name},
                       {"kind", name_of(target.kind)},
                       {"description", target.description},
                       {"local", target.is_local},
                       {"notes", target.notes},
                       {"listing", json_of(target.listing)},
                       {"passes", passes},
                       {"summary", summary_json(target, report)}});
  }
  const Json json{{"schema", "shoal-bench/1"},
                  {"command", report.command},
                  {"started_at", report.started_at},
                  {"machine",
                   {{"kernel", report.machine.kernel},
                    {"processor", report.machine.processor},
                    {"processors", report.machine.processors},
                    {"memory_bytes", report.machine.memory_bytes},
                    {"load", report.machine.load}}},
                  {"settings", settings_json(report.settings)},
                  {"interrupted", report.interrupted},
                  {"own_rss_bytes_max", report.own_resident_bytes_max},
                  {"targets", targets}};
  // Names are bytes, not always UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace shoal::tools::bench
