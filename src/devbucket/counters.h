// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "devbucket/faults.h"
#include "devbucket/request.h"

namespace shoal::devbucket {

// Counts of one request class. All relaxed: they are statistics, nothing is ordered by them.
struct alignas(64) ClassCounters {
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::uint64_t> bytes_in = 0;   // bodies received
  std::atomic<std::uint64_t> bytes_out = 0;  // bodies sent
  std::atomic<std::uint64_t> refused = 0;    // answered 4xx or 5xx, injected ones included
  std::atomic<std::uint64_t> in_flight = 0;
  std::atomic<std::uint64_t> in_flight_max = 0;
  std::atomic<std::uint64_t> throttled = 0;  // injected, from here on
  std::atomic<std::uint64_t> errors = 0;
  std::atomic<std::uint64_t> resets = 0;
  std::atomic<std::uint64_t> truncated = 0;
  std::atomic<std::uint64_t> corrupted = 0;
  std::atomic<std::uint64_t> empty_pages = 0;
};

// What a server has done since it started or since the last reset. synchronized.
class Counters {
 public:
  void begin(RequestClass kind);
  void end(RequestClass kind);
  void inject(RequestClass kind, FaultAction action);
  [[nodiscard]] ClassCounters& of(RequestClass kind) {
    return classes_[static_cast<std::size_t>(kind)];
  }
  // Everything but what is in flight goes back to zero.
  void reset();
  // One line of JSON: {"get":{"requests":1,...,"injected":{...}},...,"total":{...}}
  [[nodiscard]] std::string to_json() const;

 private:
  std::array<ClassCounters, kRequestClasses> classes_;
};

}  // namespace shoal::devbucket
