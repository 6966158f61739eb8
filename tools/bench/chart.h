// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/histogram.h"
#include "tools/bench/timeline.h"

// Plots as SVG elements, to be put into a page that defines the classes and colours they name
// (c0 to c7, see report_html.cc). Pure.

namespace shoal::tools::bench {

// Text of anybody's as it may stand in HTML and SVG, also between double quotes: nothing in it is
// markup, control bytes are shown as \x0a, and what is no UTF-8 or turns the direction of writing
// is replaced.
[[nodiscard]] std::string escape_html(std::string_view text);

// Round numbers from 0 to at least `max`, about `count` steps apart: 0, 500, 1000, 1500.
[[nodiscard]] std::vector<double> round_ticks(double max, int count);

struct Bar {
  std::string label;  // not yet escaped
  double median = 0;
  std::vector<double> values;  // a dot each
  std::string text;            // what the bar amounts to
};
// One bar below the other, the n-th in colour n.
[[nodiscard]] std::string bar_chart(std::span<const Bar> bars);

// Share of the files (0 to 100 %) that took at most so long; time on a logarithmic axis.
[[nodiscard]] std::string latency_chart(std::span<const Histogram> lines);

// Files per second over the time of each pass; all in the same colour, the one of middle speed
// strong, the others faint.
[[nodiscard]] std::string rate_chart(std::span<const Timeline> passes, std::size_t colour);

}  // namespace shoal::tools::bench
