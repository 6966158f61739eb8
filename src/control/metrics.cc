// SPDX-License-Identifier: Apache-2.0
#include "control/metrics.h"

#include <fmt/format.h>

#include "control/status_fields.h"
#include "sys/process_metrics.h"

namespace shoal::control {
namespace {

// One sample without labels.
template <typename T>
void add(MetricsText& text, std::string_view name, MetricKind kind, std::string_view help,
         T value) {
  text.family(name, kind, help);
  text.sample({}, value);
}

void add_index(MetricsText& text, const VolumeInfo& volume) {
  add(text, "index_objects", MetricKind::gauge, "Objects of the dataset that are shown as files",
      volume.files);
  add(text, "index_directories", MetricKind::gauge, "Directories made up from their keys",
      volume.directories);
  add(text, "index_object_bytes", MetricKind::gauge, "Bytes of all objects shown",
      volume.object_bytes);
  add(text, "index_special_keys", MetricKind::gauge,
      "Keys that needed special treatment; shoal index report lists them", volume.special_keys);
  add(text, "index_generation", MetricKind::gauge, "Generation of the dataset that is shown",
      volume.generation);
  add(text, "index_listed_timestamp_seconds", MetricKind::gauge,
      "When the bucket was listed for it, in seconds since 1970",
      static_cast<double>(volume.listed_at));
}

void add_frontend(MetricsText& text, const FrontendStatus& frontend) {
  add(text, "frontend_requests_total", MetricKind::counter, "Requests of the kernel",
      frontend.requests);
  add(text, "frontend_recovered_requests_total", MetricKind::counter,
      "Requests of an earlier server that this one answered", frontend.recovered);
  add(text, "frontend_pauses_total", MetricKind::counter,
      "Times all buffers were in use and the kernel had to wait", frontend.paused);
  add(text, "frontend_requests_in_flight", MetricKind::gauge, "Reads being worked on",
      frontend.in_flight);
  text.family("frontend_read_duration_seconds", MetricKind::histogram,
              "Time from a read of the kernel to its answer");
  text.histogram({}, frontend.read_durations);
}

void add_prefetch(MetricsText& text, const PrefetchStatus& prefetch) {
  for (const PrefetchField& field : kPrefetchFields)
    add(text, fmt::format("prefetch_{}", field.name), field.kind, field.help,
        prefetch.*field.member);
  add(text, "prefetch_order_stopped", MetricKind::gauge,
      "1 when the order announced did not come true and was given up",
      std::uint64_t{prefetch.order_stopped ? 1u : 0u});
  for (const PolicyField& field : kPolicyFields) {
    text.family(field.metric, MetricKind::counter, field.help);
    for (const PolicyStatus& policy : prefetch.policies)
      text.sample({{"policy", policy.name}}, policy.*field.member);
  }
}

}  // namespace

void add_build_info(MetricsText& text, std::string_view version) {
  text.family("build_info", MetricKind::gauge, "Always 1; the label is the program's version");
  text.sample({{"version", version}}, std::uint64_t{1});
}

void add_store_activity(MetricsText& text, const StoreActivity& activity) {
  text.family("objstore_requests_total", MetricKind::counter,
              "HTTP requests to the object store by what they were and how they ended: a class of "
              "status codes, no answer, or given up by Shoal");
  for (const StoreActivity::Op& op : activity.ops)
    for (std::size_t code = 0; code < kRequestCodes.size(); ++code)
      text.sample({{"op", op.name}, {"code", kRequestCodes[code]}}, op.by_code[code]);
  text.family("objstore_request_duration_seconds", MetricKind::histogram,
              "Time of HTTP requests to the last byte of the answer, or to their failure");
  for (const StoreActivity::Op& op : activity.ops) text.histogram({{"op", op.name}}, op.durations);
  text.family("objstore_retries_total", MetricKind::counter, "Calls tried again, by why");
  for (std::size_t reason = 0; reason < kRetryReasons.size(); ++reason)
    text.sample({{"reason", kRetryReasons[reason]}}, activity.retries[reason]);
  add(text, "objstore_received_bytes_total", MetricKind::counter, "Bytes of answers' bodies",
      activity.received_bytes);
  add(text, "objstore_sent_bytes_total", MetricKind::counter,
      "Bytes of bodies that were sent and confirmed", activity.sent_bytes);
  // Left out, not zero, when it is not known: zero would be long ago.
  if (activity.keys_expire_at != 0)
    add(text, "credentials_expiry_timestamp_seconds", MetricKind::gauge,
        "When the temporary keys in use end, in seconds since 1970, where their source says so",
        static_cast<double>(activity.keys_expire_at));
}

std::string server_metrics(const Status& status) {
  MetricsText text;
  add_build_info(text, status.version);
  add(text, "server_restarts_total", MetricKind::counter,
      "Servers of this mount that were started because the one before had died",
      status.server_restarts);
  add_index(text, status.volume);
  for (const StatsField& field : kStatsFields)
    if (!field.metric.empty())
      add(text, field.metric, field.kind, field.help, status.stats.*field.member);
  add_frontend(text, status.frontend);
  add_store_activity(text, status.bucket);
  add_prefetch(text, status.prefetch);
  sys::add_process_metrics(text);
  return text.take();
}

}  // namespace shoal::control
