// SPDX-License-Identifier: Apache-2.0
#include "agent/hints.h"

#include <signal.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/spec_fields.h"
#include "base/log.h"
#include "control/client.h"
#include "sys/file.h"
#include "sys/process.h"

namespace shoal::agent {
namespace {

constexpr std::uint32_t kFailuresMax = 12;  // a minute's worth: a server may be starting again

// A file of the dataset, copied out of the mount: the server reads the list before it serves reads
// of it. In a child, since a mount may keep a reader waiting for as long as its I/O timeout.
Result<std::filesystem::path> copy_list(const Hints::Place& place,
                                        const std::filesystem::path& list) {
  const std::filesystem::path copy = place.volume / "hints" / "order.list";
  SHOAL_CHECK_OK(sys::make_directories(copy.parent_path()));
  sys::SpawnOptions options;
  options.arguments = {"cp",
                       "--no-preserve=all",
                       "--remove-destination",
                       "--",
                       (place.mount_point / list).string(),
                       copy.string()};
  options.output_file = place.volume / "hints" / "copy.log";
  unlink(options.output_file.c_str());
  SHOAL_TRY(auto child, sys::Process::spawn(options));
  SHOAL_TRY(const auto status, child.wait(limits::kListCopyTimeout));
  if (!status) {
    ignore(child.signal(SIGKILL), "it ended meanwhile");
    ignore(child.wait(std::chrono::seconds(1)), "it may wait in the kernel; init reaps it");
    return fail(ErrorCode::timeout, "copy the list " + list.string() + ": it took too long");
  }
  if (!status->success()) {
    auto why = sys::read_text_file(options.output_file, 4096).value_or("");
    while (why.ends_with('\n')) why.pop_back();
    return fail(ErrorCode::not_found, "copy the list " + list.string() + ": " + why,
                "Name a file of the dataset with one path per line.");
  }
  return copy;
}

}  // namespace

Result<void> Hints::announce(const Place& place) const {
  SHOAL_TRY(ReadOrder order, parse_order(order_));
  if (!order.list.empty()) {
    SHOAL_TRY(order.list, copy_list(place, order.list));
  }
  return control::announce_order(place.control_socket, order, limits::kLookPatience);
}

void Hints::step(const Place& place) {
  if (!order_.empty()) {
    const auto announced = announce(place);
    const bool again = !announced && announced.error().code() == ErrorCode::unavailable &&
                       ++failures_ < kFailuresMax;
    if (again) return;
    if (announced)
      log_event(LogLevel::info, "order.announced",
                {{"volume", place.volume_name}, {"order", order_}});
    else
      log_event(LogLevel::warning, "order.unusable",
                {{"volume", place.volume_name}, {"error", announced.error().to_string()}});
    order_.clear();
    failures_ = 0;
  }
  if (!warm_.empty()) warm(place);
}

void Hints::warm(const Place& place) {
  const auto end = [&](LogLevel level, std::string_view event, const std::string& text) {
    log_event(level, event, {{"volume", place.volume_name}, {"result", text}});
    warm_.clear();
    job_.clear();
  };
  const bool begins = job_.empty();
  auto job = [&]() -> Result<control::JobReport> {
    if (!begins) return control::ask_job(place.control_socket, job_, limits::kLookPatience);
    control::WarmSpec spec;
    spec.pin = pin_;
    for (const std::string& text : warm_) {
      SHOAL_TRY(auto pattern,
                control::PathPattern::parse(text, control::PathPattern::Syntax::pattern));
      spec.paths.push_back(std::move(pattern));
    }
    return control::start_job(place.control_socket, spec, control::PathPattern::Syntax::pattern,
                              limits::kLookPatience);
  }();
  if (!job) {
    // A server that died has forgotten the job: what it had fetched is kept.
    job_.clear();
    const ErrorCode code = job.error().code();
    const bool passing = code == ErrorCode::unavailable || code == ErrorCode::timeout ||
                         code == ErrorCode::limit || (code == ErrorCode::not_found && !begins);
    if (!passing || ++failures_ >= kFailuresMax)
      end(LogLevel::warning, "warm.failed", job.error().to_string());
    return;
  }
  job_ = job->id;
  const control::WarmProgress& progress = job->progress;
  if (!progress.is_over()) return;
  if (progress.error)
    end(LogLevel::warning, "warm.failed", progress.error->to_string());
  else
    end(progress.files_failed + progress.unmatched > 0 ? LogLevel::warning : LogLevel::info,
        "warm.done",
        std::to_string(progress.files_done) + " files, " + std::to_string(progress.bytes_done) +
            " bytes, " + std::to_string(progress.files_failed) + " failed, " +
            std::to_string(progress.unmatched) + " patterns without a match");
}

}  // namespace shoal::agent
