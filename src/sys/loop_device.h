// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "sys/file.h"

namespace shoal::sys {

// A read-only loop device over a file. It frees itself (autoclear) once this object and whatever
// was mounted from it are gone. Move-only, immutable.
class LoopDevice {
 public:
  [[nodiscard]] static Result<LoopDevice> attach(const std::filesystem::path& file);
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] bool direct_io() const noexcept { return direct_io_; }

 private:
  LoopDevice(Fd fd, std::string path, bool direct_io)
      : fd_(std::move(fd)), path_(std::move(path)), direct_io_(direct_io) {}
  Fd fd_;
  std::string path_;
  bool direct_io_;
};

}  // namespace shoal::sys
