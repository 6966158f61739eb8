// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace shoal::store {

inline constexpr const char* kDevAccessKey = "conformance-key";
inline constexpr const char* kDevSecretKey = "conformance-secret";
inline constexpr const char* kDevBucket = "conformance";

// The dev bucket program as a child process with one empty bucket in a directory of its own.
class DevBucket {
 public:
  // Null, with the reason in `why`, when the program is not there or does not start.
  static std::unique_ptr<DevBucket> start(const std::vector<std::string>& options,
                                          std::string& why);
  ~DevBucket();
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

 private:
  DevBucket(pid_t pid, std::filesystem::path directory, std::string endpoint)
      : pid_(pid), directory_(std::move(directory)), endpoint_(std::move(endpoint)) {}
  pid_t pid_;
  std::filesystem::path directory_;
  std::string endpoint_;
};

}  // namespace shoal::store
