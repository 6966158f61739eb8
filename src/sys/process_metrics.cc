// SPDX-License-Identifier: Apache-2.0
#include "sys/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "sys/file.h"

namespace shoal::sys {
namespace {

constexpr std::size_t kProcFileMax = 1u << 16;

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

// Field `number` of /proc/PID/stat, counted from 1 as proc(5) does, from 3 on.
std::optional<std::uint64_t> stat_field(std::string_view stat, int wanted) {
  // The name, in parentheses, may hold anything.
  const auto name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  stat.remove_prefix(name_end + 1);
  for (int field = 2; field < wanted; ++field) {
    const auto space = stat.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    stat.remove_prefix(space + 1);
  }
  return number(stat);
}

// Seconds since 1970 at which the machine was started.
std::optional<std::uint64_t> boot_time() {
  const auto stat = read_text_file("/proc/stat", 1u << 20);
  if (!stat) return std::nullopt;
  const auto line = stat->find("\nbtime ");
  if (line == std::string::npos) return std::nullopt;
  return number(std::string_view(*stat).substr(line + 7));
}

std::optional<std::uint64_t> open_descriptors() {
  std::error_code error;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end;
       !error && entry != end; entry.increment(error))
    ++count;
  return error || count == 0 ? std::nullopt : std::optional(count - 1);  // not the iterator's own
}

}  // namespace

void add_process_metrics(MetricsText& text) {
  const auto add = [&](const char* name, MetricKind kind, const char* help, auto value) {
    text.foreign_family(name, kind, help);
    text.sample({}, value);
  };
  const auto stat = read_text_file("/proc/self/stat", kProcFileMax);
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (stat) {
    const auto user = stat_field(*stat, 14);
    const auto kernel = stat_field(*stat, 15);
    if (user && kernel)
      add("process_cpu_seconds_total", MetricKind::counter, "Processor time used, in seconds.",
          static_cast<double>(*user + *kernel) / ticks);
    if (const auto bytes = stat_field(*stat, 23))
      add("process_virtual_memory_bytes", MetricKind::gauge, "Virtual memory in bytes.", *bytes);
    if (const auto pages = stat_field(*stat, 24))
      add("process_resident_memory_bytes", MetricKind::gauge, "Resident memory in bytes.",
          *pages * page);
    const auto started = stat_field(*stat, 22);
    if (const auto boot = boot_time(); boot && started)
      add("process_start_time_seconds", MetricKind::gauge,
          "Start of the process, in seconds since 1970.",
          static_cast<double>(*boot) + static_cast<double>(*started) / ticks);
  }
  if (const auto count = open_descriptors())
    add("process_open_fds", MetricKind::gauge, "Open file descriptors.", *count);
  if (rlimit limit{}; ::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    add("process_max_fds", MetricKind::gauge, "Most file descriptors there may be.",
        static_cast<std::uint64_t>(limit.rlim_cur));
}

}  // namespace shoal::sys
