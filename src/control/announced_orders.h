// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "shoal/volume.h"

namespace shoal::control {

// Announces orders of reading to a volume, and remembers them in a file: the server that takes over
// from a dead one knows them, too. synchronized.
class AnnouncedOrders {
 public:
  AnnouncedOrders(Volume& volume, std::filesystem::path file)
      : volume_(volume), file_(std::move(file)) {}

  // As Volume::set_order. A file that cannot be written is no error.
  [[nodiscard]] Result<void> announce(const ReadOrder& order);
  // Announces again what the file holds. What it cannot use any more (a list that is gone) it
  // skips and says in the result.
  [[nodiscard]] Result<void> restore();

 private:
  static constexpr std::size_t kKept = 8;  // an order and the epochs appended to it, the last ones

  Volume& volume_;
  const std::filesystem::path file_;
  std::mutex mutex_;
  std::vector<std::string> bodies_;  // as sent; guarded by mutex_
};

}  // namespace shoal::control
