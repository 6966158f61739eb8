// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/md5_many.h"
#include "fetch/read_part.h"
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
  virtual void on_finished(FetchOp& op, Result<void> result) = 0;  // may reuse the op
};

// Absent blocks of one extent on their way: a GET that waits or runs, and the readers that wait for
// it. No block is in two of them (single flight).
//
//   queued (by urgency) --start--> in flight --bytes--> ... --> [arrived: to be checked] -->
//   finished
//     ^                               |                             |
//     '--- given up, or damaged, or out of its time, and somebody still waits
struct FetchOp final : store::BodySink {
  // In the order in which they are started.
  enum class Urgency : std::uint8_t { demand, warm, guess };
  enum class State : std::uint8_t { idle, queued, in_flight, arrived };
  // A reader's piece: bytes [begin, end) of the chunk, copied to `target` (null: to nowhere) when
  // they have arrived.
  struct Waiter {
    ReadPart* part = nullptr;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::byte* target = nullptr;
  };

  explicit FetchOp(FetchHost& op_host) : host(op_host) {}
  Result<void> on_bytes(ByteSpan bytes) override { return host.on_bytes(*this, bytes); }

  FetchHost& host;
  Chunk* chunk = nullptr;
  std::string key;
  store::ETag etag;
  std::uint64_t object_size = 0;
  std::uint64_t object_offset = 0;
  std::uint32_t chunk_offset = 0;   // at a block
  std::uint32_t length = 0;         // to the end of a block or of the extent
  std::uint32_t extent_offset = 0;  // chunk offset of the extent
  std::uint32_t received = 0;

  State state = State::idle;
  Urgency urgency = Urgency::guess;
  bool speculative = false;  // started before anybody had asked
  bool checked = false;      // BodyCheck: no byte is handed out before the last one has come
  bool given_up = false;     // the call was cancelled by us; its end is on the way
  std::uint8_t restarts = 0;
  store::CallId call{};       // in flight
  TimePoint heard_at{};       // last sign of the bucket: the start, or the last bytes
  TimePoint gives_up_at{};    // when the store ends the call
  std::optional<Md5> misfit;  // digest of a body that did not fit the ETag
  std::vector<Waiter> waiters;

  // Places in a queue.
  FetchOp* before = nullptr;
  FetchOp* behind = nullptr;

  [[nodiscard]] std::uint32_t end() const { return chunk_offset + length; }
};

}  // namespace shoal::fetch
