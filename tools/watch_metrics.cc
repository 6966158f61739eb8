// SPDX-License-Identifier: Apache-2.0
#include "watch_metrics.h"

#include <array>
#include <string_view>

#include "base/metrics.h"
#include "control/metrics.h"
#include "sys/process_metrics.h"

namespace shoal::tools {
namespace {

struct StatsField {
  std::string_view metric;
  std::uint64_t UploaderStats::*member;
  MetricKind kind;
  std::string_view help;
};

constexpr std::array kFields{
    StatsField{"upload_accepted_total", &UploaderStats::accepted, MetricKind::counter,
               "Files accepted into the journal by this process"},
    StatsField{"upload_recovered_total", &UploaderStats::recovered, MetricKind::counter,
               "Files found in the journal at the start"},
    StatsField{"upload_pending", &UploaderStats::pending, MetricKind::gauge,
               "Files accepted that the bucket has not confirmed or refused"},
    StatsField{"upload_pending_bytes", &UploaderStats::pending_bytes, MetricKind::gauge,
               "Bytes of these"},
    StatsField{"upload_waiting", &UploaderStats::waiting, MetricKind::gauge,
               "Of the pending, those left for the next start because retrying took too long"},
    StatsField{"upload_sent_total", &UploaderStats::sent, MetricKind::counter,
               "Objects the bucket has confirmed"},
    StatsField{"upload_sent_bytes_total", &UploaderStats::sent_bytes, MetricKind::counter,
               "Bytes of these"},
    StatsField{"upload_found_there_total", &UploaderStats::found_there, MetricKind::counter,
               "Of the objects confirmed, those that were there already"},
    StatsField{"upload_refused_total", &UploaderStats::refused, MetricKind::counter,
               "Files the bucket refused for good; each is named in the log"},
    StatsField{"upload_confirmed_bytes_total", &UploaderStats::wire_bytes, MetricKind::counter,
               "Bytes of bodies confirmed, parts of unfinished objects included"},
    StatsField{"upload_parts_resumed_total", &UploaderStats::parts_resumed, MetricKind::counter,
               "Parts that an earlier process had sent"},
    StatsField{"upload_changed_files_total", &UploaderStats::changed_files, MetricKind::counter,
               "Reads begun again because the file changed"},
    StatsField{"upload_retries_total", &UploaderStats::retries, MetricKind::counter,
               "Files tried again as a whole"},
    StatsField{"objstore_throttled_total", &UploaderStats::throttled, MetricKind::counter,
               "Answers of the service that asked for fewer requests"},
    StatsField{"upload_memory_bytes", &UploaderStats::memory_bytes, MetricKind::gauge,
               "Memory held by bodies on their way"},
    StatsField{"upload_journal_bytes", &UploaderStats::journal_bytes, MetricKind::gauge,
               "Bytes of bodies kept in the journal"},
};
// Besides these: requests, which are counted by kind, and the age of the oldest. A number added to
// UploaderStats but not here would silently be missing.
static_assert(sizeof(UploaderStats) == (kFields.size() + 2) * sizeof(std::uint64_t));

template <typename T>
void add(MetricsText& text, std::string_view name, MetricKind kind, std::string_view help,
         T value) {
  text.family(name, kind, help);
  text.sample({}, value);
}

}  // namespace

std::string watch_metrics(const Uploader& uploader, const upload::WatchStats& watch) {
  const UploaderStats stats = uploader.stats();
  MetricsText text;
  control::add_build_info(text, SHOAL_VERSION);
  for (const StatsField& field : kFields)
    add(text, field.metric, field.kind, field.help, stats.*field.member);
  add(text, "upload_oldest_pending_seconds", MetricKind::gauge,
      "Age of the oldest pending file, since it was accepted or found in the journal; 0: none",
      stats.oldest_pending_seconds);
  add(text, "watch_ready", MetricKind::gauge,
      "1 once everything is watched and the directory was compared with the bucket",
      std::uint64_t{watch.is_ready ? 1u : 0u});
  add(text, "watch_files_unsent", MetricKind::gauge,
      "Files found that are not sent yet: being written, settling, or pending", watch.files_unsent);
  add(text, "watch_lost_events_total", MetricKind::counter,
      "Times the kernel dropped events; the directory is then compared again", watch.lost_events);
  add(text, "watch_deleted_files_total", MetricKind::counter,
      "Local files deleted after they were sent", watch.deleted);
  add(text, "watch_refused_files_total", MetricKind::counter,
      "Files that cannot be sent; each is named in the log", watch.refused);
  control::add_store_activity(text, uploader.store_activity());
  sys::add_process_metrics(text);
  return text.take();
}

}  // namespace shoal::tools
