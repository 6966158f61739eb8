// SPDX-License-Identifier: Apache-2.0
#include "sim/support/oracle_store.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "store/encoding.h"

namespace shoal::sim {
namespace {

std::uint64_t mix(std::uint64_t value) {
  Rng rng(value);
  return rng.next();
}

}  // namespace

std::byte oracle_byte(std::uint64_t object, std::uint32_t version, std::uint64_t offset) {
  const std::uint64_t word = mix(mix(object * 64 + version) + offset / 8);
  // Never zero, so that a gap or a hole cannot pass for content.
  return static_cast<std::byte>(1 + (word >> (offset % 8 * 8) & 0xff) % 255);
}

void oracle_fill(std::uint64_t object, std::uint32_t version, std::uint64_t offset,
                 MutableByteSpan target) {
  const std::uint64_t base = mix(object * 64 + version);
  for (std::size_t i = 0; i < target.size();) {
    const std::uint64_t word = mix(base + (offset + i) / 8);
    for (std::uint64_t lane = (offset + i) % 8; lane < 8 && i < target.size(); ++lane, ++i)
      target[i] = static_cast<std::byte>(1 + (word >> (lane * 8) & 0xff) % 255);
  }
}

store::ETag OracleObject::etag() const {
  switch (etag_kind) {
    case ETagKind::number:
      break;
    case ETagKind::md5: {
      std::string content(size, '\0');
      oracle_fill(number, version, 0, std::as_writable_bytes(std::span(content)));
      return store::hex(store::md5(content));
    }
    case ETagKind::random_hex:
      return store::hex(store::md5(std::to_string(number)));
  }
  return std::to_string(number) + "-v" + std::to_string(version);
}

struct OracleStore::Call {
  std::uint64_t id = 0;
  store::GetRequest request;
  store::BodySink* sink = nullptr;
  store::Done<void> done;
  OracleObject object;
  std::uint64_t sent = 0;
  std::uint64_t fail_at = ~std::uint64_t{0};
  bool ended = false;
};

OracleStore::~OracleStore() {
  SHOAL_ASSERT(calls_.empty());
}

store::CallId OracleStore::get(const store::GetRequest& request, store::BodySink& sink,
                               store::Done<void> done) {
  bucket_.gets.fetch_add(1);
  const std::uint64_t now_in_flight = bucket_.in_flight.fetch_add(1) + 1;
  std::uint64_t seen = bucket_.in_flight_max.load();
  while (seen < now_in_flight &&
         !bucket_.in_flight_max.compare_exchange_weak(seen, now_in_flight)) {
  }
  auto call = std::make_shared<Call>();
  call->id = ++calls_made_;
  call->request = request;
  call->sink = &sink;
  call->done = std::move(done);
  note_request(*call);
  calls_[call->id] = call;
  Duration delay = behaviour_.delay_min;
  const auto spread = (behaviour_.delay_max - behaviour_.delay_min).count();
  if (spread > 0)
    delay += Duration(static_cast<Duration::rep>(rng_.below(static_cast<std::uint64_t>(spread))));
  const store::CallId id{call->id};
  if (behaviour_.outage) {
    executor_.post([this, call] {
      if (!call->ended)
        end(call, fail(Error(ErrorCode::unavailable, "GET " + call->request.key + ": outage")
                           .with_retry(Retry::yes)));
    });
    return id;
  }
  if (rng_.unit() < behaviour_.hang) {
    // Only its own deadline ends it.
    if (request.deadline > Duration::zero())
      executor_.after(request.deadline, [this, call] {
        if (!call->ended)
          end(call, fail(ErrorCode::timeout, "GET " + call->request.key + ": no answer"));
      });
    return id;
  }
  if (rng_.unit() < behaviour_.fail)
    call->fail_at = rng_.below(2) == 0 ? 0 : rng_.below(request.length);
  executor_.after(delay, [this, call] { answer(call); });
  return id;
}

// Before the call is in the table.
void OracleStore::note_request(const Call& call) {
  const store::GetRequest& request = call.request;
  if (bucket_.log != nullptr) bucket_.log->push_back({request.key, request.offset, request.length});
  if (!bucket_.watch_overlaps) return;
  for (const auto& [id, other] : calls_)
    if (!other->ended && other->request.key == request.key &&
        request.offset < other->request.offset + other->request.length &&
        other->request.offset + other->sent < request.offset + request.length)
      bucket_.overlapping.fetch_add(1);
}

void OracleStore::answer(const CallPtr& call) {
  if (call->ended) return;
  const auto found = bucket_.objects.find(call->request.key);
  if (found == bucket_.objects.end()) {
    end(call, fail(ErrorCode::not_found, "GET " + call->request.key + ": no such key"));
    return;
  }
  call->object = found->second;
  if (!call->request.if_match.empty() && call->request.if_match != call->object.etag()) {
    end(call, fail(ErrorCode::precondition, "GET " + call->request.key + ": the ETag differs"));
    return;
  }
  if (call->request.object_size != call->object.size) bucket_.ranged_whole_objects.fetch_add(1);
  SHOAL_ASSERT(call->request.offset + call->request.length <= call->object.size);
  go_on(call);
}

void OracleStore::go_on(const CallPtr& call) {
  if (call->ended) return;
  const std::uint64_t left = call->request.length - call->sent;
  std::uint64_t count = behaviour_.piece_bytes == 0 ? left : std::min(left, behaviour_.piece_bytes);
  const bool fails = call->fail_at <= call->sent + count;
  if (fails) count = call->fail_at > call->sent ? call->fail_at - call->sent : 0;
  std::vector<std::byte> bytes(count);
  oracle_fill(call->object.number, call->object.version, call->request.offset + call->sent, bytes);
  const bool is_whole = call->request.offset == 0 && call->request.length == call->object.size;
  if (count > 0 && call->sent == 0 && behaviour_.damaged > 0 && is_whole) {
    bytes[call->id % count] ^= std::byte{1} << static_cast<int>(call->id / count % 8);
    behaviour_.damaged -= 1;
  }
  if (count > 0) {
    auto taken = call->sink->on_bytes(bytes);
    if (call->ended) return;  // the sink gave it up
    if (!taken) {
      end(call, std::move(taken));
      return;
    }
  }
  call->sent += count;
  if (fails)
    end(call, fail(ErrorCode::unavailable, "GET " + call->request.key + ": injected failure"));
  else if (call->sent == call->request.length)
    end(call, {});
  else
    executor_.after(behaviour_.piece_delay, [this, call] { go_on(call); });
}

void OracleStore::end(const CallPtr& call, Result<void> result) {
  call->ended = true;
  calls_.erase(call->id);
  bucket_.in_flight.fetch_sub(1);
  auto done = std::move(call->done);
  done(std::move(result));
}

// No more bytes come from here on; `done` runs in a later task.
void OracleStore::give_up(const CallPtr& call) {
  if (call->ended) return;
  call->ended = true;
  executor_.post([this, call] {
    end(call, fail(ErrorCode::canceled, "GET " + call->request.key + ": given up by the caller"));
  });
}

void OracleStore::cancel(store::CallId call) {
  const auto found = calls_.find(call.value);
  if (found != calls_.end()) give_up(found->second);
}

void OracleStore::cancel_all() {
  for (const auto& [id, call] : calls_) give_up(call);
}

template <typename T>
void OracleStore::refuse(store::Done<T> done) {
  bucket_.other_calls.fetch_add(1);
  executor_.post([done = std::move(done)]() mutable {
    done(fail(ErrorCode::unsupported, "the simulated bucket can only be read"));
  });
}

void OracleStore::head(const std::string&, store::Done<store::ObjectInfo> done) {
  refuse(std::move(done));
}
void OracleStore::list(const store::ListRequest&, store::Done<store::ListPage> done) {
  refuse(std::move(done));
}
void OracleStore::put(const store::PutRequest&, store::Done<store::PutResult> done) {
  refuse(std::move(done));
}
void OracleStore::create_upload(const std::string&, const std::string&,
                                store::Done<store::UploadId> done) {
  refuse(std::move(done));
}
void OracleStore::upload_part(const store::UploadId&, std::uint32_t, ByteSpan,
                              const store::BodyChecks&, store::Done<store::UploadedPart> done) {
  refuse(std::move(done));
}
void OracleStore::complete_upload(const store::CompleteRequest&,
                                  store::Done<store::PutResult> done) {
  refuse(std::move(done));
}
void OracleStore::abort_upload(const store::UploadId&, store::Done<void> done) {
  refuse(std::move(done));
}
void OracleStore::list_uploads(const store::ListUploadsRequest&,
                               store::Done<store::UploadsPage> done) {
  refuse(std::move(done));
}
void OracleStore::append(const std::string&, std::uint64_t, ByteSpan, const store::BodyChecks&,
                         store::Done<store::AppendResult> done) {
  refuse(std::move(done));
}
void OracleStore::remove(const std::string&, store::Done<void> done) {
  refuse(std::move(done));
}
void OracleStore::copy(const std::string&, const std::string&, store::Done<store::PutResult> done) {
  refuse(std::move(done));
}

}  // namespace shoal::sim
