// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace shoal::control {

// A name for a unix socket that fits into its 107 bytes, however long the path is: through a
// descriptor of its directory where needed. Valid in this process, while this object lives.
class SocketPath {
 public:
  // Fails with not_found or permission when a long path's directory cannot be opened, and with
  // bad_input when the last component alone is too long.
  [[nodiscard]] static Result<SocketPath> of(const std::filesystem::path& socket);
  SocketPath(SocketPath&& other) noexcept;
  SocketPath& operator=(SocketPath&&) = delete;
  ~SocketPath();
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  SocketPath(std::string name, int directory_fd)
      : name_(std::move(name)), directory_fd_(directory_fd) {}
  std::string name_;
  int directory_fd_ = -1;  // -1: the path is short enough
};

}  // namespace shoal::control
