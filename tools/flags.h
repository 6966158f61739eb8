// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "image/writer.h"
#include "shoal/volume.h"
#include "store/open.h"

namespace CLI {
class App;
}

namespace shoal::tools {

// Flags shared by every command that talks to a bucket. No flag takes a secret: what is on a
// command line can be read by everybody on the machine.
struct StoreFlags {
  std::string endpoint;
  std::string region;
  std::string profile;
  bool no_sign_request = false;
  std::string addressing = "auto";
  std::string signature = "v4";
  std::filesystem::path credentials_file;
  std::filesystem::path volume;

  [[nodiscard]] Result<store::StoreConfig> to_config() const;
};
// All but --volume: for commands that make no volume.
void add_bucket_flags(CLI::App& app, StoreFlags& flags);
void add_store_flags(CLI::App& app, StoreFlags& flags);

// Flags of commands that read objects.
struct ReadFlags {
  std::string cache_size;
  std::string buffer_size;
  std::string resource_limit;  // "2c4g"
  std::uint32_t requests_in_flight = 0;
  double requests_per_second = 0;
  std::string bytes_per_second;
  bool no_prefetch = false;
  std::uint32_t io_timeout_s = static_cast<std::uint32_t>(limits::kIoTimeoutDefault.count());

  [[nodiscard]] std::chrono::seconds io_timeout() const {
    return std::chrono::seconds(io_timeout_s);
  }
  [[nodiscard]] Result<VolumeOptions> to_options() const;
  // What a frontend may keep in memory; `otherwise` without a --resource-limit.
  [[nodiscard]] Result<std::uint64_t> frontend_bytes(std::uint64_t otherwise) const;
};
void add_read_flags(CLI::App& app, ReadFlags& flags);

// Flags that shape what a mount shows.
struct OwnerFlags {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string umask = "0222";

  OwnerFlags();
  [[nodiscard]] Result<image::WriteOptions> to_options() const;
};
void add_owner_flags(CLI::App& app, OwnerFlags& flags);

}  // namespace shoal::tools
