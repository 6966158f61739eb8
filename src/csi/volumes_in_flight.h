// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace shoal::csi {

// Which volumes have a call under way: one at a time. synchronized.
class VolumesInFlight {
 public:
  class Turn {
   public:
    Turn(VolumesInFlight* volumes, std::string id) : volumes_(volumes), id_(std::move(id)) {}
    Turn(Turn&& other) noexcept
        : volumes_(std::exchange(other.volumes_, nullptr)), id_(std::move(other.id_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (volumes_ != nullptr) volumes_->end(id_);
    }

   private:
    VolumesInFlight* volumes_;
    std::string id_;
  };

  // Nothing while another call for the volume is under way. The turn ends with what is returned.
  [[nodiscard]] std::optional<Turn> begin(const std::string& id) {
    const std::lock_guard lock(mutex_);
    if (!ids_.insert(id).second) return std::nullopt;
    return std::optional<Turn>(std::in_place, this, id);
  }

 private:
  void end(const std::string& id) {
    const std::lock_guard lock(mutex_);
    ids_.erase(id);
  }

  std::mutex mutex_;
  std::set<std::string> ids_;  // guarded by mutex_; one for each thread at most
};

}  // namespace shoal::csi
