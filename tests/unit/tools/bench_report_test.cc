// SPDX-License-Identifier: Apache-2.0
// Goal: what is reported follows from what was measured, is readable by programs, and no name in it
// can become markup.
// Method: a report made up of known numbers, shown in each form.
#include "tools/bench/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tools/bench/chart.h"

namespace shoal::tools::bench {
namespace {

using namespace std::chrono_literals;

PassResult pass_of(std::uint64_t files, double seconds, std::optional<Traffic> traffic) {
  PassResult pass;
  pass.counts.files = files;
  pass.counts.bytes = files * 1000;
  pass.seconds = seconds;
  pass.own_cpu = std::chrono::microseconds(files * 20);
  pass.traffic = traffic;
  for (std::uint64_t i = 1; i <= files; ++i) pass.counts.latencies.record(i * 1us);
  pass.timeline.add({});
  pass.timeline.finish({seconds, files});
  return pass;
}

Report report_of_two() {
  Report report;
  report.command = {"shoal", "bench", "/mnt/<a>", "/srv"};
  report.settings.passes = 3;
  TargetResult mount{.name = "/mnt/<a>&\"b\"\n",
                     .kind = SourceKind::mount,
                     .description = "Shoal mount of s3://b/p",
                     .listing = {.files = 100, .chosen = 100},
                     .passes = {},
                     .notes = {"a <note>"}};
  TargetResult local{.name = "/srv",
                     .kind = SourceKind::directory,
                     .description = "directory on ext4",
                     .listing = {.files = 100, .chosen = 100},
                     .passes = {},
                     .notes = {}};
  for (const double seconds : {1.0, 2.0, 4.0}) {
    mount.passes.push_back(pass_of(100, seconds, Traffic{.gets = 100, .get_bytes = 150'000}));
    local.passes.push_back(pass_of(100, seconds / 2, std::nullopt));
  }
  mount.passes[1].server = ProcessUsage{.pid = 5};
  mount.passes[1].counts.failed = 1;
  mount.passes[1].counts.failures = {"<script>alert(1)</script>: read: gone (not_found)"};
  report.targets = {std::move(mount), std::move(local)};
  return report;
}

TEST(Spread, is_the_median_and_the_range) {
  EXPECT_EQ(spread_of({3, 1, 2}).median, 2);
  EXPECT_EQ(spread_of({4, 1, 2, 3}).median, 2.5);
  EXPECT_EQ(spread_of({3, 1, 2}).min, 1);
  EXPECT_EQ(spread_of({3, 1, 2}).max, 3);
  EXPECT_EQ(spread_of({}).median, 0);
}

TEST(Summary, adds_the_passes_up) {
  const Report report = report_of_two();
  const Summary summary = summarize(report.targets[0], {});
  EXPECT_EQ(summary.files, 300u);
  EXPECT_EQ(summary.bytes, 300'000u);
  EXPECT_EQ(summary.failed, 1u);
  EXPECT_EQ(summary.files_per_second.median, 50);
  EXPECT_EQ(summary.files_per_second.min, 25);
  EXPECT_EQ(summary.latencies.count(), 300u);
  ASSERT_TRUE(summary.traffic);
  EXPECT_EQ(summary.traffic->gets, 300u);
  EXPECT_DOUBLE_EQ(summary.own_cpu_us_per_file, 20);
  EXPECT_FALSE(summary.server_cpu_us_per_file);  // not every pass knows it
  EXPECT_FALSE(summary.cost);                    // no price was given
}

TEST(Summary, requests_of_which_one_pass_does_not_know_are_not_known) {
  Report report = report_of_two();
  report.targets[0].passes[1].traffic.reset();
  EXPECT_FALSE(summarize(report.targets[0], {.per_1000_gets = 1.0}).traffic);
  EXPECT_FALSE(summarize(report.targets[0], {.per_1000_gets = 1.0}).cost);
}

TEST(Summary, ratios_compare_passes_of_the_same_turn) {
  const Report report = report_of_two();
  const Spread ratio = ratio_to(report.targets[1], report.targets[0]);
  EXPECT_DOUBLE_EQ(ratio.median, 2);
  EXPECT_DOUBLE_EQ(ratio.min, 2);
  EXPECT_DOUBLE_EQ(ratio.max, 2);
  EXPECT_EQ(ratio_to({}, report.targets[0]).median, 0);
}

TEST(Cost, is_that_of_a_million_files) {
  const Prices prices{.per_1000_gets = 0.0004, .per_1000_lists = 0.005, .per_gib = 0.09};
  const auto cost = cost_per_million_files(
      prices,
      {.files = 2000, .gets = 4000, .lists = 3, .files_listed = 3000, .bytes = 2000ull << 20});
  ASSERT_TRUE(cost);
  EXPECT_NEAR(cost->gets, 0.8, 1e-12);          // two GETs a file
  EXPECT_NEAR(cost->lists, 0.005, 1e-12);       // 1,000 LISTs
  EXPECT_NEAR(cost->traffic, 87.890625, 1e-9);  // 1 MiB a file: 976.5625 GiB
  EXPECT_NEAR(cost->total(), 88.695625, 1e-9);
}

TEST(Cost, counts_only_what_has_a_price_and_nothing_without_any) {
  const Consumption some{.files = 10, .gets = 10, .bytes = 1000};
  EXPECT_FALSE(cost_per_million_files({}, some));
  EXPECT_FALSE(cost_per_million_files({.per_1000_gets = 1.0}, {}));
  const auto cost = cost_per_million_files({.per_1000_gets = 0.0}, some);
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->total(), 0);
}

TEST(Texts, latencies_have_a_unit_and_three_digits) {
  EXPECT_EQ(latency_text(250ns), "250 ns");
  EXPECT_EQ(latency_text(18'340ns), "18.3 us");
  EXPECT_EQ(latency_text(99'960ns), "100 us");
  EXPECT_EQ(latency_text(180us), "180 us");
  EXPECT_EQ(latency_text(2100us), "2.1 ms");
  EXPECT_EQ(latency_text(999'600us), "1.00 s");
  EXPECT_EQ(latency_text(61s), "61.00 s");
}

TEST(Json, has_the_fields_that_are_promised) {
  Report report = report_of_two();
  report.settings.prices.per_1000_gets = 0.4;
  const auto json = nlohmann::json::parse(json_text(report));
  EXPECT_EQ(json.at("schema"), "shoal-bench/1");
  EXPECT_EQ(json.at("settings").at("order"), "walk");
  EXPECT_TRUE(json.at("settings").at("seconds_max").is_null());
  for (const char* name : {"kernel", "processor", "processors", "memory_bytes", "load"})
    EXPECT_TRUE(json.at("machine").contains(name)) << name;
  const auto& mount = json.at("targets").at(0);
  EXPECT_EQ(mount.at("kind"), "mount");
  EXPECT_EQ(mount.at("name"), report.targets[0].name);
  EXPECT_EQ(mount.at("passes").size(), 3u);
  for (const char* name :
       {"files", "bytes", "failed", "failures", "seconds", "end", "files_per_second", "latency_us",
        "own_cpu_us_per_file", "server_cpu_us_per_file", "server", "traffic", "timeline"})
    EXPECT_TRUE(mount.at("passes").at(0).contains(name)) << name;
  for (const char* name : {"p50", "p90", "p99", "p999", "max"})
    EXPECT_TRUE(mount.at("summary").at("latency_us").contains(name)) << name;
  EXPECT_EQ(mount.at("summary").at("gets_per_file"), 1.0);
  EXPECT_EQ(mount.at("summary").at("fetched_bytes_per_byte_read"), 1.5);
  EXPECT_DOUBLE_EQ(mount.at("summary").at("cost_per_million_files").at("total"), 400);
  const auto& local = json.at("targets").at(1);
  EXPECT_TRUE(local.at("summary").at("traffic").is_null());
  EXPECT_TRUE(local.at("summary").at("cost_per_million_files").is_null());
  EXPECT_DOUBLE_EQ(local.at("summary").at("ratio_to_first").at("median"), 2);
}

TEST(Json, names_that_are_no_utf8_do_not_break_it) {
  Report report = report_of_two();
  report.targets[0].name = "bad\xff\xc3";
  EXPECT_TRUE(nlohmann::json::accept(json_text(report)));
}

TEST(Html, text_of_others_cannot_be_markup) {
  EXPECT_EQ(escape_html("<a href=\"x\" o='y'>&"),
            "&lt;a href=&quot;x&quot; o=&#39;y&#39;&gt;&amp;");
  EXPECT_EQ(escape_html("a\nb\x1b"), "a\\x0ab\\x1b");
  EXPECT_EQ(escape_html("größe-数据-\xf0\x9f\x90\x9f"), "größe-数据-\xf0\x9f\x90\x9f");
  EXPECT_EQ(escape_html("x\xff\xc3"), "x&#xfffd;&#xfffd;");
  EXPECT_EQ(escape_html("\xc0\xbc"), "&#xfffd;&#xfffd;");  // an overlong '<'
  EXPECT_EQ(escape_html("\xe0\x80\xbc"), "&#xfffd;&#xfffd;&#xfffd;");
  EXPECT_EQ(escape_html("txt.\xe2\x80\xae"
                        "exe"),
            "txt.&#xfffd;exe");  // turns the text around
}

TEST(Html, is_one_page_that_fetches_nothing_and_runs_nothing) {
  const std::string html = html_text(report_of_two());
  EXPECT_TRUE(html.starts_with("<!DOCTYPE html>"));
  EXPECT_TRUE(html.ends_with("</html>\n"));
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;alert(1)"), std::string::npos);
  EXPECT_EQ(html.find("/mnt/<a>"), std::string::npos);
  EXPECT_EQ(html.find("<note>"), std::string::npos);
  for (const char* foreign : {"http:", "https:", "src=", "href=", "@import", "url("})
    EXPECT_EQ(html.find(foreign), std::string::npos) << foreign;
  // Two overview plots and one over time for each target.
  std::size_t plots = 0;
  for (auto at = html.find("<svg"); at != std::string::npos; at = html.find("<svg", at + 1))
    ++plots;
  EXPECT_EQ(plots, 4u);
}

TEST(Html, a_report_without_any_pass_is_a_page_too) {
  Report report = report_of_two();
  for (TargetResult& target : report.targets) target.passes.clear();
  report.interrupted = true;
  const std::string html = html_text(report);
  EXPECT_NE(html.find("interrupted"), std::string::npos);
  EXPECT_EQ(html.find("nan"), std::string::npos);
  EXPECT_EQ(html.find("inf"), std::string::npos);
}

TEST(Charts, ticks_are_round_and_reach_the_maximum) {
  EXPECT_EQ(round_ticks(1430, 4), (std::vector<double>{0, 500, 1000, 1500}));
  EXPECT_EQ(round_ticks(1000, 4), (std::vector<double>{0, 250, 500, 750, 1000}));
  EXPECT_EQ(round_ticks(0, 4).back() >= 1, true);
  EXPECT_GE(round_ticks(0.0123, 5).back(), 0.0123);
}

TEST(Charts, every_point_lies_inside_the_picture) {
  const Report report = report_of_two();
  std::vector<Histogram> lines;
  for (const TargetResult& target : report.targets)
    lines.push_back(summarize(target, {}).latencies);
  const std::string svg = latency_chart(lines);
  std::size_t points = 0;
  for (auto at = svg.find_first_of("ML", svg.find(" d=\"")); at != std::string::npos;
       at = svg.find_first_of("ML", at + 1)) {
    double x = -1, y = -1;
    if (std::sscanf(svg.c_str() + at + 1, "%lf %lf", &x, &y) != 2) continue;
    ++points;
    EXPECT_GE(x, 0);
    EXPECT_LE(x, 440);
    EXPECT_GE(y, 0);
    EXPECT_LE(y, 250);
  }
  EXPECT_GT(points, 100u);
}

}  // namespace
}  // namespace shoal::tools::bench
