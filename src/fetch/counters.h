// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace shoal::fetch {

// A number one thread changes and any thread reads. Relaxed: nothing is ordered by it.
class Counter {
 public:
  void add(std::uint64_t amount) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void subtract(std::uint64_t amount) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) - amount, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// What one owner did. Prefetched bytes are counted in whole blocks when their GET starts, so that
// used + wasted + still unread = prefetched. Written by the owner, read by anyone.
struct Counters {
  Counter gets;
  Counter get_bytes;
  Counter get_errors;
  Counter changed_objects;
  Counter misfit_bodies;
  Counter gets_given_up;  // silent, and nobody waited or a new one was sent
  Counter prefetched_bytes;
  Counter used_bytes;
  Counter wasted_bytes;
  Counter chunks_sealed;  // gauge
  Counter chunks_evicted;
  Counter chunks_refused;  // not cached: the cache had better use for its space
  Counter warmed_bytes;    // fetched because they were asked for by name
  Counter pins_refused;
  Counter checksum_failures;
  Counter cache_write_errors;
};

}  // namespace shoal::fetch
