// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "io.h"
#include "upload/sync_run.h"

namespace shoal::tools {

// Shows a sync: a bar on a terminal, JSON lines where asked for, each failure and skipped file on
// standard error, a summary at the end.
class SyncView {
 public:
  SyncView(const Io& io, bool json, bool dry_run) : io_(io), json_(json), dry_run_(dry_run) {}
  ~SyncView() { end_line(); }
  SyncView(const SyncView&) = delete;
  SyncView& operator=(const SyncView&) = delete;

  // Files that are skipped are named, in a dry run everything that would be done.
  void show_step(const upload::SyncStep& step);
  void show_failure(const std::string& key, const Error& error);
  void show_progress(const upload::SyncProgress& progress);
  void show_summary(const upload::SyncProgress& progress, bool is_whole);
  void end_line();

 private:
  using Time = std::chrono::steady_clock::time_point;
  [[nodiscard]] double elapsed() const;
  void write_json(const char* event, const upload::SyncProgress& progress, const bool* is_whole);
  void print_summary(const upload::SyncProgress& progress, bool is_whole);

  const Io& io_;
  bool json_;
  bool dry_run_;
  bool is_drawn_ = false;
  Time begin_ = std::chrono::steady_clock::now();
  double last_shown_ = -1;  // seconds of elapsed()
};

// The parts of the bar's line, in order of use. Pure.
[[nodiscard]] std::vector<std::string> bar_parts(const upload::SyncProgress& progress,
                                                 double seconds);
// How much of what is to be sent has been; of the part that is known while the plan is made. Pure.
[[nodiscard]] double fraction_of(const upload::SyncProgress& progress);

}  // namespace shoal::tools
