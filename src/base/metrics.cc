// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.h"

#include <charconv>
#include <cmath>

#include "base/assert.h"

namespace shoal {
namespace {

void append_escaped(std::string& text, std::string_view value, bool quotes) {
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || (quotes && c == '"')) text += '\\';
    text += c;
  }
}

void append_label(std::string& text, const MetricLabel& label) {
  if (!text.empty()) text += ',';
  text += label.name;
  text += "=\"";
  append_escaped(text, label.value, /*quotes=*/true);
  text += '"';
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return {digits, end};
}

std::string_view name_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter:
      return "counter";
    case MetricKind::gauge:
      return "gauge";
    case MetricKind::histogram:
      return "histogram";
  }
  return "untyped";
}

}  // namespace

MetricsText::MetricsText(MetricLabels labels_of_all) {
  for (const MetricLabel& label : labels_of_all) append_label(labels_of_all_, label);
}

void MetricsText::family(std::string_view name, MetricKind kind, std::string_view help) {
  begin_family("shoal_" + std::string(name), kind, help);
}

void MetricsText::foreign_family(std::string_view name, MetricKind kind, std::string_view help) {
  begin_family(std::string(name), kind, help);
}

void MetricsText::begin_family(std::string name, MetricKind kind, std::string_view help) {
  SHOAL_ASSERT(!help.empty());
  SHOAL_ASSERT((kind == MetricKind::counter) == name.ends_with("_total"));
  family_ = std::move(name);
  text_ += "# HELP " + family_ + " ";
  append_escaped(text_, help, /*quotes=*/false);
  text_ += "\n# TYPE " + family_ + " ";
  text_ += shoal::name_of(kind);
  text_ += '\n';
}

void MetricsText::begin_sample(std::string_view suffix, MetricLabels labels,
                               std::string_view extra) {
  std::string all = labels_of_all_;
  for (const MetricLabel& label : labels) append_label(all, label);
  if (!extra.empty()) {
    if (!all.empty()) all += ',';
    all += extra;
  }
  text_ += family_;
  text_ += suffix;
  if (!all.empty()) text_ += "{" + all + "}";
  text_ += ' ';
}

void MetricsText::sample(MetricLabels labels, std::uint64_t value) {
  begin_sample("", labels, "");
  text_ += std::to_string(value) + "\n";
}

void MetricsText::sample(MetricLabels labels, double value) {
  begin_sample("", labels, "");
  text_ += number(value) + "\n";
}

void MetricsText::histogram(MetricLabels labels, std::span<const double> bounds,
                            std::span<const std::uint64_t> counts, double sum) {
  SHOAL_ASSERT(counts.size() == bounds.size() + 1);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    const std::string bound = i < bounds.size() ? number(bounds[i]) : "+Inf";
    begin_sample("_bucket", labels, "le=\"" + bound + "\"");
    text_ += std::to_string(total) + "\n";
  }
  begin_sample("_sum", labels, "");
  text_ += number(sum) + "\n";
  begin_sample("_count", labels, "");
  text_ += std::to_string(total) + "\n";
}

}  // namespace shoal
