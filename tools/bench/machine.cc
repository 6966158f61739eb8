// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/machine.h"

#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <thread>

#include "sys/file.h"

namespace shoal::tools::bench {
namespace {

constexpr std::uint64_t kProcFileBytesMax = 4u << 20;

// Arm kernels give no "model name".
std::string processor_name() {
  const auto text = sys::read_text_file("/proc/cpuinfo", kProcFileBytesMax);
  if (!text) return "unknown processor";
  const std::size_t line = text->find("model name");
  if (line == std::string::npos) return "unknown processor";
  const std::size_t begin = text->find(": ", line);
  const std::size_t end = text->find('\n', line);
  if (begin == std::string::npos || begin > end) return "unknown processor";
  return text->substr(begin + 2, end - begin - 2);
}

}  // namespace

Machine this_machine() {
  Machine machine;
  utsname system{};
  if (uname(&system) == 0)
    machine.kernel = std::string(system.sysname) + " " + system.release + " " + system.machine;
  machine.processor = processor_name();
  machine.processors = std::thread::hardware_concurrency();
  struct sysinfo info {};
  if (sysinfo(&info) == 0) machine.memory_bytes = std::uint64_t{info.totalram} * info.mem_unit;
  if (double load = 0; getloadavg(&load, 1) == 1) machine.load = load;
  return machine;
}

std::vector<std::string> command_line() {
  const auto text = sys::read_text_file("/proc/self/cmdline", kProcFileBytesMax);
  std::vector<std::string> words;
  if (!text) return words;
  for (std::size_t begin = 0; begin < text->size();) {
    const std::size_t end = std::min(text->find('\0', begin), text->size());
    words.push_back(text->substr(begin, end - begin));
    begin = end + 1;
  }
  if (!words.empty()) words.front().erase(0, words.front().rfind('/') + 1);
  return words;
}

}  // namespace shoal::tools::bench
