// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>

#include "format/layout.h"
#include "index/index.h"
#include "prefetch/order.h"
#include "shoal/volume.h"
#include "volume/path_list.h"

namespace shoal::volume {

// Looks up the names of reading orders in the index, on a thread of its own, and appends what it
// finds to an Order that is in use already: the first files of a long list are prefetched while the
// last ones are looked up. Names the dataset does not have are counted and left out.
//
// Thread model: synchronized.
class OrderLoader {
 public:
  struct Parts {
    const index::Index& index;
    format::Geometry geometry;
    DataAddress data_end;
  };
  explicit OrderLoader(Parts parts);
  ~OrderLoader();  // gives up what is not loaded

  // Appends `source` to `order` behind everything added before, or, when it `replaces` that, gives
  // up what is not loaded. Fails with nothing changed when the list cannot be opened.
  [[nodiscard]] Result<void> add(const ReadOrder& source, std::shared_ptr<prefetch::Order> order,
                                 bool replaces);
  [[nodiscard]] std::uint64_t missing() const {
    return missing_.load(std::memory_order_relaxed);  // a number for people
  }

 private:
  struct Job {
    std::variant<PathList, ShuffledEpoch> source;
    std::shared_ptr<prefetch::Order> order;
  };
  void drop();
  void run();
  void load(Job& job);
  [[nodiscard]] Result<void> load_list(PathList& list, prefetch::Order& order);
  [[nodiscard]] Result<void> load_shuffle(const ShuffledEpoch& epoch, prefetch::Order& order);
  [[nodiscard]] bool is_dropped() const { return dropped_.load(std::memory_order_relaxed); }

  const Parts parts_;
  std::atomic<std::uint64_t> missing_{0};
  std::atomic<bool> dropped_{false};  // what is under way is no longer wanted
  std::mutex mutex_;                  // guards the rest
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool is_loading_ = false;
  bool stopping_ = false;
  std::thread thread_;  // started with the first job
};

}  // namespace shoal::volume
