// SPDX-License-Identifier: Apache-2.0
#include "volume/resource_limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "base/limits.h"

namespace shoal::volume {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;
// The program and its libraries, RocksDB's tables, cache and write buffers, stacks, chunk maps:
// measured with 16 readers, and then half as much again.
constexpr std::uint64_t kFixedBytes = 96 * kMiB;
constexpr std::uint64_t kMemoryMin = 256 * kMiB;
// A connection of curl with its buffers, and what OpenSSL keeps for one.
constexpr std::uint64_t kRequestBytes = 128u << 10;
// A thread needs room for four chunks, or it could not fill one while others are written.
constexpr std::uint64_t kBytesPerThread = 16 * kMiB;
constexpr std::uint32_t kThreadsMax = 8;

}  // namespace

Result<ResourcePlan> resource_plan(std::string_view text) {
  const auto refuse = [&] {
    return fail(ErrorCode::bad_input,
                fmt::format("--resource-limit {}: not of the form 2c4g", text),
                "Give processors and memory, for example 2c4g or 1c512m.");
  };
  std::uint32_t processors = 0;
  const auto [rest, status] = std::from_chars(text.data(), text.data() + text.size(), processors);
  if (status != std::errc{} || processors == 0 || rest == text.data() + text.size() || *rest != 'c')
    return refuse();
  const std::string_view memory_text(
      rest + 1, static_cast<std::size_t>(text.data() + text.size() - rest - 1));
  ResourcePlan plan;
  if (memory_text.empty() || !parse_bytes(memory_text, plan.memory_bytes)) return refuse();
  if (plan.memory_bytes < kMemoryMin)
    return fail(ErrorCode::bad_input,
                fmt::format("--resource-limit {}: {} are too little memory for a server", text,
                            human_bytes(plan.memory_bytes)),
                fmt::format("Give at least {}m.", kMemoryMin / kMiB));
  const std::uint64_t free = plan.memory_bytes - kFixedBytes;
  plan.buffer_bytes = free / 2;
  plan.frontend_bytes = std::min(free / 8, 64 * kMiB);
  plan.requests_in_flight = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(free / 8 / kRequestBytes, 16, limits::kRequestsInFlightDefault));
  plan.fetch_threads = std::clamp(
      std::min(processors / 2, static_cast<std::uint32_t>(plan.buffer_bytes / kBytesPerThread)), 1u,
      kThreadsMax);
  return plan;
}

const char* resource_plan_help() {
  return R"(--resource-limit 2c4g fits a server into processors and memory. Threads: one for fetching and
one for the disk per two processors, at most 8 of each, and a few that mostly sleep. Memory: 96 MiB
for the program and its index; of the rest half for chunks on their way (--buffer-size), one eighth,
at most 64 MiB, for answers to the kernel, one eighth for connections (128 KiB each: in 256m these
are --max-requests 160), and the rest is spare. The least is 256m. The kernel's page cache is not
part of it.)";
}

}  // namespace shoal::volume
