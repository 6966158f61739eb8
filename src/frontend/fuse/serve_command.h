// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace shoal::fuse {

// The command line of `shoal serve`, for KeeperOptions::server_command. Holds no secret: the server
// looks the keys up by itself. Texts are as on the command line of `shoal mount`; what is empty, or
// zero, is left to the server.
struct ServeCommand {
  std::filesystem::path program;
  std::filesystem::path volume;
  std::filesystem::path control_socket;
  std::string metrics_address = {};
  std::string profile = {};
  std::filesystem::path credentials_file = {};
  std::string cache_size = {};
  std::string buffer_size = {};
  std::string resource_limit = {};
  std::string max_bandwidth = {};
  std::uint32_t max_requests = 0;
  double max_qps = 0;
  std::uint32_t io_timeout_seconds = 0;
  bool no_prefetch = false;
  bool direct = false;
  std::vector<std::string> more = {};  // put behind the others

  [[nodiscard]] std::vector<std::string> arguments() const;
};

}  // namespace shoal::fuse
