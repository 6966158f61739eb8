// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "agent/volume_spec.h"
#include "base/result.h"

namespace shoal::agent {

// What a spec says about the reads to come, told to the server of its mount: the order first, then
// what to warm. It costs speed, not the mount, when something of it cannot be done: that is logged.
//
// serialized; each call blocks for a few seconds at most, but for a list of an order, which is read
// through the mount (limits::kListCopyTimeout).
class Hints {
 public:
  Hints() = default;
  // `order`: the order is still to be announced.
  Hints(const VolumeSpec& spec, bool order)
      : order_(order ? spec.order : ""), warm_(spec.warm), pin_(spec.pin) {}

  struct Place {
    std::string volume_name;  // for the log
    std::filesystem::path mount_point;
    std::filesystem::path volume;  // directory
    std::filesystem::path control_socket;
  };
  // Does what is due. Called at least once per lease of a job (control/limits.h) until done().
  void step(const Place& place);
  [[nodiscard]] bool done() const noexcept { return order_.empty() && warm_.empty(); }

 private:
  Result<void> announce(const Place& place) const;
  void warm(const Place& place);

  std::string order_;              // empty: announced, or none
  std::vector<std::string> warm_;  // empty: done, or nothing
  bool pin_ = false;
  std::string job_;  // under way
  std::uint32_t failures_ = 0;
};

}  // namespace shoal::agent
