// SPDX-License-Identifier: Apache-2.0
#include "agent/mount_plan.h"

#include <unistd.h>

#include "frontend/fuse/serve_command.h"

namespace shoal::agent {

std::vector<std::string> MountPlan::build_command(bool list_again) const {
  std::vector<std::string> command{
      places.program.string(), "index", "build", spec.source, "--volume",
      volume().string(),       "--json"};
  const auto append = [&](const char* flag, const std::string& value) {
    if (!value.empty()) command.insert(command.end(), {flag, value});
  };
  append("--endpoint", spec.endpoint);
  append("--region", spec.region);
  append("--addressing", spec.addressing);
  append("--signature", spec.signature);
  append("--credentials-file", credentials_file.string());
  append("--uid", spec.uid ? std::to_string(*spec.uid) : "");
  append("--gid", spec.gid ? std::to_string(*spec.gid) : "");
  append("--umask", spec.umask);
  append("--cgroup", places.keeper_cgroup.string());
  if (!spec.sign_requests) command.emplace_back("--no-sign-request");
  if (list_again) command.emplace_back("--rebuild");
  return command;
}

std::vector<std::string> MountPlan::keeper_command() const {
  return {places.program.string(), "keeper"};
}

fuse::KeeperOptions MountPlan::keeper_options() const {
  fuse::KeeperOptions options;
  options.mount_point = mount_point();
  options.runtime_directory = places.runtime_directory;
  options.volume = volume();
  options.source = spec.source;
  options.log_file = volume() / "log" / "server.log";
  options.cgroup = places.keeper_cgroup;
  // The kernel must not read from one file on to the next where the order is another one, or
  // nothing else may be fetched.
  if (spec.direct || spec.no_prefetch || !spec.order.empty())
    options.carrier = fuse::Carrier::exact;
  const fuse::ServeCommand server{
      .program = places.program,
      .volume = volume(),
      .control_socket = fuse::mount_paths(places.runtime_directory, mount_point()).control_socket,
      .credentials_file = credentials_file,
      .cache_size = spec.cache_size,
      .buffer_size = spec.buffer_size,
      .resource_limit = spec.resource_limit,
      .max_bandwidth = spec.max_bandwidth,
      .max_requests = spec.max_requests,
      .max_qps = spec.max_qps,
      .io_timeout_seconds = spec.io_timeout_seconds,
      .no_prefetch = spec.no_prefetch,
      .direct = spec.direct};
  options.server_command = server.arguments();
  return options;
}

std::optional<Error> MountPlan::missing_keys() const {
  if (credentials_file.empty() || access(credentials_file.c_str(), R_OK) == 0) return std::nullopt;
  return Error(ErrorCode::permission,
               "volume " + spec.source + ": its keys were lost when the machine restarted",
               "They come with the next attach of the volume; nothing else is needed.");
}

bool MountPlan::seems_indexed() const {
  std::error_code error;
  const bool empty = std::filesystem::is_empty(volume() / "image", error);
  return !error && !empty;
}

bool MountPlan::has_mount_state() const {
  const auto paths = fuse::mount_paths(places.runtime_directory, mount_point());
  return access(paths.state.c_str(), F_OK) == 0;
}

}  // namespace shoal::agent
