// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "index/key_ranges.h"
#include "index/table_files.h"

namespace shoal::index {

// Keys and values as they come, sorted once when they are written. One allocation that grows to
// limits::kSortedRunBytes, instead of two per key. confined.
class SortedRun {
 public:
  void add(std::string_view key, std::string_view value);
  [[nodiscard]] std::size_t bytes() const { return text_.size() + items_.size() * sizeof(Item); }
  [[nodiscard]] bool is_empty() const { return items_.empty(); }
  // Writes everything in key order; of equal keys the one added last.
  [[nodiscard]] Result<void> write(TableFiles& files);

 private:
  struct Item {
    std::uint64_t
        head;  // first eight bytes of the key, big-endian: decides nearly every comparison
    std::uint32_t offset;
    std::uint32_t key_bytes;
    std::uint32_t value_bytes;
    std::uint32_t order;
  };
  [[nodiscard]] std::string_view key(const Item& item) const {
    return std::string_view(text_).substr(item.offset, item.key_bytes);
  }

  std::string text_;
  std::vector<Item> items_;
};

}  // namespace shoal::index
