// SPDX-License-Identifier: Apache-2.0
#include "tools/warm/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/bytes.h"
#include "control/limits.h"
#include "tools/display.h"
#include "tools/progress.h"

namespace shoal::tools::warm {
namespace {

using control::WarmProgress;
using Action = control::WarmSpec::Action;

constexpr double kLineEverySeconds = 5;

void add_names(const std::vector<std::string>& names, std::vector<std::string>& total) {
  for (const std::string& name : names)
    if (total.size() < control::limits::kNamesKept) total.push_back(name);
}

std::string verb_of(const Asked& asked) {
  return std::string(asked.dry_run ? "dry run" : control::name_of(asked.action));
}

double fraction_of(const WarmProgress& progress, std::uint64_t files_expected) {
  const std::uint64_t files = std::max(files_expected, progress.files);
  // Files of a known total by bytes: large ones take longer.
  if (files_expected <= progress.files && progress.bytes > 0)
    return static_cast<double>(progress.bytes_done) / static_cast<double>(progress.bytes);
  if (files == 0) return 0;
  return static_cast<double>(progress.files_done) / static_cast<double>(files);
}

std::uint64_t missing_files(const WarmProgress& total) {
  return total.files_done - std::min(total.files_done, total.files_present + total.files_failed);
}

std::string in_seconds(double seconds) {
  return seconds < 120 ? fmt::format("{:.1f} s", seconds)
                       : duration_text(static_cast<std::uint64_t>(seconds));
}

void print_names(const Io& io, const char* title, const std::vector<std::string>& names,
                 std::uint64_t count) {
  if (count == 0) return;
  fmt::print(io.err, "shoal: {} {}:\n", grouped(count), title);
  for (const std::string& name : names) fmt::print(io.err, "  {}\n", printable(name));
  if (count > names.size()) fmt::print(io.err, "  and {} more\n", grouped(count - names.size()));
}

}  // namespace

void add_batch(const WarmProgress& batch, WarmProgress& total) {
  total.state = batch.state;
  total.error = batch.error;
  for (const auto member :
       {&WarmProgress::files, &WarmProgress::bytes, &WarmProgress::files_done,
        &WarmProgress::bytes_done, &WarmProgress::files_present, &WarmProgress::bytes_present,
        &WarmProgress::bytes_fetched, &WarmProgress::requests, &WarmProgress::files_failed,
        &WarmProgress::unmatched})
    total.*member += batch.*member;
  add_names(batch.failures, total.failures);
  add_names(batch.absent, total.absent);
  add_names(batch.unmatched_names, total.unmatched_names);
  total.elapsed_seconds += batch.elapsed_seconds;
}

std::string warm_bar_text(const Asked& asked, const WarmProgress& progress,
                          std::uint64_t files_expected, unsigned columns) {
  std::vector<std::string> parts;
  if (progress.state == WarmProgress::State::counting && files_expected == 0) {
    parts.push_back("looking names up: " + grouped(progress.files) + " files");
    return bar_line(verb_of(asked), 0, parts, columns);
  }
  const double fraction = fraction_of(progress, files_expected);
  parts.push_back(grouped(progress.files_done) + " files");
  const double seconds = progress.elapsed_seconds;
  if (seconds > 0)
    parts.push_back(
        grouped(static_cast<std::uint64_t>(static_cast<double>(progress.files_done) / seconds)) +
        "/s");
  if (fraction > 0.01 && fraction < 1)
    parts.push_back(
        "about " +
        duration_text(static_cast<std::uint64_t>(seconds * (1 - fraction) / fraction + 0.5)) +
        " left");
  parts.push_back(human_bytes(progress.bytes_done));
  if (progress.files_failed > 0) parts.push_back(grouped(progress.files_failed) + " FAILED");
  return bar_line(verb_of(asked), fraction, parts, columns);
}

void WarmView::show(const WarmProgress& progress, std::uint64_t files_expected) {
  if (io_.err_is_terminal) {
    const std::string line = "\r\x1b[K" + warm_bar_text(asked_, progress, files_expected,
                                                        columns_of_terminal(io_.err) - 1);
    std::fwrite(line.data(), 1, line.size(), io_.err);
    std::fflush(io_.err);
    drawn_ = true;
    return;
  }
  if (progress.elapsed_seconds - last_line_s_ < kLineEverySeconds) return;
  last_line_s_ = progress.elapsed_seconds;
  fmt::print(io_.err, "shoal: {}\n", warm_bar_text(asked_, progress, files_expected, 50));
}

void WarmView::end_line() {
  if (drawn_) std::fputc('\n', io_.err);
  drawn_ = false;
}

void print_result(const Asked& asked, const WarmProgress& total, const Io& io) {
  print_names(io, "paths name nothing in the dataset", total.unmatched_names, total.unmatched);
  print_names(io, "files FAILED", total.failures, total.files_failed);
  const std::string whole =
      fmt::format("{} files, {}", grouped(total.files_done), human_bytes(total.bytes_done));
  const std::uint64_t missing = missing_files(total);
  if (asked.dry_run) {
    fmt::print(io.out,
               "would warm {}: {} are cached, {} are not\n"
               "would cost {} requests and {}; nothing was fetched\n",
               whole, grouped(total.files_present), grouped(missing), grouped(total.requests),
               human_bytes(total.bytes_done - std::min(total.bytes_done, total.bytes_present)));
  } else if (asked.action == Action::check) {
    print_names(io, "files are not, or not whole, in the cache", total.absent, missing);
    fmt::print(io.out, "checked {}: {} are cached, {} are not\n", whole,
               grouped(total.files_present), grouped(missing));
  } else if (asked.action == Action::unpin) {
    fmt::print(io.out, "unpinned {}\n", whole);
  } else {
    fmt::print(io.out, "{} {} in {}: {} were cached, {} fetched ({})\n",
               asked.pin ? "warmed and pinned" : "warmed", whole, in_seconds(total.elapsed_seconds),
               grouped(total.files_present), grouped(missing), human_bytes(total.bytes_fetched));
  }
}

void print_json(const Asked& asked, const WarmProgress& total, const Io& io) {
  using Json = nlohmann::ordered_json;
  Json json{{"action", asked.dry_run ? "dry-run" : std::string(control::name_of(asked.action))},
            {"state", control::name_of(total.state)},
            {"files", total.files_done},
            {"bytes", total.bytes_done},
            {"files_present", total.files_present},
            {"bytes_present", total.bytes_present},
            {"files_missing", missing_files(total)},
            {"bytes_fetched", total.bytes_fetched},
            {"requests", total.requests},
            {"files_failed", total.files_failed},
            {"failures", total.failures},
            {"absent", total.absent},
            {"unmatched", total.unmatched},
            {"unmatched_names", total.unmatched_names},
            {"elapsed_seconds", total.elapsed_seconds}};
  if (total.error) json["error"] = total.error->to_string();
  fmt::print(io.out, "{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

}  // namespace shoal::tools::warm
