// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/bytes.h"
#include "display.h"
#include "target.h"

namespace shoal::tools {
namespace {

const char* name_of(index::BuildProgress::Phase phase) {
  switch (phase) {
    case index::BuildProgress::Phase::listing:
      return "listing";
    case index::BuildProgress::Phase::layout:
      return "layout";
    case index::BuildProgress::Phase::done:
      return "done";
  }
  return "?";
}

// Keys of this run per second; an earlier run's keys took no time of ours.
double rate_of(const index::BuildProgress& progress) {
  const double seconds = progress.elapsed.count();
  if (seconds <= 0) return 0;
  return static_cast<double>(progress.keys - std::min(progress.keys, progress.keys_resumed)) /
         seconds;
}

// Seconds until the phase ends, guessed from its fraction; negative when there is nothing to guess
// from.
double remaining_of(const index::BuildProgress& progress) {
  if (progress.fraction <= 0.01 || progress.fraction >= 1) return -1;
  return progress.elapsed.count() * (1 - progress.fraction) / progress.fraction;
}

}  // namespace

unsigned columns_of_terminal(std::FILE* file) {
  winsize size{};
  if (ioctl(fileno(file), TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

std::string bar_line(std::string_view name, double raw_fraction,
                     const std::vector<std::string>& parts, unsigned columns) {
  const double fraction = std::clamp(raw_fraction, 0.0, 1.0);
  std::string text = fmt::format("{:<7} {:3.0f}%", name, fraction * 100);
  const std::size_t bar_at = text.size() - 5;
  for (const std::string& part : parts) {
    if (text.size() + 2 + part.size() > columns) break;
    text += "  " + part;
  }
  // The bar takes the room that is left, within reason.
  constexpr std::size_t kCellsMin = 8, kCellsMax = 30, kFrame = 3;  // " []"
  if (text.size() + kFrame + kCellsMin <= columns) {
    const std::size_t cells = std::min(kCellsMax, columns - text.size() - kFrame);
    std::string bar(static_cast<std::size_t>(fraction * static_cast<double>(cells)), '#');
    bar.resize(cells, '.');
    text.insert(bar_at, " [" + bar + "]");
  }
  if (text.size() > columns) text.resize(columns);
  return text;
}

std::string bar_text(const index::BuildProgress& progress, unsigned columns) {
  std::vector<std::string> parts{grouped(progress.keys) + " keys"};
  if (progress.phase == index::BuildProgress::Phase::listing) {
    parts.push_back(grouped(static_cast<std::uint64_t>(rate_of(progress))) + "/s");
    if (const double left = remaining_of(progress); left >= 0)
      parts.push_back("about " + duration_text(static_cast<std::uint64_t>(left + 0.5)) + " left");
    parts.push_back(human_bytes(progress.bytes));
  } else {
    parts.push_back(fmt::format("{:.1f} s", progress.elapsed.count()));
  }
  return bar_line(name_of(progress.phase), progress.fraction, parts, columns);
}

ProgressView::~ProgressView() {
  if (drawn_) std::fputc('\n', target_);
}

void ProgressView::show(const index::BuildProgress& progress) {
  if (terminal_)
    draw_bar(progress);
  else
    write_json(progress);
}

void ProgressView::draw_bar(const index::BuildProgress& progress) {
  const std::string line = "\r\x1b[K" + bar_text(progress, columns_of_terminal(target_) - 1);
  std::fwrite(line.data(), 1, line.size(), target_);
  std::fflush(target_);
  drawn_ = true;
}

void ProgressView::write_json(const index::BuildProgress& progress) {
  const double now = progress.elapsed.count();
  const bool done = progress.phase == index::BuildProgress::Phase::done;
  if (!done && last_json_ >= 0 && now - last_json_ < 1.0) return;
  last_json_ = now;
  nlohmann::ordered_json line{{"phase", name_of(progress.phase)},
                              {"keys", progress.keys},
                              {"keys_resumed", progress.keys_resumed},
                              {"bytes", progress.bytes},
                              {"list_requests", progress.list_requests},
                              {"active_ranges", progress.active_ranges},
                              {"fraction_estimate", progress.fraction},
                              {"keys_per_second", rate_of(progress)},
                              {"elapsed_seconds", now}};
  if (const double left = remaining_of(progress); left >= 0) line["seconds_left_estimate"] = left;
  const std::string text = line.dump() + "\n";
  std::fwrite(text.data(), 1, text.size(), target_);
  std::fflush(target_);
}

Result<volume::PrepareResult> prepare_with_view(const Target& target,
                                                const image::WriteOptions& image, bool rebuild,
                                                const Io& io, ProgressView& view) {
  volume::PrepareOptions options;
  options.location = target.location;
  options.store = target.config;
  options.image = image;
  options.rebuild = rebuild;
  options.build.stop = io.stop;
  options.build.on_progress = [&view](const index::BuildProgress& progress) {
    view.show(progress);
  };
  return volume::prepare(target.volume, options);
}

Result<volume::PrepareResult> prepare_with_progress(const Target& target,
                                                    const image::WriteOptions& image, bool rebuild,
                                                    const Io& io) {
  ProgressView view(io.err, io.err_is_terminal);
  return prepare_with_view(target, image, rebuild, io, view);
}

}  // namespace shoal::tools
