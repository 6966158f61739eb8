// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/progress_line.h"

#include <sys/ioctl.h>

#include <string>

namespace shoal::tools::bench {
namespace {

constexpr auto kDrawPeriod = std::chrono::milliseconds(100);
constexpr std::string_view kWipe = "\r\x1b[K";

std::size_t columns_of(std::FILE* file) {
  winsize size{};
  return ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 ? size.ws_col : 80;
}

}  // namespace

ProgressLine::~ProgressLine() {
  if (!drawn_) return;
  std::fwrite(kWipe.data(), 1, kWipe.size(), io_.err);
  std::fflush(io_.err);
}

void ProgressLine::show(std::string_view text) {
  const TimePoint now = system_clock().now();
  if (!io_.err_is_terminal || now - drawn_at_ < kDrawPeriod) return;
  const std::string line =
      std::string(kWipe) + std::string(text.substr(0, columns_of(io_.err) - 1));
  std::fwrite(line.data(), 1, line.size(), io_.err);
  std::fflush(io_.err);
  drawn_at_ = now;
  drawn_ = true;
}

}  // namespace shoal::tools::bench
