// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/old_servers.h"

#include <charconv>
#include <csignal>
#include <string>
#include <system_error>
#include <vector>

#include "frontend/fuse/bounds.h"
#include "frontend/fuse/connection.h"
#include "frontend/fuse/server_process.h"
#include "sys/file.h"
#include "sys/other_process.h"

namespace shoal::fuse {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kCommandBytesMax = 2u << 20;  // the kernel's bound on all arguments

bool serves(const fs::path& process, const std::string& session_argument) {
  if (!is_fuse_device(process / "fd" / std::to_string(ServerProcess::kFuseFd))) return false;
  const auto command = sys::read_text_file(process / "cmdline", kCommandBytesMax);
  return command && command->find(session_argument) != std::string::npos;
}

std::vector<sys::OtherProcess> servers_of(const fs::path& session) {
  std::vector<sys::OtherProcess> servers;
  const std::string argument = std::string("--session") + '\0' + session.string() + '\0';
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    int pid = 0;
    const auto [stop, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (wrong != std::errc() || stop != name.data() + name.size()) continue;
    if (!serves(entry->path(), argument)) continue;
    auto process = sys::OtherProcess::open(pid);
    // Looked at once more, now that the number cannot mean another process.
    if (process && serves(entry->path(), argument)) servers.push_back(std::move(*process));
  }
  return servers;
}

Result<void> end_one(const sys::OtherProcess& server) {
  SHOAL_CHECK_OK(server.signal(SIGTERM));
  if (server.wait(bounds::kServerStopTimeout)) return {};
  SHOAL_CHECK_OK(server.signal(SIGKILL));
  if (server.wait(bounds::kServerStopTimeout)) return {};
  return fail(
      ErrorCode::timeout,
      "end the old server " + std::to_string(server.pid()) + ": even SIGKILL did not end it",
      "See what it waits for in /proc/" + std::to_string(server.pid()) + "/stack.");
}

}  // namespace

Result<void> end_old_servers(const MountPaths& paths, const ProcessId& known) {
  SHOAL_TRY(const auto written_down, open_process(known));
  if (written_down) SHOAL_CHECK_OK(end_one(*written_down));
  for (const sys::OtherProcess& server : servers_of(paths.session)) SHOAL_CHECK_OK(end_one(server));
  return {};
}

}  // namespace shoal::fuse
