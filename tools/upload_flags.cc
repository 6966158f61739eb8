// SPDX-License-Identifier: Apache-2.0
#include "upload_flags.h"

#include <CLI/CLI.hpp>
#include <cmath>

#include "base/bytes.h"

namespace shoal::tools {
namespace {

constexpr std::uint64_t kMemoryBytesMin = 32ull << 20;  // two parts of the default size and room
constexpr std::uint64_t kPartBytesMin = 5ull << 20;     // what S3 takes
constexpr std::uint64_t kPartBytesMax = 5ull << 30;     // likewise
constexpr std::uint32_t kRequestsInFlightMax = 4096;    // as UploaderOptions says

Result<std::uint64_t> size_flag(const char* name, const std::string& text, std::uint64_t bytes_min,
                                std::uint64_t bytes_max) {
  std::uint64_t bytes = 0;
  if (!parse_bytes(text, bytes))
    return fail(ErrorCode::bad_input, std::string(name) + " " + text + ": not a size",
                "Write it like 512M or 20GiB.");
  if (bytes < bytes_min || bytes > bytes_max)
    return fail(ErrorCode::bad_input,
                std::string(name) + " " + text + ": too " + (bytes < bytes_min ? "small" : "large"),
                "Give " + human_bytes(bytes_min) + " to " + human_bytes(bytes_max) + ".");
  return bytes;
}

}  // namespace

Result<UploaderOptions> UploadFlags::to_options(const StoreFlags& store) const {
  constexpr std::uint64_t kAnySize = 1ull << 60;
  UploaderOptions options;
  options.endpoint = store.endpoint;
  options.region = store.region;
  options.profile = store.profile;
  options.credentials_file = store.credentials_file;
  options.addressing = store.addressing;
  options.signature = store.signature;
  options.sign_requests = !store.no_sign_request;
  options.journal = journal;
  SHOAL_TRY(options.memory_bytes_max, size_flag("--memory", memory, kMemoryBytesMin, kAnySize));
  SHOAL_TRY(options.journal_bytes_max, size_flag("--spool-size", spool_size, 1, kAnySize));
  SHOAL_TRY(options.part_bytes, size_flag("--part-size", part_size, kPartBytesMin, kPartBytesMax));
  if (options.part_bytes > options.memory_bytes_max / 2)
    return fail(ErrorCode::bad_input,
                "--part-size " + part_size + ": --memory " + memory + " holds no two of them",
                "Give more --memory, or a smaller --part-size.");
  options.requests_in_flight_max = requests_in_flight;
  options.retry_for = std::chrono::seconds(retry_for_s);
  if (!std::isfinite(requests_per_second))
    return fail(ErrorCode::bad_input, "--max-qps: not a number", "Write it like 500.");
  options.requests_per_second_max = requests_per_second;
  if (!bytes_per_second.empty()) {
    SHOAL_TRY(const auto rate, size_flag("--max-bandwidth", bytes_per_second, 1, kAnySize));
    options.bytes_per_second_max = static_cast<double>(rate);
  }
  return options;
}

void add_upload_flags(CLI::App& app, UploadFlags& flags) {
  const char* group = "Sending";
  app.add_option("--journal", flags.journal,
                 "Directory that remembers what is to be sent until the bucket has it (default: "
                 "one per source and URL below /var/lib/shoal/uploads, or ~/.local/state/shoal "
                 "when not root; $SHOAL_STATE moves it)")
      ->type_name("DIR")
      ->group(group);
  app.add_option("--memory", flags.memory, "Most memory for data being sent")
      ->type_name("SIZE")
      ->capture_default_str()
      ->group(group);
  app.add_option("--spool-size", flags.spool_size,
                 "Most disk the journal may take for data that is in no other file")
      ->type_name("SIZE")
      ->capture_default_str()
      ->group(group);
  app.add_option("--part-size", flags.part_size, "Size of the parts in which large files are sent")
      ->type_name("SIZE")
      ->capture_default_str()
      ->group(group);
  app.add_option("-j,--jobs,--max-requests", flags.requests_in_flight,
                 "Requests in flight at the same time, 1 to 4096")
      ->check(CLI::Range(1u, kRequestsInFlightMax))
      ->type_name("N")
      ->capture_default_str()
      ->group(group);
  app.add_option(
         "--retry-for", flags.retry_for_s,
         "Seconds a failing file, or everything while nothing succeeds, is tried again before it "
         "is left in the journal; 0: for ever")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->group(group);
  app.add_option("--max-qps", flags.requests_per_second, "Requests per second (default: no limit)")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N")
      ->group(group);
  app.add_option("--max-bandwidth", flags.bytes_per_second,
                 "Bytes per second to the bucket, e.g. 100M (default: no limit)")
      ->type_name("SIZE")
      ->group(group);
}

}  // namespace shoal::tools
