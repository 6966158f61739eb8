// SPDX-License-Identifier: Apache-2.0
#include "csi/volume_progress.h"

#include <limits>

#include "csi/attribute_values.h"

namespace shoal::csi {
namespace {

using agent::VolumePhase;

void add_usage(v1::NodeGetVolumeStatsResponse& response, v1::VolumeUsage::Unit unit,
               std::uint64_t amount) {
  const auto all = static_cast<std::int64_t>(
      std::min<std::uint64_t>(amount, std::numeric_limits<std::int64_t>::max()));
  v1::VolumeUsage& usage = *response.add_usage();
  usage.set_unit(unit);
  usage.set_total(all);
  usage.set_used(all);
  usage.set_available(0);  // nobody can write
}

std::string condition_text(const agent::VolumeReport& report) {
  if (report.phase != VolumePhase::ready) return progress_text(report);
  if (!report.abnormal.empty()) return report.abnormal;
  return "mounted and answering";
}

}  // namespace

std::string progress_text(const agent::VolumeReport& report) {
  const std::string& source = report.spec.source;
  const std::string because = report.error ? ": " + report.error->message() : "";
  switch (report.phase) {
    case VolumePhase::indexing:
      return "listing " + source + ": " + grouped(report.progress.objects) + " objects so far, " +
             std::to_string(static_cast<std::uint64_t>(report.progress.seconds)) +
             " s; goes on in the background";
    case VolumePhase::mounting:
      return "mounting " + source + "; goes on in the background";
    case VolumePhase::ready:
      return source + " is mounted";
    case VolumePhase::failed:
      return source + " could not be mounted" + because;
    case VolumePhase::repairing:
      return "the mount of " + source + " is being brought back" + because;
    case VolumePhase::detaching:
      return source + " is being unmounted; try again in a moment";
  }
  return source;
}

std::unexpected<Failure> failure_of(const agent::VolumeReport& report) {
  if (!report.error)
    return failure(StatusCode::internal, report.spec.source + " could not be mounted");
  Error error = *report.error;
  return failure(std::move(error).with_context(report.spec.source + " could not be mounted"));
}

bool is_final(StatusCode code) noexcept {
  switch (code) {
    case StatusCode::ok:
    case StatusCode::canceled:
    case StatusCode::deadline_exceeded:
    case StatusCode::resource_exhausted:
    case StatusCode::aborted:
    case StatusCode::unavailable:
      return false;
    default:
      return true;
  }
}

v1::NodeGetVolumeStatsResponse stats_of(const agent::VolumeReport& report) {
  v1::NodeGetVolumeStatsResponse response;
  add_usage(response, v1::VolumeUsage::BYTES, report.object_bytes);
  add_usage(response, v1::VolumeUsage::INODES, report.files + report.directories);
  v1::VolumeCondition& condition = *response.mutable_volume_condition();
  condition.set_abnormal(report.phase != VolumePhase::ready || !report.abnormal.empty());
  condition.set_message(printable(condition_text(report)));
  return response;
}

}  // namespace shoal::csi
