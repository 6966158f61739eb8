// SPDX-License-Identifier: Apache-2.0
#include "tools/write/send_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "tools/display.h"
#include "tools/progress.h"

namespace shoal::tools::write {
namespace {

constexpr double kLineEverySeconds = 5;

std::uint64_t files_done(const SendTotals& totals) {
  return totals.sent + totals.sent_before + totals.failed;
}

// Parts of files that are under way count; bytes of files that failed do not come.
std::uint64_t bytes_done(const SendTotals& totals) {
  const std::uint64_t whole = totals.sent_bytes + totals.sent_before_bytes;
  return std::min(totals.bytes, std::max(whole, totals.wire_bytes + totals.sent_before_bytes));
}

double fraction_of(const SendTotals& totals) {
  if (totals.bytes > 0)
    return static_cast<double>(bytes_done(totals)) / static_cast<double>(totals.bytes);
  if (totals.files == 0) return 0;
  return static_cast<double>(files_done(totals)) / static_cast<double>(totals.files);
}

std::string in_seconds(double seconds) {
  return seconds < 120 ? fmt::format("{:.1f} s", seconds)
                       : duration_text(static_cast<std::uint64_t>(seconds));
}

std::string counted(std::uint64_t count, const char* one, const char* many) {
  return grouped(count) + " " + (count == 1 ? one : many);
}

}  // namespace

std::string send_bar_text(std::string_view verb, const SendTotals& totals, unsigned columns) {
  std::vector<std::string> parts{grouped(files_done(totals)) + "/" + grouped(totals.files) +
                                 " files"};
  const double seconds = totals.elapsed_seconds;
  const double fraction = fraction_of(totals);
  if (seconds > 0) {
    const double rate = static_cast<double>(totals.wire_bytes) / seconds;
    parts.push_back(human_bytes(static_cast<std::uint64_t>(rate)) + "/s");
  }
  if (fraction > 0.01 && fraction < 1)
    parts.push_back(
        "about " +
        duration_text(static_cast<std::uint64_t>(seconds * (1 - fraction) / fraction + 0.5)) +
        " left");
  parts.push_back(human_bytes(bytes_done(totals)));
  // Failures are what a reader must not miss: they go first where room is short.
  if (totals.failed > 0) parts.insert(parts.begin(), grouped(totals.failed) + " FAILED");
  return bar_line(verb, fraction, parts, columns);
}

void SendView::show(const SendTotals& totals) {
  if (io_.err_is_terminal) {
    const std::string line =
        "\r\x1b[K" + send_bar_text(verb_, totals, columns_of_terminal(io_.err) - 1);
    std::fwrite(line.data(), 1, line.size(), io_.err);
    std::fflush(io_.err);
    drawn_ = true;
    return;
  }
  if (totals.elapsed_seconds - last_line_s_ < kLineEverySeconds) return;
  last_line_s_ = totals.elapsed_seconds;
  complain(io_, send_bar_text(verb_, totals, /*columns=*/70));
}

void SendView::say(std::string_view text) {
  end_line();
  complain(io_, text);
}

void SendView::fail(Failure failure) {
  ++failure_count_;
  if (failure_count_ <= kFailuresShown) {
    const std::string what = verb_ + " " + printable(failure.file) +
                             (failure.url.empty() ? "" : " to ") + printable(failure.url);
    say(Error(failure.why).with_context(what).to_string());
  }
  if (failures_.size() < kFailuresKept) failures_.push_back(std::move(failure));
}

void SendView::end_line() {
  if (drawn_) std::fputc('\n', io_.err);
  drawn_ = false;
}

void SendView::finish() {
  end_line();
  if (failure_count_ > kFailuresShown)
    complain(io_, "and " + grouped(failure_count_ - kFailuresShown) +
                      " more failures; --json lists the first " + grouped(kFailuresKept));
}

void SendView::print_result(const SendTotals& totals) {
  std::string text =
      fmt::format("sent {}, {} in {}", counted(totals.sent, "file", "files"),
                  human_bytes(totals.sent_bytes), in_seconds(totals.elapsed_seconds));
  if (totals.found_there > 0) text += "; " + grouped(totals.found_there) + " were there already";
  if (totals.sent_before > 0)
    text += "; " + counted(totals.sent_before, "file was", "files were") +
            " sent by the interrupted run";
  if (totals.recovered > 0)
    text += fmt::format("; {} of {} uploads of the interrupted run sent",
                        grouped(totals.recovered_sent), grouped(totals.recovered));
  if (totals.failed > 0) text += "; " + grouped(totals.failed) + " FAILED";
  if (totals.left > 0) text += "; " + grouped(totals.left) + " left in the journal";
  fmt::print(io_.out, "{}\n", text);
}

void SendView::print_json(const SendTotals& totals) {
  using Json = nlohmann::ordered_json;
  Json failures = Json::array();
  for (const Failure& failure : failures_)
    failures.push_back({{"file", failure.file},
                        {"url", failure.url},
                        {"code", name_of(failure.why.code())},
                        {"message", failure.why.message()},
                        {"remedy", failure.why.remedy()}});
  const Json json{{"files", totals.files},
                  {"bytes", totals.bytes},
                  {"files_sent", totals.sent},
                  {"bytes_sent", totals.sent_bytes},
                  {"files_found_there", totals.found_there},
                  {"files_sent_before", totals.sent_before},
                  {"files_failed", totals.failed},
                  {"files_left", totals.left},
                  {"recovered", totals.recovered},
                  {"recovered_sent", totals.recovered_sent},
                  {"recovered_failed", totals.recovered_failed},
                  {"interrupted", totals.is_interrupted},
                  {"elapsed_seconds", totals.elapsed_seconds},
                  {"failures", failures}};
  fmt::print(io_.out, "{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

}  // namespace shoal::tools::write
