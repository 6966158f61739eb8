// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace shoal::tools::bench {
namespace {

// User units; the page scales the whole picture. Text is 12 units high.
constexpr double kWidth = 440;
constexpr double kHeight = 250;
constexpr double kLeft = 52;
constexpr double kRight = 14;
constexpr double kTop = 12;
constexpr double kBottom = 38;
constexpr double kPlotWidth = kWidth - kLeft - kRight;
constexpr double kPlotHeight = kHeight - kTop - kBottom;

std::string begin_svg(double height, std::string_view what) {
  return fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">\n", kWidth,
                     height, what);
}

double x_of(double share) {
  return kLeft + kPlotWidth * std::clamp(share, 0.0, 1.0);
}
double y_of(double share) {
  return kTop + kPlotHeight * (1 - std::clamp(share, 0.0, 1.0));
}

std::string y_line(double share, std::string_view label) {
  const double y = y_of(share);
  return fmt::format(
      "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
      "<text class=\"tick\" x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
      kLeft, kWidth - kRight, y, kLeft - 6, y + 4, label);
}

std::string x_line(double share, std::string_view label) {
  const double x = x_of(share);
  const char* anchor = share > 0.97 ? "end" : "middle";
  return fmt::format(
      "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"/>"
      "<text class=\"tick\" x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"{5}\">{6}</text>\n",
      x, kTop, kHeight - kBottom, share > 0.97 ? x + 6 : x, kHeight - kBottom + 16, anchor, label);
}

std::string x_title(std::string_view text) {
  return fmt::format(
      "<text class=\"tick\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
      kLeft + kPlotWidth / 2, kHeight - 6, text);
}

// A line through points in the plot's units; points less than half a unit apart are left out.
class Path {
 public:
  void add(double x, double y) {
    if (!data_.empty() && std::abs(x - x_) < 0.5 && std::abs(y - y_) < 0.5) return;
    data_ += fmt::format("{}{:.1f} {:.1f}", data_.empty() ? "M" : "L", x, y);
    x_ = x;
    y_ = y;
  }
  [[nodiscard]] bool empty() const { return data_.empty(); }
  [[nodiscard]] std::string element(std::size_t colour, std::string_view more = "") const {
    return fmt::format("<path class=\"line c{}{}\" d=\"{}\"/>\n", colour, more, data_);
  }

 private:
  std::string data_;
  double x_ = 0;
  double y_ = 0;
};

std::string short_number(double number) {
  if (number >= 1e6) return fmt::format("{:g} M", number / 1e6);
  if (number >= 1e3) return fmt::format("{:g} k", number / 1e3);
  return fmt::format("{:g}", number);
}

std::string decade_label(int exponent) {
  static constexpr const char* kUnits[] = {"ns", "us", "ms", "s"};
  const int unit = std::min(exponent / 3, 3);
  return fmt::format("{:.0f} {}", std::pow(10, exponent - 3 * unit), kUnits[unit]);
}

// Length of the UTF-8 sequence at `text[at]`, or 0 when there is none.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xc2 && first < 0xe0 ? 2
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xf0 && first < 0xf5 ? 4
                                                             : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  if (length == 1) return 1;
  const unsigned char second = byte(at + 1);
  const bool is_overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool is_no_character =
      (first == 0xed && second >= 0xa0) || (first == 0xf4 && second >= 0x90);
  return is_overlong || is_no_character ? 0 : length;
}

// U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069: a name could rearrange the text around it.
bool turns_direction(std::string_view sequence) {
  if (sequence.size() != 3 || !sequence.starts_with('\xe2')) return false;
  const auto second = static_cast<unsigned char>(sequence[1]);
  const auto third = static_cast<unsigned char>(sequence[2]);
  return (second == 0x80 && (third == 0x8e || third == 0x8f || (third >= 0xaa && third <= 0xae))) ||
         (second == 0x81 && third >= 0xa6 && third <= 0xa9);
}

std::string escape_byte(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      break;
  }
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
}

// Files read until `seconds`, between the two points around it.
double files_at(std::span<const Timeline::Point> points, double seconds) {
  const auto after = std::ranges::lower_bound(points, seconds, {}, &Timeline::Point::seconds);
  if (after == points.begin()) return static_cast<double>(after->files);
  if (after == points.end()) return static_cast<double>(points.back().files);
  const Timeline::Point& before = *std::prev(after);
  const double width = after->seconds - before.seconds;
  const double share = width <= 0 ? 1 : (seconds - before.seconds) / width;
  return static_cast<double>(before.files) +
         share * (static_cast<double>(after->files) - static_cast<double>(before.files));
}

// Rates of equal parts of the pass: so many that each holds a few points.
std::vector<double> rates_of(const Timeline& pass) {
  const auto& points = pass.points();
  if (points.size() < 2 || points.back().seconds <= 0) return {};
  const std::size_t parts = std::clamp<std::size_t>(points.size() / 4, 1, 60);
  const double width = points.back().seconds / static_cast<double>(parts);
  std::vector<double> rates;
  for (std::size_t part = 0; part < parts; ++part) {
    const double begin = width * static_cast<double>(part);
    rates.push_back((files_at(points, begin + width) - files_at(points, begin)) / width);
  }
  return rates;
}

// The pass of middle speed: the one its readers should look at.
std::size_t median_pass(std::span<const Timeline> passes) {
  std::vector<std::pair<double, std::size_t>> speeds;
  for (std::size_t i = 0; i < passes.size(); ++i) {
    const auto& points = passes[i].points();
    const bool known = !points.empty() && points.back().seconds > 0;
    speeds.emplace_back(
        known ? static_cast<double>(points.back().files) / points.back().seconds : 0, i);
  }
  std::ranges::sort(speeds);
  return speeds.empty() ? 0 : speeds[speeds.size() / 2].second;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_length(text, at);
    const std::string_view sequence = text.substr(at, std::max<std::size_t>(length, 1));
    if (length == 1)
      escaped += escape_byte(text[at]);
    else if (length == 0 || turns_direction(sequence))
      escaped += "&#xfffd;";
    else
      escaped += sequence;
    at += sequence.size();
  }
  return escaped;
}

std::vector<double> round_ticks(double max, int count) {
  if (!(max > 0)) max = 1;
  const double rough = max / count;
  const double decade = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * decade;
  for (const double nice : {1.0, 2.0, 2.5, 5.0})
    if (nice * decade >= rough * 0.999) {
      step = nice * decade;
      break;
    }
  std::vector<double> ticks{0};
  while (ticks.back() < max * 0.999) ticks.push_back(step * static_cast<double>(ticks.size()));
  return ticks;
}

std::string bar_chart(std::span<const Bar> bars) {
  constexpr double kRow = 46, kBarHeight = 16, kMargin = 4;
  // Room for what the longest bar amounts to, behind it.
  constexpr double kBarWidth = kWidth - 2 * kMargin - 100;
  double max = 0;
  for (const Bar& bar : bars) {
    max = std::max(max, bar.median);
    for (const double value : bar.values) max = std::max(max, value);
  }
  if (max <= 0) max = 1;
  std::string svg =
      begin_svg(kRow * static_cast<double>(bars.size()) + kMargin, "Files per second");
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const Bar& bar = bars[i];
    const double top = kRow * static_cast<double>(i);
    const double width = std::max(1.0, kBarWidth * bar.median / max);
    svg += fmt::format("<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", kMargin,
                       top + 14, escape_html(bar.label));
    svg += fmt::format(
        "<rect class=\"bar c{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>\n",
        i, kMargin, top + 20, width, kBarHeight);
    double end = kMargin + width;
    for (const double value : bar.values) {
      const double x = kMargin + kBarWidth * value / max;
      end = std::max(end, x);
      svg += fmt::format("<circle class=\"dot c{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>\n", i, x,
                         top + 20 + kBarHeight / 2);
    }
    svg += fmt::format("<text class=\"value\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", end + 8,
                       top + 32, escape_html(bar.text));
  }
  return svg + "</svg>\n";
}

std::string latency_chart(std::span<const Histogram> lines) {
  double least = 1e18, most = 0;
  for (const Histogram& line : lines) {
    if (line.count() == 0) continue;
    least = std::min(least, static_cast<double>(line.quantile(0).count()));
    most = std::max(most, static_cast<double>(line.max().count()));
  }
  const int first =
      least > most ? 3 : static_cast<int>(std::floor(std::log10(std::max(least, 1.0))));
  const int last =
      std::max(first + 1, static_cast<int>(std::ceil(std::log10(std::max(most, 1.0)))));
  const auto share = [&](double ns) {
    return (std::log10(std::max(ns, 1.0)) - first) / (last - first);
  };

  std::string svg = begin_svg(kHeight, "Share of files by latency");
  for (const int percent : {0, 25, 50, 75, 100})
    svg += y_line(percent / 100.0, fmt::format("{} %", percent));
  const int stride = last - first > 6 ? 2 : 1;
  for (int decade = first; decade <= last; decade += stride)
    svg += x_line(static_cast<double>(decade - first) / (last - first), decade_label(decade));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    Path path;
    lines[i].visit_cumulative([&](std::chrono::nanoseconds value, std::uint64_t seen) {
      const double x = x_of(share(static_cast<double>(value.count())));
      if (path.empty()) path.add(x, y_of(0));
      path.add(x, y_of(static_cast<double>(seen) / static_cast<double>(lines[i].count())));
    });
    svg += path.element(i);
  }
  return svg + x_title("time from open to last byte") + "</svg>\n";
}

std::string rate_chart(std::span<const Timeline> passes, std::size_t colour) {
  std::vector<std::vector<double>> rates;
  double seconds_max = 0, rate_max = 0;
  for (const Timeline& pass : passes) {
    rates.push_back(rates_of(pass));
    if (rates.back().empty()) continue;
    seconds_max = std::max(seconds_max, pass.points().back().seconds);
    rate_max = std::max(rate_max, std::ranges::max(rates.back()));
  }
  const std::size_t strong = median_pass(passes);
  const auto rate_ticks = round_ticks(rate_max, 4);
  const auto second_ticks = round_ticks(seconds_max, 5);
  std::string svg = begin_svg(kHeight, "Files per second over time");
  for (const double tick : rate_ticks) svg += y_line(tick / rate_ticks.back(), short_number(tick));
  for (const double tick : second_ticks)
    svg += x_line(tick / second_ticks.back(), fmt::format("{:g} s", tick));
  for (std::size_t pass = 0; pass < passes.size(); ++pass) {
    if (rates[pass].empty()) continue;
    const double end = passes[pass].points().back().seconds;
    const double width = end / static_cast<double>(rates[pass].size());
    Path path;
    for (std::size_t part = 0; part < rates[pass].size(); ++part) {
      const double y = y_of(rates[pass][part] / rate_ticks.back());
      path.add(x_of(width * static_cast<double>(part) / second_ticks.back()), y);
      path.add(x_of(width * static_cast<double>(part + 1) / second_ticks.back()), y);
    }
    svg += path.element(colour, pass == strong ? "" : " faint");
  }
  return svg + x_title("since the pass began") + "</svg>\n";
}

}  // namespace shoal::tools::bench
