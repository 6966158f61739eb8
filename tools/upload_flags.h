// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "flags.h"
#include "shoal/uploader.h"

namespace CLI {
class App;
}

namespace shoal::tools {

// Flags of commands that send objects. A command changes the defaults before it adds them.
struct UploadFlags {
  std::filesystem::path journal;
  std::string memory = "256M";
  std::string spool_size = "4G";
  std::string part_size = "8M";
  std::uint32_t requests_in_flight = 256;
  std::uint32_t retry_for_s = 600;
  double requests_per_second = 0;
  std::string bytes_per_second;

  // Fails with bad_input, naming the flag. The journal is left empty when no flag names one.
  [[nodiscard]] Result<UploaderOptions> to_options(const StoreFlags& store) const;
};
void add_upload_flags(CLI::App& app, UploadFlags& flags);

}  // namespace shoal::tools
