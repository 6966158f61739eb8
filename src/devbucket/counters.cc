// SPDX-License-Identifier: Apache-2.0
#include "devbucket/counters.h"

#include <fmt/format.h>

#include <algorithm>

namespace shoal::devbucket {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

void Counters::begin(RequestClass kind) {
  ClassCounters& counts = of(kind);
  counts.requests.fetch_add(1, kRelaxed);
  const std::uint64_t running = counts.in_flight.fetch_add(1, kRelaxed) + 1;
  std::uint64_t most = counts.in_flight_max.load(kRelaxed);
  while (running > most && !counts.in_flight_max.compare_exchange_weak(most, running, kRelaxed)) {
  }
}

void Counters::end(RequestClass kind) {
  of(kind).in_flight.fetch_sub(1, kRelaxed);
}

void Counters::inject(RequestClass kind, FaultAction action) {
  ClassCounters& counts = of(kind);
  switch (action) {
    case FaultAction::none:
      return;
    case FaultAction::throttle:
      counts.throttled.fetch_add(1, kRelaxed);
      return;
    case FaultAction::error:
      counts.errors.fetch_add(1, kRelaxed);
      return;
    case FaultAction::reset:
      counts.resets.fetch_add(1, kRelaxed);
      return;
    case FaultAction::truncate:
      counts.truncated.fetch_add(1, kRelaxed);
      return;
    case FaultAction::corrupt:
      counts.corrupted.fetch_add(1, kRelaxed);
      return;
  }
}

void Counters::reset() {
  for (ClassCounters& counts : classes_) {
    for (auto* count : {&counts.requests, &counts.bytes_in, &counts.bytes_out, &counts.refused,
                        &counts.throttled, &counts.errors, &counts.resets, &counts.truncated,
                        &counts.corrupted, &counts.empty_pages})
      count->store(0, kRelaxed);
    counts.in_flight_max.store(counts.in_flight.load(kRelaxed), kRelaxed);
  }
}

std::string Counters::to_json() const {
  std::string json = "{";
  std::uint64_t requests = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  for (std::size_t i = 0; i < kRequestClasses; ++i) {
    const ClassCounters& counts = classes_[i];
    requests += counts.requests.load(kRelaxed);
    bytes_in += counts.bytes_in.load(kRelaxed);
    bytes_out += counts.bytes_out.load(kRelaxed);
    json += fmt::format(
        R"("{}":{{"requests":{},"bytes_in":{},"bytes_out":{},"refused":{},"in_flight_max":{},)"
        R"("injected":{{"throttled":{},"errors":{},"resets":{},"truncated":{},"corrupted":{},)"
        R"("empty_pages":{}}}}},)",
        name_of(static_cast<RequestClass>(i)), counts.requests.load(kRelaxed),
        counts.bytes_in.load(kRelaxed), counts.bytes_out.load(kRelaxed),
        counts.refused.load(kRelaxed), counts.in_flight_max.load(kRelaxed),
        counts.throttled.load(kRelaxed), counts.errors.load(kRelaxed), counts.resets.load(kRelaxed),
        counts.truncated.load(kRelaxed), counts.corrupted.load(kRelaxed),
        counts.empty_pages.load(kRelaxed));
  }
  json += fmt::format(R"("total":{{"requests":{},"bytes_in":{},"bytes_out":{}}}}})", requests,
                      bytes_in, bytes_out);
  return json;
}

}  // namespace shoal::devbucket
