// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/process_usage.h"

#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <string_view>

#include "sys/file.h"

namespace shoal::tools::bench {
namespace {

constexpr std::uint64_t kProcFileBytesMax = 64u << 10;

std::uint64_t number_at(std::string_view text) {
  const std::size_t begin = text.find_first_of("0123456789");
  std::uint64_t number = 0;
  if (begin != std::string_view::npos)
    std::from_chars(text.data() + begin, text.data() + text.size(), number);
  return number;
}

// "VmRSS:     1234 kB"
std::uint64_t kib_line(std::string_view status, std::string_view name) {
  const std::size_t at = status.find(name);
  if (at == std::string_view::npos) return 0;
  const std::string_view line = status.substr(at, status.find('\n', at) - at);
  return number_at(line.substr(name.size())) << 10;
}

// Fields 14 and 15 of /proc/PID/stat. The second one, the name, may hold spaces and parentheses.
std::chrono::microseconds cpu_of(std::string_view stat) {
  const std::size_t name_end = stat.rfind(") ");
  if (name_end == std::string_view::npos) return {};
  std::string_view rest = stat.substr(name_end + 2);
  for (int field = 3; field < 14; ++field) rest.remove_prefix(rest.find(' ') + 1);
  const std::uint64_t user = number_at(rest);
  rest.remove_prefix(rest.find(' ') + 1);
  const std::uint64_t ticks = user + number_at(rest);
  const auto per_second = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  return std::chrono::microseconds(ticks * 1'000'000 / per_second);
}

void read_memory(std::string_view status, ProcessUsage& usage) {
  usage.resident_bytes = kib_line(status, "VmRSS:");
  usage.resident_bytes_max = kib_line(status, "VmHWM:");
}

std::chrono::microseconds to_duration(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

}  // namespace

ProcessUsage own_usage() {
  ProcessUsage usage;
  usage.pid = getpid();
  rusage own{};
  getrusage(RUSAGE_SELF, &own);
  usage.cpu = to_duration(own.ru_utime) + to_duration(own.ru_stime);
  if (const auto status = sys::read_text_file("/proc/self/status", kProcFileBytesMax))
    read_memory(*status, usage);
  return usage;
}

std::optional<ProcessUsage> usage_of(int pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  const auto stat = sys::read_text_file(directory + "/stat", kProcFileBytesMax);
  const auto status = sys::read_text_file(directory + "/status", kProcFileBytesMax);
  if (!stat || !status) return std::nullopt;
  ProcessUsage usage;
  usage.pid = pid;
  usage.cpu = cpu_of(*stat);
  read_memory(*status, usage);
  return usage;
}

}  // namespace shoal::tools::bench
