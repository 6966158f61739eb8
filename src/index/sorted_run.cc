// SPDX-License-Identifier: Apache-2.0
#include "index/sorted_run.h"

#include <algorithm>

namespace shoal::index {
namespace {

std::uint64_t head_of(std::string_view key) {
  std::uint64_t head = 0;
  for (std::size_t i = 0; i < sizeof head; ++i)
    head = head << 8 | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0u);
  return head;
}

}  // namespace

void SortedRun::add(std::string_view key, std::string_view value) {
  items_.push_back({.head = head_of(key),
                    .offset = static_cast<std::uint32_t>(text_.size()),
                    .key_bytes = static_cast<std::uint32_t>(key.size()),
                    .value_bytes = static_cast<std::uint32_t>(value.size()),
                    .order = static_cast<std::uint32_t>(items_.size())});
  text_ += key;
  text_ += value;
}

Result<void> SortedRun::write(TableFiles& files) {
  std::sort(items_.begin(), items_.end(), [this](const Item& a, const Item& b) {
    if (a.head != b.head) return a.head < b.head;
    const int order = key(a).compare(key(b));
    return order != 0 ? order < 0 : a.order < b.order;
  });
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const Item& item = items_[i];
    if (i + 1 < items_.size() && key(items_[i + 1]) == key(item)) continue;
    SHOAL_CHECK_OK(files.put(
        key(item), std::string_view(text_).substr(item.offset + item.key_bytes, item.value_bytes)));
  }
  return {};
}

}  // namespace shoal::index
