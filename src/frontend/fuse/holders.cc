// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/holders.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <string_view>
#include <system_error>

#include "frontend/fuse/bounds.h"
#include "sys/file.h"

namespace shoal::fuse {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMapsBytesMax = 8u << 20;  // about 65,000 mappings, the kernel's own bound

bool below(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

std::string link_target(const fs::path& link) {
  char target[PATH_MAX];
  const ssize_t bytes = ::readlink(link.c_str(), target, sizeof target);
  return bytes < 0 ? std::string() : std::string(target, static_cast<std::size_t>(bytes));
}

bool holds_open_file(const fs::path& process, std::string_view directory) {
  std::error_code ended;
  for (fs::directory_iterator entry(process / "fd", ended), end; !ended && entry != end;
       entry.increment(ended))
    if (below(link_target(entry->path()), directory)) return true;
  return false;
}

bool holds_mapping(const fs::path& process, std::string_view directory) {
  const auto maps = sys::read_text_file(process / "maps", kMapsBytesMax);
  if (!maps) return false;
  for (std::size_t at = maps->find(directory); at != std::string::npos;
       at = maps->find(directory, at + 1)) {
    // The path is the last field of its line, after blanks.
    const std::size_t end = std::min(maps->find('\n', at), maps->size());
    if (at > 0 && (*maps)[at - 1] == ' ' &&
        below(std::string_view(*maps).substr(at, end - at), directory))
      return true;
  }
  return false;
}

// Why the process keeps the mount busy; empty when it does not.
std::string_view reason(const fs::path& process, std::string_view directory) {
  if (below(link_target(process / "cwd"), directory)) return "working directory";
  if (below(link_target(process / "root"), directory)) return "root directory";
  if (below(link_target(process / "exe"), directory)) return "running program";
  if (holds_open_file(process, directory)) return "open file";
  if (holds_mapping(process, directory)) return "mapped file";
  return {};
}

}  // namespace

std::vector<std::string> holders_of(const fs::path& mount_point, std::size_t count_max) {
  std::vector<std::string> holders;
  const std::string directory = mount_point.string();
  std::error_code ended;
  for (fs::directory_iterator entry("/proc", ended), end; !ended && entry != end;
       entry.increment(ended)) {
    const std::string pid = entry->path().filename().string();
    if (!std::all_of(pid.begin(), pid.end(), [](char c) { return c >= '0' && c <= '9'; })) continue;
    const std::string_view why = reason(entry->path(), directory);
    if (why.empty()) continue;
    auto name = sys::read_text_file(entry->path() / "comm", 4096).value_or("?\n");
    name.pop_back();
    holders.push_back(name + "[" + pid + "] (" + std::string(why) + ")");
    if (holders.size() == count_max) break;
  }
  return holders;
}

Error busy_error(const std::filesystem::path& mount_point) {
  std::string who;
  for (const std::string& holder : holders_of(mount_point, bounds::kHoldersMax))
    who += (who.empty() ? " by " : ", ") + holder;
  if (who.empty()) who = " by a process that is not visible from here";
  return Error(ErrorCode::precondition, "unmount " + mount_point.string() + ": in use" + who,
               "Let these processes finish, or detach the mount with --force: what they have open "
               "then fails.");
}

}  // namespace shoal::fuse
