// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/duration_histogram.h"
#include "base/result.h"
#include "shoal/activity.h"

namespace shoal::store {

// The kinds of request a bucket gets, as monitoring names them.
enum class RequestKind : std::uint8_t {
  get,
  head,
  list,
  put,
  create_upload,
  upload_part,
  complete_upload,
  abort_upload,
  list_uploads,
  append,
  remove,
  copy,
};
inline constexpr std::array<std::string_view, 12> kRequestKinds{"get",
                                                                "head",
                                                                "list",
                                                                "put",
                                                                "create_upload",
                                                                "upload_part",
                                                                "complete_upload",
                                                                "abort_upload",
                                                                "list_uploads",
                                                                "append",
                                                                "delete",
                                                                "copy"};

// What the store of one thread has done, besides what it was asked for. The thread counts, anybody
// reads: relaxed, nothing is ordered by these numbers. synchronized.
struct alignas(64) StoreCounters {
  std::atomic<std::uint64_t> hedges_sent{0};  // second tries of a GET that was late
  std::atomic<std::uint64_t> hedges_won{0};   // those that ended first

  struct Requests {
    std::array<std::atomic<std::uint64_t>, kRequestCodes.size()> by_code{};
    DurationHistogram durations;
  };
  std::array<Requests, kRequestKinds.size()> requests{};
  std::array<std::atomic<std::uint64_t>, kRetryReasons.size()> retries{};
  std::atomic<std::uint64_t> received_bytes{0};
  std::atomic<std::uint64_t> sent_bytes{0};

  // `status`: of the answer; 0: none came.
  void on_request(RequestKind kind, int status, Duration duration) noexcept;
  void on_given_up(RequestKind kind) noexcept;
  void on_retry(ErrorCode reason) noexcept;

  // Adds these to `total`, whose ops are then the kinds asked for, in their order.
  void add_to(StoreActivity& total, std::span<const RequestKind> kinds) const;
};

}  // namespace shoal::store
