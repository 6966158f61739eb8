// SPDX-License-Identifier: Apache-2.0
#include "sync_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "display.h"
#include "progress.h"

namespace shoal::tools {
namespace {

using upload::SkippedFile;
using upload::SyncProgress;
using upload::SyncStep;
using Json = nlohmann::ordered_json;

constexpr double kDrawSeconds = 0.1;
constexpr double kJsonSeconds = 1.0;

std::string_view name_of(SyncStep::Action action) {
  switch (action) {
    case SyncStep::Action::send:
      return "send";
    case SyncStep::Action::keep:
      return "keep";
    case SyncStep::Action::remove:
      return "delete";
    case SyncStep::Action::extra:
      return "extra";
    case SyncStep::Action::skip:
      return "skip";
  }
  return "?";
}

// Keys are bytes; what is not UTF-8 is replaced.
std::string dump(const Json& line) {
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void put(std::FILE* file, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), file);
}

}  // namespace

double fraction_of(const SyncProgress& progress) {
  // A file counts like so many bytes: many empty ones take their time, too.
  constexpr double kFileCost = 16'384;
  const auto cost = [](std::uint64_t files, std::uint64_t bytes) {
    return static_cast<double>(files) * kFileCost + static_cast<double>(bytes);
  };
  const double whole =
      cost(progress.counts.send + progress.counts.remove, progress.counts.send_bytes);
  const double bytes =
      static_cast<double>(std::clamp(progress.wire_bytes, progress.sent_bytes,
                                     std::max(progress.sent_bytes, progress.counts.send_bytes)));
  if (whole <= 0) return progress.is_planned ? 1 : 0;
  return (cost(progress.sent + progress.removed + progress.failed, 0) + bytes) / whole;
}

std::vector<std::string> bar_parts(const SyncProgress& progress, double seconds) {
  const auto rate = [&](std::uint64_t count) {
    return seconds > 0 ? static_cast<std::uint64_t>(static_cast<double>(count) / seconds) : 0;
  };
  std::vector<std::string> parts{
      fmt::format("{}/{}{} files", grouped(progress.sent), grouped(progress.counts.send),
                  progress.is_planned ? "" : "+"),
      human_bytes(rate(std::max(progress.wire_bytes, progress.sent_bytes))) + "/s"};
  if (progress.failed > 0) parts.push_back(grouped(progress.failed) + " failed");
  const double fraction = fraction_of(progress);
  if (progress.is_planned && fraction > 0.01 && fraction < 1)
    parts.push_back("about " +
                    duration_text(static_cast<std::uint64_t>(seconds * (1 - fraction) / fraction)) +
                    " left");
  parts.push_back(human_bytes(progress.sent_bytes));
  parts.push_back(grouped(progress.counts.keep) + " unchanged");
  return parts;
}

double SyncView::elapsed() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

void SyncView::end_line() {
  if (is_drawn_) put(io_.err, "\r\x1b[K");
  is_drawn_ = false;
}

void SyncView::show_step(const SyncStep& step) {
  const bool is_named_anyway =
      step.skipped != nullptr && step.skipped->reason != SkippedFile::Reason::excluded;
  const bool is_kept_back = step.reason == SyncStep::Reason::walk_failed;
  if (is_named_anyway || is_kept_back) {
    end_line();
    complain(io_, is_kept_back ? printable(step.key) +
                                     ": not deleted from the bucket, part of the directory could "
                                     "not be read"
                               : "skipped " + printable(step.skipped->text));
  }
  if (!dry_run_ || step.action == SyncStep::Action::keep) return;
  const std::string reason(step.skipped != nullptr ? upload::name_of(step.skipped->reason)
                                                   : upload::text_of(step.reason));
  if (json_)
    put(io_.out, dump({{"event", "file"},
                       {"action", name_of(step.action)},
                       {"key", step.key},
                       {"bytes", step.bytes},
                       {"reason", reason}}));
  else if (step.action == SyncStep::Action::send || step.action == SyncStep::Action::remove)
    put(io_.out,
        fmt::format("{:<6} {}  ({})\n", name_of(step.action), printable(step.key), reason));
}

void SyncView::show_failure(const std::string& key, const Error& error) {
  end_line();
  complain(io_, printable(key) + ": " + error.to_string());
}

void SyncView::show_progress(const SyncProgress& progress) {
  const double now = elapsed();
  if (last_shown_ >= 0 && now - last_shown_ < (json_ ? kJsonSeconds : kDrawSeconds)) return;
  last_shown_ = now;
  if (json_) {
    write_json("progress", progress, nullptr);
  } else if (io_.err_is_terminal) {
    put(io_.err,
        "\r\x1b[K" + bar_line(progress.is_planned ? "sending" : "looking", fraction_of(progress),
                              bar_parts(progress, now), columns_of_terminal(io_.err) - 1));
    std::fflush(io_.err);
    is_drawn_ = true;
  }
}

void SyncView::write_json(const char* event, const SyncProgress& progress, const bool* is_whole) {
  Json line{{"event", event}};
  if (is_whole != nullptr) line["complete"] = *is_whole;
  if (is_whole != nullptr && dry_run_) line["dry_run"] = true;
  line["files"] = progress.counts.files;
  line["bytes"] = progress.counts.bytes;
  line["to_send"] = progress.counts.send;
  line["to_send_bytes"] = progress.counts.send_bytes;
  line["unchanged"] = progress.counts.keep;
  line["to_delete"] = progress.counts.remove;
  line["sent"] = progress.sent;
  line["sent_bytes"] = progress.sent_bytes;
  line["deleted"] = progress.removed;
  line["failed"] = progress.failed;
  line["waiting"] = progress.waiting;
  line["wire_bytes"] = progress.wire_bytes;
  if (is_whole != nullptr) {
    line["objects"] = progress.counts.objects;
    line["extra"] = progress.counts.extra;
    Json skipped = Json::object();
    for (const auto& [reason, count] : progress.counts.skipped)
      skipped[std::string(upload::name_of(reason))] = count;
    line["skipped"] = std::move(skipped);
    line["skipped_errors"] = progress.counts.skipped_errors;
  }
  line["elapsed_seconds"] = elapsed();
  put(io_.out, dump(line));
  std::fflush(io_.out);
}

void SyncView::show_summary(const SyncProgress& progress, bool is_whole) {
  end_line();
  if (json_)
    write_json("summary", progress, &is_whole);
  else
    print_summary(progress, is_whole);
}

void SyncView::print_summary(const SyncProgress& progress, bool is_whole) {
  const auto& counts = progress.counts;
  if (dry_run_) {
    fmt::print(io_.out, "would send {} files, {}; {} unchanged", grouped(counts.send),
               human_bytes(counts.send_bytes), grouped(counts.keep));
    if (counts.remove > 0) fmt::print(io_.out, "; would delete {} objects", grouped(counts.remove));
  } else {
    const double seconds = elapsed();
    fmt::print(io_.out, "sent {} files, {} in {:.1f} s; {} unchanged", grouped(progress.sent),
               human_bytes(progress.sent_bytes), seconds, grouped(counts.keep));
    if (progress.removed > 0)
      fmt::print(io_.out, "; deleted {} objects", grouped(progress.removed));
    if (progress.failed > 0) fmt::print(io_.out, "; {} failed", grouped(progress.failed));
  }
  if (counts.extra > 0)
    fmt::print(io_.out, "; {} objects without a file stay", grouped(counts.extra));
  for (const auto& [reason, count] : counts.skipped)
    fmt::print(io_.out, "; {} {}", grouped(count), upload::name_of(reason));
  if (!is_whole) fmt::print(io_.out, "; not finished");
  fmt::print(io_.out, "\n");
}

}  // namespace shoal::tools
