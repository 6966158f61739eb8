// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "control/status.h"

// The one list of the numbers a server reports: JSON, Prometheus text and their tests follow it.

namespace shoal::control {

struct StatsField {
  std::string_view name;    // in JSON
  std::string_view metric;  // behind "shoal_"; empty: monitoring has it in another form
  std::uint64_t VolumeStats::*member;
  MetricKind kind;
  std::string_view help;
};

inline constexpr std::array kStatsFields{
    StatsField{"reads", "volume_reads_total", &VolumeStats::reads, MetricKind::counter,
               "Reads answered"},
    StatsField{"read_bytes", "volume_read_bytes_total", &VolumeStats::read_bytes,
               MetricKind::counter, "Bytes read"},
    StatsField{"read_errors", "volume_read_errors_total", &VolumeStats::read_errors,
               MetricKind::counter, "Reads that ended with an error"},
    StatsField{"data_reads", "cache_lookups_total", &VolumeStats::data_reads, MetricKind::counter,
               "Reads of object bytes, each of which the cache may answer"},
    StatsField{"data_read_hits", "cache_hits_total", &VolumeStats::data_read_hits,
               MetricKind::counter,
               "Reads of object bytes answered without waiting for the bucket"},
    StatsField{"gets", "", &VolumeStats::gets, MetricKind::counter, "GET requests sent"},
    StatsField{"get_bytes", "fetch_bytes_total", &VolumeStats::get_bytes, MetricKind::counter,
               "Bytes fetched from the bucket"},
    StatsField{"get_errors", "fetch_errors_total", &VolumeStats::get_errors, MetricKind::counter,
               "Fetches that failed after all retries"},
    StatsField{"changed_objects", "changed_objects_total", &VolumeStats::changed_objects,
               MetricKind::counter, "Objects found replaced or deleted since the index was built"},
    StatsField{"misfit_bodies", "fetch_misfit_bodies_total", &VolumeStats::misfit_bodies,
               MetricKind::counter, "Bodies whose MD5 was not that of their ETag; fetched again"},
    StatsField{"throttled", "objstore_throttled_total", &VolumeStats::throttled,
               MetricKind::counter, "Answers of the service that asked for fewer requests"},
    StatsField{"requests_in_flight", "fetches_in_flight", &VolumeStats::requests_in_flight,
               MetricKind::gauge, "Fetches under way"},
    StatsField{"hedged_gets", "objstore_hedged_requests_total", &VolumeStats::hedged_gets,
               MetricKind::counter, "GET requests sent a second time because the first was slow"},
    StatsField{"hedges_won", "objstore_hedges_won_total", &VolumeStats::hedges_won,
               MetricKind::counter, "Second tries that were answered first"},
    StatsField{"connections_opened", "objstore_connections_opened_total",
               &VolumeStats::connections_opened, MetricKind::counter,
               "Connections to the service opened"},
    StatsField{"prefetched_bytes", "prefetch_bytes_total", &VolumeStats::prefetched_bytes,
               MetricKind::counter, "Bytes fetched ahead of readers"},
    StatsField{"prefetch_used_bytes", "prefetch_useful_bytes_total",
               &VolumeStats::prefetch_used_bytes, MetricKind::counter,
               "Prefetched bytes that were read"},
    StatsField{"prefetch_wasted_bytes", "prefetch_wasted_bytes_total",
               &VolumeStats::prefetch_wasted_bytes, MetricKind::counter,
               "Prefetched bytes dropped unread"},
    StatsField{"warmed_bytes", "warmed_bytes_total", &VolumeStats::warmed_bytes,
               MetricKind::counter, "Bytes fetched because of a warm command"},
    StatsField{"cache_bytes", "cache_bytes", &VolumeStats::cache_bytes, MetricKind::gauge,
               "Bytes in the cache file"},
    StatsField{"cache_bytes_max", "cache_limit_bytes", &VolumeStats::cache_bytes_max,
               MetricKind::gauge, "Bound of the cache file"},
    StatsField{"cache_pinned_bytes", "cache_pinned_bytes", &VolumeStats::cache_pinned_bytes,
               MetricKind::gauge,
               "Bytes of the cache that are not evicted until they are unpinned"},
    StatsField{"cache_chunks_sealed", "cache_chunks", &VolumeStats::cache_chunks_sealed,
               MetricKind::gauge, "Chunks complete in the cache file"},
    StatsField{"cache_chunks_evicted", "cache_evictions_total", &VolumeStats::cache_chunks_evicted,
               MetricKind::counter, "Chunks given up for room"},
    StatsField{"cache_checksum_failures", "cache_checksum_failures_total",
               &VolumeStats::cache_checksum_failures, MetricKind::counter,
               "Cached chunks whose bytes were wrong and were fetched again"},
    StatsField{"cache_write_errors", "cache_write_errors_total", &VolumeStats::cache_write_errors,
               MetricKind::counter, "Failed writes to the cache file"},
    StatsField{"buffer_bytes", "buffer_bytes", &VolumeStats::buffer_bytes, MetricKind::gauge,
               "Memory held by chunk buffers"},
};

// A counter added to VolumeStats but not here would silently be missing from every report.
static_assert(sizeof(VolumeStats) == kStatsFields.size() * sizeof(std::uint64_t));

struct PolicyField {
  std::string_view name;
  std::string_view metric;
  std::uint64_t PolicyStatus::*member;
  std::string_view help;
};
inline constexpr std::array kPolicyFields{
    PolicyField{"proposed_bytes", "prefetch_policy_proposed_bytes_total",
                &PolicyStatus::proposed_bytes, "Bytes a policy asked for"},
    PolicyField{"used_bytes", "prefetch_policy_useful_bytes_total", &PolicyStatus::used_bytes,
                "Bytes a policy asked for that were read"},
    PolicyField{"wasted_bytes", "prefetch_policy_wasted_bytes_total", &PolicyStatus::wasted_bytes,
                "Bytes a policy asked for that were dropped unread"},
};
// Besides these: its name and state.
static_assert(sizeof(PolicyStatus) ==
              2 * sizeof(std::string) + kPolicyFields.size() * sizeof(std::uint64_t));

struct PrefetchField {
  std::string_view name;  // also of the metric, behind "shoal_prefetch_"
  std::uint64_t PrefetchStatus::*member;
  MetricKind kind;
  std::string_view help;
};
inline constexpr std::array kPrefetchFields{
    PrefetchField{"order_files", &PrefetchStatus::order_files, MetricKind::gauge,
                  "Files of the order announced"},
    PrefetchField{"order_missing", &PrefetchStatus::order_missing, MetricKind::gauge,
                  "Names in the order announced that are no files"},
    PrefetchField{"order_position", &PrefetchStatus::order_position, MetricKind::gauge,
                  "Where readers are in the order announced"},
    PrefetchField{"recorded_files", &PrefetchStatus::recorded_files, MetricKind::gauge,
                  "Files written to the trace"},
};
// Besides these: the policies, the eviction mode, and whether the order was given up.
static_assert(sizeof(PrefetchStatus) == sizeof(std::vector<PolicyStatus>) + sizeof(std::string) +
                                            (kPrefetchFields.size() + 1) * sizeof(std::uint64_t));

struct InfoField {
  std::string_view name;
  std::uint64_t VolumeInfo::*member;
};
inline constexpr std::array kInfoFields{
    InfoField{"generation", &VolumeInfo::generation},
    InfoField{"files", &VolumeInfo::files},
    InfoField{"directories", &VolumeInfo::directories},
    InfoField{"object_bytes", &VolumeInfo::object_bytes},
    InfoField{"special_keys", &VolumeInfo::special_keys},
    InfoField{"image_bytes", &VolumeInfo::image_bytes},
    InfoField{"metadata_bytes", &VolumeInfo::metadata_bytes},
};

}  // namespace shoal::control
