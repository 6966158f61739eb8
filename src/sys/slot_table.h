// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace shoal::sys {

// Values named by ids that are never mistaken for an earlier tenant of the same slot: an id is
// (generation << 32 | index), with a generation of 30 bits counted per slot and never 0. This is
// how a late completion of the kernel finds out that nobody waits for it any more. confined.
template <typename T>
class SlotTable {
 public:
  [[nodiscard]] std::uint64_t insert(T value) {
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint32_t>(slots_.size()));
      slots_.emplace_back();
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    Slot& slot = slots_[index];
    slot.generation = slot.generation == kGenerationMax ? 1 : slot.generation + 1;
    slot.value.emplace(std::move(value));
    return std::uint64_t{slot.generation} << 32 | index;
  }

  // Null when the id was never given out or is gone. Valid until the next insert.
  [[nodiscard]] T* find(std::uint64_t id) {
    const auto index = static_cast<std::uint32_t>(id);
    if (index >= slots_.size()) return nullptr;
    Slot& slot = slots_[index];
    return slot.value && slot.generation == id >> 32 ? &*slot.value : nullptr;
  }

  // Precondition: find(id) is not null.
  [[nodiscard]] T take(std::uint64_t id) {
    Slot& slot = slots_[static_cast<std::uint32_t>(id)];
    T value = std::move(*slot.value);
    slot.value.reset();
    free_.push_back(static_cast<std::uint32_t>(id));
    return value;
  }

  // Calls visit(id, value) for each; it may change values, not the table.
  template <typename Visit>
  void for_each(Visit visit) {
    for (std::uint32_t index = 0; index < slots_.size(); ++index) {
      Slot& slot = slots_[index];
      if (slot.value) visit(std::uint64_t{slot.generation} << 32 | index, *slot.value);
    }
  }

  [[nodiscard]] bool empty() const noexcept { return free_.size() == slots_.size(); }

 private:
  static constexpr std::uint32_t kGenerationMax = (1u << 30) - 1;
  struct Slot {
    std::uint32_t generation = 0;
    std::optional<T> value;
  };
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;  // indexes of slots without a value
};

}  // namespace shoal::sys
