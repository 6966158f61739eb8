// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "devbucket/invented.h"
#include "devbucket/list_page.h"

namespace shoal::devbucket {

// Walks the keys of an invented dataset, which must outlive it. confined.
class InventedCursor final : public KeyCursor {
 public:
  explicit InventedCursor(const InventedSet& set) : set_(set) {}

  bool seek(std::string_view key) override {
    rank_ = invented_lower_bound(set_, key);
    return load();
  }
  bool next() override {
    ++rank_;
    return load();
  }
  [[nodiscard]] std::string_view key() const override { return key_; }
  bool describe(ListedObject& object) override {
    etag_ = invented_etag(set_, key_);
    object.size_bytes = invented_size(set_, key_);
    object.mtime_seconds = invented_mtime(set_, key_);
    object.etag = etag_;
    object.oss_type = "Normal";
    return true;
  }

 private:
  bool load() {
    if (rank_ >= set_.count) return false;
    invented_key(set_, rank_, key_);
    return true;
  }

  const InventedSet& set_;
  std::uint64_t rank_ = 0;
  std::string key_;
  std::string etag_;
};

}  // namespace shoal::devbucket
