// SPDX-License-Identifier: Apache-2.0
// One page that needs nothing else: styles and plots are in it, the policy in its head forbids the
// browser to fetch anything, and there is no script.
#include <fmt/format.h>

#include <functional>

#include "base/bytes.h"
#include "tools/bench/chart.h"
#include "tools/bench/report.h"
#include "tools/display.h"

namespace shoal::tools::bench {
namespace {

// Colours after Okabe and Ito: told apart by colour-blind eyes, too. From the fifth on lines are
// dashed.
constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>shoal bench</title>
<style>
:root { color-scheme: light dark;
  --paper: #fff; --ink: #1d2327; --quiet: #5c6870; --rule: #d9dee2; --bad: #b3261e;
  --c0: #0072b2; --c1: #d55e00; --c2: #00805e; --c3: #b0578d;
  --c4: #7a6200; --c5: #2f8fc4; --c6: #5b4bb5; --c7: #6b7278; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14181b; --ink: #e4e8eb; --quiet: #9aa5ad; --rule: #333b41; --bad: #ff8a80;
  --c0: #56b4e9; --c1: #ff9448; --c2: #2fc79b; --c3: #e59cc6;
  --c4: #e0c341; --c5: #9ad4ff; --c6: #a99cff; --c7: #aab3b9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 68rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; line-height: 1.25; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; overflow-wrap: anywhere; }
p { margin: .25rem 0; } .quiet { color: var(--quiet); }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .75rem; text-align: right; vertical-align: top;
  border-bottom: 1px solid var(--rule); white-space: nowrap; }
th { font-weight: 600; } td .quiet { display: block; font-size: .85em; }
thead th { white-space: normal; overflow-wrap: anywhere; min-width: 8rem; max-width: 14rem; }
th:first-child, td:first-child { text-align: left; padding-left: 0; font-weight: 400; }
.summary th:first-child { position: sticky; left: 0; background: var(--paper);
  white-space: normal; min-width: 6.5rem; max-width: 16rem; }
.passes thead th { min-width: 0; overflow-wrap: normal; }
.summary th:first-child { color: var(--quiet); }
.key { display: inline-block; width: .75em; height: .75em; border-radius: 2px; margin-right: .4em; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr));
  gap: 1rem 2rem; }
figure { margin: 0; min-width: 0; max-width: 34rem; break-inside: avoid; }
figcaption { font-weight: 600; font-size: .95rem; overflow-wrap: anywhere; }
.legend { display: flex; flex-wrap: wrap; gap: 0 1rem; font-size: .85rem; margin: .15rem 0 .3rem; }
.legend span { overflow-wrap: anywhere; }
svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); } svg .tick { fill: var(--quiet); } svg .value { font-weight: 600; }
.grid { stroke: var(--rule); stroke-width: 1; }
.line { fill: none; stroke-width: 1.75; stroke-linejoin: round; } .faint { opacity: .35; }
.dot { stroke: var(--ink); stroke-width: 1; }
.bar { opacity: .8; }
.errors { color: var(--bad); } ul { margin: .25rem 0; padding-left: 1.25rem; }
li { overflow-wrap: anywhere; }
@media (max-width: 40rem) { body { font-size: 14px; padding: 1rem .75rem 2rem; }
  th, td { padding: .3rem .4rem; } thead th { min-width: 6.5rem; }
  .summary th:first-child { max-width: 7rem; } }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --quiet: #444; --rule: #bbb;
    --bad: #900; --c0: #0072b2; --c1: #d55e00; --c2: #00805e; --c3: #b0578d; --c4: #7a6200;
    --c5: #2f8fc4; --c6: #5b4bb5; --c7: #6b7278; }
  body { max-width: none; padding: 0; font-size: 11px; } .scroll { overflow: visible; }
  h2, h3 { break-after: avoid; } tr { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
)";

std::string colour_rules() {
  std::string rules;
  for (int i = 0; i < 8; ++i)
    rules += fmt::format(
        ".line.c{0} {{ stroke: var(--c{0}); {1}}} .dot.c{0}, .bar.c{0} {{ fill: var(--c{0}); }} "
        ".key.c{0} {{ background: var(--c{0}); }}\n",
        i, i < 4 ? "" : "stroke-dasharray: 6 3; ");
  return rules;
}

std::string number(double value) {
  return value < 100 ? fmt::format("{:.1f}", value)
                     : grouped(static_cast<std::uint64_t>(value + 0.5));
}

std::string key(std::size_t colour) {
  return fmt::format("<span class=\"key c{}\"></span>", colour);
}

// The middle is what a long path can spare: it begins with the place and ends with the name.
std::string shortened(const std::string& name) {
  constexpr std::size_t kMax = 60, kHeadPart = 24, kTailPart = 33;
  if (name.size() <= kMax) return name;
  std::size_t head = kHeadPart, tail = name.size() - kTailPart;
  const auto is_inside = [&](std::size_t at) { return (name[at] & '\xc0') == '\x80'; };
  while (head > 0 && is_inside(head)) --head;
  while (tail < name.size() && is_inside(tail)) ++tail;
  return name.substr(0, head) + "..." + name.substr(tail);
}

struct Row {
  const char* label;
  std::function<std::string(const TargetResult&, const Summary&)> cell;
};

std::string with_range(const Spread& spread, double unit) {
  return number(spread.median / unit) + "<span class=\"quiet\">" + number(spread.min / unit) +
         " to " + number(spread.max / unit) + "</span>";
}

std::string not_known(const TargetResult& target) {
  return target.is_local ? "-" : "not known";
}

std::string traffic_cell(const TargetResult& target, const std::optional<Traffic>& traffic,
                         const std::function<std::string(const Traffic&)>& text) {
  return traffic ? text(*traffic) : not_known(target);
}

std::vector<Row> rows_of_speed(const Report& report) {
  std::vector<Row> rows{{"Files per second",
                         [](const TargetResult&, const Summary& summary) {
                           return with_range(summary.files_per_second, 1);
                         }},
                        {"MB per second", [](const TargetResult&, const Summary& summary) {
                           return with_range(summary.bytes_per_second, 1e6);
                         }}};
  if (report.targets.size() > 1)
    rows.insert(rows.begin() + 1,
                {"Ratio to the first", [&report](const TargetResult& target, const Summary&) {
                   const Spread ratio = ratio_to(target, report.targets.front());
                   return fmt::format("{:.2f}<span class=\"quiet\">{:.2f} to {:.2f}</span>",
                                      ratio.median, ratio.min, ratio.max);
                 }});
  constexpr std::pair<const char*, double> kQuantiles[] = {
      {"Half of the files within", 0.5}, {"90 % within", 0.9}, {"99 % within", 0.99}};
  for (const auto& [label, fraction] : kQuantiles)
    rows.push_back({label, [fraction](const TargetResult&, const Summary& summary) {
                      return latency_text(summary.latencies.quantile(fraction));
                    }});
  rows.push_back({"Slowest file", [](const TargetResult&, const Summary& summary) {
                    return latency_text(summary.latencies.max());
                  }});
  rows.push_back({"Listing them", [](const TargetResult& target, const Summary&) {
                    return fmt::format("{:.2f} s<span class=\"quiet\">{} files</span>",
                                       target.listing.seconds, grouped(target.listing.files));
                  }});
  return rows;
}

std::vector<Row> rows_of_cost(const Report& report) {
  std::vector<Row> rows{
      {"GETs per file",
       [](const TargetResult& target, const Summary& summary) {
         return traffic_cell(target, summary.traffic, [&](const Traffic& traffic) {
           return fmt::format("{:.2f}<span class=\"quiet\">{} GETs</span>",
                              per(traffic.gets, summary.files), grouped(traffic.gets));
         });
       }},
      {"Bytes fetched per byte read",
       [](const TargetResult& target, const Summary& summary) {
         return traffic_cell(target, summary.traffic, [&](const Traffic& traffic) {
           return fmt::format("{:.2f}<span class=\"quiet\">{}</span>",
                              per(traffic.get_bytes, summary.bytes),
                              human_bytes(traffic.get_bytes));
         });
       }},
      {"Prefetched and dropped unread",
       [](const TargetResult& target, const Summary& summary) {
         return traffic_cell(target, summary.traffic, [&](const Traffic& traffic) -> std::string {
           if (traffic.prefetched_bytes == 0) return "-";
           return fmt::format("{:.1f} %",
                              100 * per(traffic.prefetch_wasted_bytes, traffic.prefetched_bytes));
         });
       }},
      {"CPU per file, reader",
       [](const TargetResult&, const Summary& summary) {
         return fmt::format("{:.1f} us", summary.own_cpu_us_per_file);
       }},
      {"CPU per file, server",
       [](const TargetResult& target, const Summary& summary) {
         if (summary.server_cpu_us_per_file)
           return fmt::format("{:.1f} us", *summary.server_cpu_us_per_file);
         if (target.kind == SourceKind::volume || target.kind == SourceKind::bucket)
           return std::string("in the reader's");
         return not_known(target);
       }},
      {"Memory of the server", [](const TargetResult& target, const Summary&) {
         if (target.passes.empty() || !target.passes.back().server) return std::string("-");
         const ProcessUsage& server = *target.passes.back().server;
         return human_bytes(server.resident_bytes) + "<span class=\"quiet\">at most " +
                human_bytes(server.resident_bytes_max) + "</span>";
       }}};
  if (report.settings.prices.any())
    rows.push_back(
        {"Cost per million files", [&report](const TargetResult& target, const Summary& summary) {
           if (!summary.cost) return not_known(target);
           return fmt::format("{:.4g} {}", summary.cost->total(),
                              escape_html(report.settings.prices.currency));
         }});
  return rows;
}

std::string summary_table(const Report& report, const std::vector<Summary>& summaries) {
  std::string html = "<div class=\"scroll\"><table class=\"summary\"><thead><tr><th></th>";
  for (std::size_t i = 0; i < report.targets.size(); ++i)
    html +=
        "<th>" + key(i) + "<bdi>" + escape_html(shortened(report.targets[i].name)) + "</bdi></th>";
  html += "</tr></thead><tbody>\n";
  std::vector<Row> rows = rows_of_speed(report);
  for (Row& row : rows_of_cost(report)) rows.push_back(std::move(row));
  for (const Row& row : rows) {
    html += fmt::format("<tr><th scope=\"row\">{}</th>", row.label);
    for (std::size_t i = 0; i < report.targets.size(); ++i)
      html += "<td>" + row.cell(report.targets[i], summaries[i]) + "</td>";
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string figure(std::string_view caption, std::string_view content) {
  return fmt::format("<figure><figcaption>{}</figcaption>\n{}</figure>\n", caption, content);
}

std::string plots(const Report& report, const std::vector<Summary>& summaries) {
  std::vector<Bar> bars;
  std::vector<Histogram> latencies;
  std::string legend = "<div class=\"legend\">";
  for (std::size_t i = 0; i < report.targets.size(); ++i) {
    const TargetResult& target = report.targets[i];
    const double median = summaries[i].files_per_second.median;
    bars.push_back({shortened(target.name), median, {}, number(median)});
    for (const PassResult& pass : target.passes)
      bars.back().values.push_back(files_per_second(pass));
    latencies.push_back(summaries[i].latencies);
    legend += "<span>" + key(i) + "<bdi>" + escape_html(shortened(target.name)) + "</bdi></span>";
  }
  std::string html = "<div class=\"plots\">\n";
  html += figure("Files per second (bar: median, dots: passes)", bar_chart(bars));
  html += figure("How long a file takes", legend + "</div>" + latency_chart(latencies));
  html +=
      "</div>\n<h2>Files per second over time</h2>\n<p class=\"quiet\">A line for each pass; "
      "strong: "
      "the one of middle speed.</p>\n<div class=\"plots\">\n";
  for (std::size_t i = 0; i < report.targets.size(); ++i) {
    std::vector<Timeline> timelines;
    for (const PassResult& pass : report.targets[i].passes) timelines.push_back(pass.timeline);
    html += figure(key(i) + "<bdi>" + escape_html(shortened(report.targets[i].name)) + "</bdi>",
                   rate_chart(timelines, i));
  }
  return html + "</div>\n";
}

std::string pass_row(std::size_t index, const TargetResult& target) {
  const PassResult& pass = target.passes[index];
  const Histogram& latencies = pass.counts.latencies;
  const auto traffic = [&](const std::function<std::string(const Traffic&)>& text) {
    return traffic_cell(target, pass.traffic, text);
  };
  return fmt::format(
      "<tr><td>{}</td><td>{}</td><td>{:.2f}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
      "<td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
      index + 1, grouped(pass.counts.files), pass.seconds, number(files_per_second(pass)),
      latency_text(latencies.quantile(0.5)), latency_text(latencies.quantile(0.99)),
      latency_text(latencies.max()),
      traffic([](const Traffic& known) { return grouped(known.gets); }),
      traffic([](const Traffic& known) { return human_bytes(known.get_bytes); }),
      grouped(pass.counts.failed), name_of(pass.end));
}

std::string list_of(std::string_view style, const std::vector<std::string>& lines) {
  if (lines.empty()) return "";
  std::string html = fmt::format("<ul class=\"{}\">", style);
  for (const std::string& line : lines) html += "<li><bdi>" + escape_html(line) + "</bdi></li>";
  return html + "</ul>\n";
}

std::string passes_of(const TargetResult& target, std::size_t colour) {
  std::string html =
      fmt::format("<h3>{}<bdi>{}</bdi></h3>\n<p class=\"quiet\">{}</p>\n", key(colour),
                  escape_html(target.name), escape_html(target.description));
  html +=
      "<div class=\"scroll\"><table class=\"passes\"><thead><tr><th>pass</th><th>files</th>"
      "<th>seconds</th><th>files/s</th><th>p50</th><th>p99</th><th>slowest</th><th>GETs</th>"
      "<th>fetched</th><th>failed</th><th>end</th></tr></thead><tbody>\n";
  std::vector<std::string> failures = target.listing.failures;
  for (std::size_t i = 0; i < target.passes.size(); ++i) {
    html += pass_row(i, target);
    for (const std::string& failure : target.passes[i].counts.failures)
      failures.push_back(fmt::format("pass {}: {}", i + 1, failure));
  }
  return html + "</tbody></table></div>\n" + list_of("errors", failures) +
         list_of("quiet", target.notes);
}

std::string about(const Report& report) {
  std::string command;
  for (const std::string& word : report.command) command += (command.empty() ? "" : " ") + word;
  const Machine& machine = report.machine;
  return fmt::format(
      "<h2>How it was measured</h2>\n<p><code>{}</code></p>\n<p>{} processors ({}), {} of memory, "
      "{}; load {:.1f} when it began. {}.</p>\n<p class=\"quiet\">The time of a file is that from "
      "open to its last byte. Targets are read in turns, pass by pass; ratios compare passes of "
      "the same turn. CPU of kernel threads is in none of the numbers.</p>\n",
      escape_html(command), machine.processors, escape_html(machine.processor),
      human_bytes(machine.memory_bytes), escape_html(machine.kernel), machine.load,
      utc_text(report.started_at));
}

}  // namespace

std::string html_text(const Report& report) {
  std::vector<Summary> summaries;
  for (const TargetResult& target : report.targets)
    summaries.push_back(summarize(target, report.settings.prices));
  std::string html = std::string(kHead) + colour_rules() + "</style>\n</head>\n<body>\n";
  html += fmt::format("<h1>How fast are small files here?</h1>\n<p>{}</p>\n",
                      escape_html(settings_text(report.settings)));
  if (report.interrupted)
    html += "<p class=\"errors\">It was interrupted: this is what there is.</p>\n";
  html += "<h2>Result</h2>\n" + summary_table(report, summaries);
  html += "<h2>Plots</h2>\n" + plots(report, summaries);
  html += "<h2>Passes</h2>\n";
  for (std::size_t i = 0; i < report.targets.size(); ++i) html += passes_of(report.targets[i], i);
  return html + about(report) + "</body>\n</html>\n";
}

}  // namespace shoal::tools::bench
