// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/serve_command.h"

#include <fmt/format.h>

namespace shoal::fuse {

std::vector<std::string> ServeCommand::arguments() const {
  std::vector<std::string> command{program.string(),   "serve",
                                   "--volume",         volume.string(),
                                   "--control-socket", control_socket.string()};
  const auto append = [&](const char* name, const std::string& value) {
    if (!value.empty()) command.insert(command.end(), {name, value});
  };
  append("--metrics-address", metrics_address);
  append("--profile", profile);
  append("--credentials-file", credentials_file.string());
  append("--cache-size", cache_size);
  append("--buffer-size", buffer_size);
  append("--resource-limit", resource_limit);
  append("--max-bandwidth", max_bandwidth);
  if (max_requests > 0) append("--max-requests", std::to_string(max_requests));
  if (max_qps > 0) append("--max-qps", fmt::format("{}", max_qps));
  if (io_timeout_seconds > 0) append("--io-timeout", std::to_string(io_timeout_seconds));
  if (no_prefetch) command.emplace_back("--no-prefetch");
  if (direct) command.emplace_back("--direct");
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

}  // namespace shoal::fuse
