// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <optional>
#include <string>
#include <vector>

#include "fetch/read_part.h"
#include "store/encoding.h"
#include "store/object_store.h"

namespace shoal::fetch {

struct Chunk;
struct FetchOp;

// Who started a fetch and gets what comes of it. confined.
class FetchHost {
 public:
  virtual ~FetchHost() = default;
  // Makes room for the op's bytes; false: not now, and the host pumps the queue when that changes.
  [[nodiscard]] virtual bool prepare(FetchOp& op) = 0;
  virtual Result<void> on_bytes(FetchOp& op, ByteSpan bytes) = 0;
  virtual void on_finished(FetchOp& op, Result<void> result) = 0;  // may destroy the op
};

// One extent on its way: a GET that waits or runs, and the readers that wait for it. There is never
// more than one for an extent (single flight).
struct FetchOp final : store::BodySink {
  enum class State : std::uint8_t { queued_prefetch, queued_demand, in_flight };
  // A reader's piece: bytes [begin, end) of the chunk, copied to `target` when they have arrived.
  struct Waiter {
    ReadPart* part = nullptr;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::byte* target = nullptr;
  };

  FetchOp(FetchHost& op_host, Chunk& op_chunk) : host(op_host), chunk(op_chunk) {}
  Result<void> on_bytes(ByteSpan bytes) override { return host.on_bytes(*this, bytes); }

  FetchHost& host;
  Chunk& chunk;
  std::string key;
  store::ETag etag;
  std::uint64_t object_size = 0;
  std::uint64_t object_offset = 0;
  std::uint32_t chunk_offset = 0;
  std::uint32_t length = 0;
  std::uint32_t received = 0;
  State state = State::queued_prefetch;
  bool is_queued = false;    // has been handed to the queue
  bool speculative = false;  // started before anybody had asked
  // Under check (BodyCheck): no byte is handed out before the last one has come.
  std::optional<store::Md5> digest;
  std::string misfit;  // digest of a body that did not fit the ETag
  std::vector<Waiter> waiters;
  std::list<FetchOp*>::iterator queued_at;

  [[nodiscard]] std::uint32_t end() const { return chunk_offset + length; }
};

}  // namespace shoal::fetch
