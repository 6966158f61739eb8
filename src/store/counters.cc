// SPDX-License-Identifier: Apache-2.0
#include "store/counters.h"

namespace shoal::store {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// Places in kRequestCodes.
constexpr std::size_t kNoAnswer = 4;
constexpr std::size_t kGivenUp = 5;

std::size_t code_of(int status) {
  if (status < 200 || status >= 600) return kNoAnswer;
  return static_cast<std::size_t>(status / 100 - 2);
}

// A place in kRetryReasons.
std::size_t reason_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::throttled:
      return 0;
    case ErrorCode::timeout:
      return 1;
    case ErrorCode::unavailable:
      return 2;
    case ErrorCode::corrupt:
      return 3;
    default:
      return 4;
  }
}

}  // namespace

void StoreCounters::on_request(RequestKind kind, int status, Duration duration) noexcept {
  Requests& of_kind = requests[static_cast<std::size_t>(kind)];
  of_kind.by_code[code_of(status)].fetch_add(1, kRelaxed);
  of_kind.durations.add(duration);
}

void StoreCounters::on_given_up(RequestKind kind) noexcept {
  requests[static_cast<std::size_t>(kind)].by_code[kGivenUp].fetch_add(1, kRelaxed);
}

void StoreCounters::on_retry(ErrorCode reason) noexcept {
  retries[reason_of(reason)].fetch_add(1, kRelaxed);
}

void StoreCounters::add_to(StoreActivity& total, std::span<const RequestKind> kinds) const {
  total.ops.resize(kinds.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const auto kind = static_cast<std::size_t>(kinds[i]);
    StoreActivity::Op& op = total.ops[i];
    op.name = kRequestKinds[kind];
    for (std::size_t code = 0; code < op.by_code.size(); ++code)
      op.by_code[code] += requests[kind].by_code[code].load(kRelaxed);
    op.durations += requests[kind].durations.counts();
  }
  for (std::size_t i = 0; i < retries.size(); ++i) total.retries[i] += retries[i].load(kRelaxed);
  total.received_bytes += received_bytes.load(kRelaxed);
  total.sent_bytes += sent_bytes.load(kRelaxed);
}

}  // namespace shoal::store
