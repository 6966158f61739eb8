// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <utility>

#include "base/result.h"

namespace shoal::tools::bench {

// A volume beside another one that shares its index and image and has an empty cache. It takes
// little room: tables and image never change and are linked, not copied. Gone with the object.
class FreshCopy {
 public:
  // Takes the volume's lock while it copies. Errors: precondition (locked), permission, no_space.
  [[nodiscard]] static Result<FreshCopy> of(const std::filesystem::path& volume);
  FreshCopy(FreshCopy&& other) noexcept : directory_(std::exchange(other.directory_, {})) {}
  FreshCopy& operator=(FreshCopy&&) = delete;
  ~FreshCopy();
  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }

 private:
  explicit FreshCopy(std::filesystem::path directory) : directory_(std::move(directory)) {}
  std::filesystem::path directory_;
};

}  // namespace shoal::tools::bench
