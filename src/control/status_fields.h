// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/status.h"

// The one list of the numbers a server reports: JSON, Prometheus text and their tests follow it.

namespace shoal::control {

enum class SampleKind { counter, gauge };

struct StatsField {
  std::string_view name;
  std::uint64_t VolumeStats::*member;
  SampleKind kind;
  std::string_view help;
};

inline constexpr std::array kStatsFields{
    StatsField{"reads", &VolumeStats::reads, SampleKind::counter, "Reads answered"},
    StatsField{"read_bytes", &VolumeStats::read_bytes, SampleKind::counter, "Bytes read"},
    StatsField{"read_errors", &VolumeStats::read_errors, SampleKind::counter,
               "Reads that ended with an error"},
    StatsField{"data_reads", &VolumeStats::data_reads, SampleKind::counter,
               "Reads of object bytes"},
    StatsField{"data_read_hits", &VolumeStats::data_read_hits, SampleKind::counter,
               "Reads of object bytes answered without waiting for the bucket"},
    StatsField{"gets", &VolumeStats::gets, SampleKind::counter, "GET requests sent"},
    StatsField{"get_bytes", &VolumeStats::get_bytes, SampleKind::counter,
               "Bytes fetched from the bucket"},
    StatsField{"get_errors", &VolumeStats::get_errors, SampleKind::counter,
               "Fetches that failed after all retries"},
    StatsField{"changed_objects", &VolumeStats::changed_objects, SampleKind::counter,
               "Objects found replaced or deleted since the index was built"},
    StatsField{"misfit_bodies", &VolumeStats::misfit_bodies, SampleKind::counter,
               "Bodies whose MD5 was not that of their ETag; fetched again"},
    StatsField{"throttled", &VolumeStats::throttled, SampleKind::counter,
               "Answers of the service that asked for fewer requests"},
    StatsField{"requests_in_flight", &VolumeStats::requests_in_flight, SampleKind::gauge,
               "Requests under way"},
    StatsField{"hedged_gets", &VolumeStats::hedged_gets, SampleKind::counter,
               "GET requests sent a second time because the first was slow"},
    StatsField{"hedges_won", &VolumeStats::hedges_won, SampleKind::counter,
               "Second tries that were answered first"},
    StatsField{"connections_opened", &VolumeStats::connections_opened, SampleKind::counter,
               "Connections to the service opened"},
    StatsField{"prefetched_bytes", &VolumeStats::prefetched_bytes, SampleKind::counter,
               "Bytes fetched ahead of readers"},
    StatsField{"prefetch_used_bytes", &VolumeStats::prefetch_used_bytes, SampleKind::counter,
               "Prefetched bytes that were read"},
    StatsField{"prefetch_wasted_bytes", &VolumeStats::prefetch_wasted_bytes, SampleKind::counter,
               "Prefetched bytes dropped unread"},
    StatsField{"warmed_bytes", &VolumeStats::warmed_bytes, SampleKind::counter,
               "Bytes fetched because of a warm command"},
    StatsField{"cache_bytes", &VolumeStats::cache_bytes, SampleKind::gauge,
               "Bytes in the cache file"},
    StatsField{"cache_bytes_max", &VolumeStats::cache_bytes_max, SampleKind::gauge,
               "Bound of the cache file"},
    StatsField{"cache_pinned_bytes", &VolumeStats::cache_pinned_bytes, SampleKind::gauge,
               "Bytes of the cache that are not evicted until they are unpinned"},
    StatsField{"cache_chunks_sealed", &VolumeStats::cache_chunks_sealed, SampleKind::gauge,
               "Chunks complete in the cache file"},
    StatsField{"cache_chunks_evicted", &VolumeStats::cache_chunks_evicted, SampleKind::counter,
               "Chunks given up for room"},
    StatsField{"cache_checksum_failures", &VolumeStats::cache_checksum_failures,
               SampleKind::counter, "Cached chunks whose bytes were wrong and were fetched again"},
    StatsField{"cache_write_errors", &VolumeStats::cache_write_errors, SampleKind::counter,
               "Failed writes to the cache file"},
    StatsField{"buffer_bytes", &VolumeStats::buffer_bytes, SampleKind::gauge,
               "Memory held by chunk buffers"},
};

// A counter added to VolumeStats but not here would silently be missing from every report.
static_assert(sizeof(VolumeStats) == kStatsFields.size() * sizeof(std::uint64_t));

struct PolicyField {
  std::string_view name;
  std::uint64_t PolicyStatus::*member;
  std::string_view help;
};
inline constexpr std::array kPolicyFields{
    PolicyField{"proposed_bytes", &PolicyStatus::proposed_bytes, "Bytes a policy asked for"},
    PolicyField{"used_bytes", &PolicyStatus::used_bytes, "Of these, bytes that were read"},
    PolicyField{"wasted_bytes", &PolicyStatus::wasted_bytes, "Of these, bytes dropped unread"},
};
// Besides these: its name and state.
static_assert(sizeof(PolicyStatus) ==
              2 * sizeof(std::string) + kPolicyFields.size() * sizeof(std::uint64_t));

struct PrefetchField {
  std::string_view name;
  std::uint64_t PrefetchStatus::*member;
  SampleKind kind;
  std::string_view help;
};
inline constexpr std::array kPrefetchFields{
    PrefetchField{"order_files", &PrefetchStatus::order_files, SampleKind::gauge,
                  "Files of the order announced"},
    PrefetchField{"order_missing", &PrefetchStatus::order_missing, SampleKind::gauge,
                  "Names in the order announced that are no files"},
    PrefetchField{"order_position", &PrefetchStatus::order_position, SampleKind::gauge,
                  "Where readers are in the order announced"},
    PrefetchField{"recorded_files", &PrefetchStatus::recorded_files, SampleKind::gauge,
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
