// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/clock.h"
#include "tools/io.h"

namespace shoal::tools::bench {

// One line on standard error, drawn anew at most ten times a second and wiped at the end. Silent
// where standard error is no terminal. serialized.
class ProgressLine {
 public:
  explicit ProgressLine(const Io& io) : io_(io) {}
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void show(std::string_view text);

 private:
  const Io& io_;
  TimePoint drawn_at_{};
  bool drawn_ = false;
};

}  // namespace shoal::tools::bench
