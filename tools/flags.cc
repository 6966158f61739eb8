// SPDX-License-Identifier: Apache-2.0
#include "flags.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"
#include "volume/resource_limit.h"

namespace shoal::tools {
namespace {

Result<std::uint64_t> bytes_flag(const char* name, const std::string& text) {
  std::uint64_t bytes = 0;
  if (!parse_bytes(text, bytes))
    return fail(ErrorCode::bad_input, std::string(name) + " " + text + ": not a size",
                "Write it like 512M or 20GiB.");
  return bytes;
}

}  // namespace

Result<store::StoreConfig> StoreFlags::to_config() const {
  store::StoreConfig config;
  config.endpoint = endpoint;
  config.region = region;
  config.profile = profile;
  config.sign_requests = !no_sign_request;
  config.credentials_file = credentials_file;
  SHOAL_TRY(config.addressing, store::parse_addressing(addressing));
  config.signature = signature == "v1" ? store::SignatureVersion::v1 : store::SignatureVersion::v4;
  return config;
}

void add_bucket_flags(CLI::App& app, StoreFlags& flags) {
  const char* group = "Bucket";
  app.add_option("--endpoint", flags.endpoint,
                 "Address of the service, e.g. http://127.0.0.1:9000 (default: from environment or "
                 "profile, else the provider's own for the region)")
      ->type_name("URL")
      ->group(group);
  app.add_option("--region", flags.region, "Region of the bucket, e.g. eu-west-1, cn-hangzhou")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--profile", flags.profile,
                 "Profile in ~/.aws/credentials and ~/.aws/config, or in ~/.ossutilconfig")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--credentials-file", flags.credentials_file,
                 "File with keys, in the form of ~/.aws/credentials")
      ->type_name("FILE")
      ->group(group);
  app.add_flag("--no-sign-request", flags.no_sign_request, "Anonymous access to a public bucket")
      ->group(group);
  app.add_option("--addressing", flags.addressing,
                 "How requests name the bucket: virtual (bucket.host), path (host/bucket), or auto")
      ->check(CLI::IsMember({"auto", "virtual", "path"}))
      ->type_name("HOW")
      ->capture_default_str()
      ->group(group);
  app.add_option("--signature", flags.signature,
                 "Signature version: v4, or v1 for old OSS services")
      ->check(CLI::IsMember({"v4", "v1"}))
      ->type_name("VERSION")
      ->capture_default_str()
      ->group(group);
}

void add_store_flags(CLI::App& app, StoreFlags& flags) {
  add_bucket_flags(app, flags);
  app.add_option("--volume", flags.volume,
                 "Directory of the volume, which holds index, image, cache and log (default: one "
                 "per dataset below /var/lib/shoal/volumes, or ~/.cache/shoal when not root)")
      ->type_name("DIR")
      ->group("Volume");
}

Result<VolumeOptions> ReadFlags::to_options() const {
  VolumeOptions options;
  options.cache_bytes_max = limits::kCacheBytesDefault;
  if (!resource_limit.empty()) {
    SHOAL_TRY(const volume::ResourcePlan plan, volume::resource_plan(resource_limit));
    options.fetch_threads = plan.fetch_threads;
    options.buffer_bytes_max = plan.buffer_bytes;
    options.requests_in_flight_max = plan.requests_in_flight;
  }
  if (!cache_size.empty()) {
    SHOAL_TRY(options.cache_bytes_max, bytes_flag("--cache-size", cache_size));
  }
  if (!buffer_size.empty()) {
    SHOAL_TRY(options.buffer_bytes_max, bytes_flag("--buffer-size", buffer_size));
    if (options.buffer_bytes_max < (64ull << 20))
      return fail(ErrorCode::bad_input, "--buffer-size " + buffer_size + ": too small",
                  "Give at least 64M: a chunk being fetched needs 4M.");
  }
  if (!bytes_per_second.empty()) {
    SHOAL_TRY(const std::uint64_t rate, bytes_flag("--max-bandwidth", bytes_per_second));
    options.bytes_per_second_max = static_cast<double>(rate);
  }
  if (requests_in_flight > 0) options.requests_in_flight_max = requests_in_flight;
  if (!std::isfinite(requests_per_second))
    return fail(ErrorCode::bad_input, "--max-qps: not a number", "Write it like 500.");
  options.requests_per_second_max = requests_per_second;
  options.prefetch = no_prefetch ? PrefetchMode::off : PrefetchMode::automatic;
  return options;
}

Result<std::uint64_t> ReadFlags::frontend_bytes(std::uint64_t otherwise) const {
  if (resource_limit.empty()) return otherwise;
  SHOAL_TRY(const volume::ResourcePlan plan, volume::resource_plan(resource_limit));
  return plan.frontend_bytes;
}

void add_read_flags(CLI::App& app, ReadFlags& flags) {
  const char* group = "Limits";
  app.add_option("--io-timeout", flags.io_timeout_s, "Seconds a read may take before it fails")
      ->check(CLI::Range(1u, 86400u))
      ->type_name("SECONDS")
      ->capture_default_str()
      ->group(group);
  app.add_option("--cache-size", flags.cache_size,
                 "Most disk the cache may take, e.g. 50G (default 20G)")
      ->type_name("SIZE")
      ->group(group);
  app.add_option("--buffer-size", flags.buffer_size,
                 "Most memory for data being fetched, e.g. 512M (default 256M)")
      ->type_name("SIZE")
      ->group(group);
  app.add_option("--resource-limit", flags.resource_limit,
                 "Processors and memory to fit into, e.g. 2c4g: sets the number of threads, "
                 "--buffer-size and --max-requests")
      ->type_name("LIMIT")
      ->group(group);
  app.add_option("--max-requests", flags.requests_in_flight,
                 "Requests in flight at the same time, 1 to " +
                     std::to_string(limits::kRequestsInFlightMax) + " (default " +
                     std::to_string(limits::kRequestsInFlightDefault) + ")")
      ->check(CLI::Range(1u, limits::kRequestsInFlightMax))
      ->type_name("N")
      ->group(group);
  app.add_option("--max-qps", flags.requests_per_second, "Requests per second (default: no limit)")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N")
      ->group(group);
  app.add_option("--max-bandwidth", flags.bytes_per_second,
                 "Bytes per second from the bucket, e.g. 100M (default: no limit)")
      ->type_name("SIZE")
      ->group(group);
  app.add_flag("--no-prefetch", flags.no_prefetch, "Fetch only what is read")->group(group);
}

OwnerFlags::OwnerFlags() : uid(getuid()), gid(getgid()) {}

Result<image::WriteOptions> OwnerFlags::to_options() const {
  std::uint32_t mask = 0;
  const auto [rest, status] =
      std::from_chars(umask.data(), umask.data() + umask.size(), mask, /*base=*/8);
  if (status != std::errc{} || rest != umask.data() + umask.size() || mask > 0777)
    return fail(ErrorCode::bad_input, "--umask " + umask + ": not an octal mask",
                "Write it like 0222 or 0077.");
  image::WriteOptions options;
  options.uid = uid;
  options.gid = gid;
  // Read-only whatever the mask says; directories can be searched by whoever can read them.
  options.file_mode = 0444 & ~mask;
  options.directory_mode = 0555 & ~mask;
  return options;
}

void add_owner_flags(CLI::App& app, OwnerFlags& flags) {
  const char* group = "Ownership shown";
  app.add_option("--uid", flags.uid, "Number of the user who owns all files (default: you)")
      ->type_name("N")
      ->group(group);
  app.add_option("--gid", flags.gid, "Number of the group of all files (default: yours)")
      ->type_name("N")
      ->group(group);
  app.add_option("--umask", flags.umask,
                 "Permission bits to take away, octal; 0222 lets everybody read")
      ->type_name("MASK")
      ->capture_default_str()
      ->group(group);
}

}  // namespace shoal::tools
