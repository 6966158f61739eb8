// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "control/warm_run.h"
#include "tools/io.h"

namespace shoal::tools::warm {

// What the command was asked for; shapes its words.
struct Asked {
  control::WarmSpec::Action action = control::WarmSpec::Action::warm;
  bool dry_run = false;  // a check whose question is what warming would cost
  bool pin = false;
};

// Adds a batch to those before it; `total` keeps the first few names of each kind.
void add_batch(const control::WarmProgress& batch, control::WarmProgress& total);

// One line of the bar, at most `columns` wide. `files_expected`: of a list that is still being
// sent; 0: those counted. Pure.
[[nodiscard]] std::string warm_bar_text(const Asked& asked, const control::WarmProgress& progress,
                                        std::uint64_t files_expected, unsigned columns);

// Shows how far a run is on io.err: a bar that is drawn anew on a terminal, a line every few
// seconds elsewhere.
class WarmView {
 public:
  WarmView(const Asked& asked, const Io& io) : asked_(asked), io_(io) {}
  ~WarmView() { end_line(); }
  WarmView(const WarmView&) = delete;
  WarmView& operator=(const WarmView&) = delete;
  void show(const control::WarmProgress& progress, std::uint64_t files_expected);
  void end_line();  // before anything else is printed

 private:
  Asked asked_;
  const Io& io_;
  bool drawn_ = false;
  double last_line_s_ = 0;
};

// The result for people, and for programs: one JSON document.
void print_result(const Asked& asked, const control::WarmProgress& total, const Io& io);
void print_json(const Asked& asked, const control::WarmProgress& total, const Io& io);

}  // namespace shoal::tools::warm
