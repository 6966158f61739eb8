// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/readahead.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "sys/file.h"

namespace shoal::fuse {
namespace {

constexpr const char* kDevices = "/sys/class/bdi";

std::set<std::string> erofs_devices() {
  std::set<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(kDevices, error), end; !error && entry != end;
       entry.increment(error))
    if (std::string name = entry->path().filename().string(); name.starts_with("erofs-"))
      names.insert(std::move(name));
  return names;
}

void write_readahead(const std::string& device, std::uint64_t bytes) {
  const std::string path = std::string(kDevices) + "/" + device + "/read_ahead_kb";
  const sys::Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const std::string kibibytes = std::to_string(bytes >> 10);
  if (!file.valid()) return;
  [[maybe_unused]] const auto written = ::write(file.get(), kibibytes.data(), kibibytes.size());
}

}  // namespace

ReadaheadTuning::ReadaheadTuning() : before_(erofs_devices()) {}

void ReadaheadTuning::apply(std::uint64_t bytes) const {
  std::set<std::string> added = erofs_devices();
  for (const std::string& name : before_) added.erase(name);
  if (added.size() != 1) return;
  write_readahead(*added.begin(), bytes);
}

void widen_readahead(const std::filesystem::path& image, std::uint64_t bytes) {
  struct stat facts {};
  if (::stat(image.c_str(), &facts) != 0) return;
  write_readahead(std::to_string(major(facts.st_dev)) + ":" + std::to_string(minor(facts.st_dev)),
                  bytes);
}

}  // namespace shoal::fuse
