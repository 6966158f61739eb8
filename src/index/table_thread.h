// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "index/table_files.h"

namespace shoal::index {

// Puts into table files on a thread of its own: compressing what was laid out takes as long as
// laying out, so the two go on side by side. Memory is three batches: one filling, one waiting, one
// being put.
//
// Thread model: confined to one caller; the thread behind it is its own. A table handed to put() is
// that thread's until drain() has returned.
class TableThread {
 public:
  TableThread();
  ~TableThread();  // what was not drained may be lost
  TableThread(const TableThread&) = delete;
  TableThread& operator=(const TableThread&) = delete;

  // As TableFiles::put(), of which it also returns the failures, some time later. Blocks while the
  // disk is behind.
  [[nodiscard]] Result<void> put(TableFiles& table, std::string_view key, std::string_view value);
  // Waits until everything is put.
  [[nodiscard]] Result<void> drain();

 private:
  struct Batch {
    struct Item {
      TableFiles* table;
      std::uint32_t key_bytes;
      std::uint32_t value_bytes;
    };
    std::vector<Item> items;
    std::string text;  // key and value of each, one behind the other
  };
  [[nodiscard]] Result<void> submit();
  void work();
  [[nodiscard]] static Result<void> write(const Batch& batch);

  Batch filling_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Batch> waiting_;  // guarded by mutex_
  bool is_busy_ = false;          // guarded by mutex_: a batch is being put
  bool is_closing_ = false;       // guarded by mutex_
  Result<void> outcome_;          // guarded by mutex_: the first failure
  std::thread thread_;
};

}  // namespace shoal::index
