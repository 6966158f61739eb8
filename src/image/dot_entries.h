// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace shoal::image {

// Puts "." and ".." at their places among ascending names: EROFS looks names up by binary search,
// and names that begin with a byte below '.' (space, '!', '-', ...) sort before them. confined.
class DotEntries {
 public:
  // Calls `emit(dot)` for each dot entry that sorts before `name`. `emit` returns Result<void>.
  template <typename Emit>
  [[nodiscard]] Result<void> before(std::string_view name, Emit&& emit) {
    while (next_ < kNames.size() && kNames[next_] < name) SHOAL_CHECK_OK(emit(kNames[next_++]));
    return {};
  }
  // The dot entries left when the directory ends.
  template <typename Emit>
  [[nodiscard]] Result<void> rest(Emit&& emit) {
    while (next_ < kNames.size()) SHOAL_CHECK_OK(emit(kNames[next_++]));
    return {};
  }

 private:
  static constexpr std::array<std::string_view, 2> kNames{".", ".."};
  std::size_t next_ = 0;
};

}  // namespace shoal::image
