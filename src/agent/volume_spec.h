// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

// What somebody who wants a volume on this node tells the agent, and what the agent tells of it.
// Values only; their JSON is in volume_spec.cc and is what goes over the socket (README.md).

namespace shoal::agent {

// What to mount and how. Holds no secret: it is stored, printed and compared. Texts are as on the
// command line of `shoal mount` ("50G", "0222", "2c4g"); empty, or nothing: the default there.
struct VolumeSpec {
  std::string source;  // "s3://bucket/prefix", "oss://...", "file:///..."
  std::string endpoint;
  std::string region;
  std::string addressing;
  std::string signature;
  bool sign_requests = true;  // false: a public bucket, asked without keys
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
  std::string umask;
  std::string cache_size;
  std::string buffer_size;
  std::string resource_limit;
  std::string max_bandwidth;
  std::uint32_t max_requests = 0;  // 0: the default
  double max_qps = 0;
  std::uint32_t io_timeout_seconds = 0;
  bool direct = false;
  bool no_prefetch = false;
  // How files are going to be read. "": found out; "shuffle:SEED[:EPOCH]"; "list:PATH": a file of
  // the dataset with one path per line.
  std::string order;
  // Files, directories and patterns to be fetched as soon as the volume is mounted.
  std::vector<std::string> warm;
  bool pin = false;  // what is warmed is not evicted
  // An index older than this is listed again before the mount, if nothing of the dataset is mounted
  // here. Nothing: an index is used as long as it is there. Listing again empties the cache.
  std::optional<std::chrono::seconds> index_age_max;

  bool operator==(const VolumeSpec&) const = default;
};

struct Keys {
  std::string access_key;
  Secret secret_key;
  Secret session_token;  // empty when there is none
  // When they end, "2026-01-02T03:04:05Z"; for monitoring. Empty: not said, or never.
  std::string expiration = {};
};

enum class VolumePhase {
  indexing,  // the dataset is being listed; goes on whoever asked for it has gone away
  mounting,
  ready,
  failed,     // `error` says why; attach() again tries again
  repairing,  // keeper or mount died; the agent is bringing it back
  detaching,
};
[[nodiscard]] std::string_view name_of(VolumePhase phase) noexcept;

// Counts so far of an index build.
struct IndexProgress {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;
};

struct TargetReport {
  std::filesystem::path path;
  bool read_only = true;    // asked for; the mount itself is always read-only
  std::string fingerprint;  // the caller's, of everything it was asked with
};

struct VolumeReport {
  std::string id;
  VolumeSpec spec;
  VolumePhase phase = VolumePhase::indexing;
  std::optional<Error> error;          // failed; or why repairing is not done yet
  IndexProgress progress;              // indexing
  std::filesystem::path mount_point;   // the agent's own, from which targets are bound
  std::filesystem::path staging_path;  // the caller's word, kept for it; may be empty
  std::vector<TargetReport> targets;   // by path
  // Of the dataset, once it is indexed.
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t object_bytes = 0;
  std::int64_t listed_at = 0;  // seconds since 1970
  // Of the mount, from the agent's last look at its server, never from the mount itself. `abnormal`
  // is for people and monitors: "" when all is well, else what is wrong.
  std::string abnormal;
  std::uint64_t server_restarts = 0;
};

[[nodiscard]] std::string encode_spec(const VolumeSpec& spec);
// Strict: a field nobody knows or of another type is bad_input, naming it.
[[nodiscard]] Result<VolumeSpec> decode_spec(std::string_view json);
// Texts that would only fail later: URL, sizes, masks, orders, combinations (`direct` with an
// order). bad_input, naming the field and what to write.
[[nodiscard]] Result<void> check_spec(const VolumeSpec& spec);

[[nodiscard]] std::string encode_report(const VolumeReport& report);
// corrupt: an answer of another version.
[[nodiscard]] Result<VolumeReport> decode_report(std::string_view json);

}  // namespace shoal::agent
