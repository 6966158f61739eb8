// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tools/io.h"

namespace shoal::tools::write {

// How far a command is that sends.
struct SendTotals {
  std::uint64_t files = 0;  // asked for
  std::uint64_t bytes = 0;
  std::uint64_t sent = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t found_there = 0;  // of the sent: the bucket had them already
  std::uint64_t sent_before = 0;  // by an interrupted run, not sent again
  std::uint64_t sent_before_bytes = 0;
  std::uint64_t failed = 0;      // for good
  std::uint64_t left = 0;        // accepted, in the journal, without outcome
  std::uint64_t wire_bytes = 0;  // confirmed by the service so far, parts too
  std::uint64_t recovered = 0;   // uploads of an interrupted run, and what became of them
  std::uint64_t recovered_sent = 0;
  std::uint64_t recovered_failed = 0;
  bool is_interrupted = false;
  double elapsed_seconds = 0;
};

// One line of the bar, at most `columns` wide. Pure.
[[nodiscard]] std::string send_bar_text(std::string_view verb, const SendTotals& totals,
                                        unsigned columns);

struct Failure {
  std::string file;
  std::string url;
  Error why;
};

// Shows how far a command is on io.err, a bar that is drawn anew on a terminal and a line every few
// seconds elsewhere, and each failure; keeps some of them for the JSON document.
class SendView {
 public:
  SendView(std::string verb, const Io& io) : verb_(std::move(verb)), io_(io) {}
  ~SendView() { end_line(); }
  SendView(const SendView&) = delete;
  SendView& operator=(const SendView&) = delete;

  [[nodiscard]] const std::string& verb() const { return verb_; }
  void show(const SendTotals& totals);
  void say(std::string_view text);  // a line of its own
  void fail(Failure failure);
  void end_line();  // before anything else is printed
  // Says how many failures were not shown.
  void finish();

  void print_result(const SendTotals& totals);
  void print_json(const SendTotals& totals);

 private:
  // Of failures, what a person reads and what a program is given.
  static constexpr std::size_t kFailuresShown = 20;
  static constexpr std::size_t kFailuresKept = 1000;

  std::string verb_;  // "put"
  const Io& io_;
  bool drawn_ = false;
  double last_line_s_ = 0;
  std::vector<Failure> failures_;  // the first few
  std::uint64_t failure_count_ = 0;
};

}  // namespace shoal::tools::write
