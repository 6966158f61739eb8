// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io.h"
#include "upload/watcher.h"

namespace shoal::tools {

// What a watcher does, as log lines on standard error or as JSON lines on standard output.
class WatchView {
 public:
  WatchView(const Io& io, bool json) : io_(io), json_(json) {}
  void show(const upload::WatchEvent& event);
  void show_summary(const upload::WatchSummary& summary);

 private:
  const Io& io_;
  bool json_;
};

}  // namespace shoal::tools
