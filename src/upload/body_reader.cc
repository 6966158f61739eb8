// SPDX-License-Identifier: Apache-2.0
#include "upload/body_reader.h"

#include <algorithm>
#include <chrono>

#include "base/bytes.h"
#include "base/crc64.h"
#include "store/encoding.h"

namespace shoal::upload {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kGroupMax = 16;                // lanes of AVX-512
constexpr std::size_t kLanesWorthIt = 3;             // below, one after the other is as fast
constexpr std::uint64_t kGroupBytesMax = 64u << 20;  // of a group: parts are to be sent soon
// Kernels before 6.13 stamp files with the time of the last tick, 10 ms at most (HZ=100).
constexpr auto kClockStep = 20ms;
// A time without a fraction: the file system may keep seconds (two of them: FAT).
constexpr auto kCoarseClockStep = 2s;

}  // namespace

bool is_young(const sys::FileIdentity& identity, WallTime now) {
  const std::int64_t age_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count() -
      std::max(identity.mtime_ns, identity.ctime_ns);
  const bool is_coarse =
      identity.mtime_ns % 1'000'000'000 == 0 && identity.ctime_ns % 1'000'000'000 == 0;
  const std::chrono::nanoseconds step = is_coarse ? kCoarseClockStep : kClockStep;
  // Times far ahead are somebody else's clock, and no sign of youth.
  return age_ns < step.count() && age_ns > -step.count();
}

void BodyReader::read_file(const std::filesystem::path& path, std::uint64_t bytes_max, Done done) {
  submit({.path = path, .length = bytes_max, .done = std::move(done)});
}

void BodyReader::read_part(const File& file, std::uint64_t offset, std::uint64_t length,
                           Done done) {
  Request request{.offset = offset, .length = length, .done = std::move(done)};
  request.result->from = file;
  submit(std::move(request));
}

void BodyReader::take_bytes(std::string bytes, Done done) {
  submit({.length = bytes.size(), .bytes = std::move(bytes), .done = std::move(done)});
}

void BodyReader::submit(Request request) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(request));
  }
  workers_.post([this] { work(); });
}

// Each thread takes its share of what waits, so that none is idle while another has a heap.
std::vector<BodyReader::Request> BodyReader::take_group() {
  const std::lock_guard lock(mutex_);
  std::vector<Request> group;
  const std::size_t share = std::min(kGroupMax, (waiting_.size() + threads_ - 1) / threads_);
  std::uint64_t bytes = 0;
  while (group.size() < share && (group.empty() || bytes < kGroupBytesMax)) {
    bytes += waiting_.front().length;
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return group;
}

void BodyReader::work() {
  auto group = take_group();
  if (group.empty()) return;
  for (Request& request : group) load(request);
  hash(group);
  executor_.post([group = std::move(group)]() mutable {
    for (Request& request : group) request.done(std::move(request.result));
  });
}

void BodyReader::load(Request& request) const {
  Result<void> loaded;
  if (!request.path.empty()) {
    loaded = load_whole(request);
  } else if (request.result->from.file) {
    loaded = load_piece(request);
  } else {
    Body& body = request.result->body;
    body.size = request.bytes.size();
    body.bytes = std::make_unique_for_overwrite<std::byte[]>(body.size);
    std::ranges::copy(as_bytes(request.bytes), body.bytes.get());
  }
  if (!loaded) request.result = fail(std::move(loaded).error());
}

Result<void> BodyReader::load_whole(Request& request) const {
  Loaded& loaded = *request.result;
  SHOAL_TRY(auto file, sys::open_regular(request.path));
  SHOAL_TRY(loaded.from.identity, sys::identity_of(file));
  loaded.from.file = std::make_shared<const sys::File>(std::move(file));
  loaded.from.is_young = is_young(loaded.from.identity, executor_.clock().wall_now());
  loaded.is_too_large = loaded.from.identity.size > request.length;
  if (loaded.from.is_young || loaded.is_too_large) return {};
  request.offset = 0;
  request.length = loaded.from.identity.size;
  SHOAL_CHECK_OK(load_piece(request));
  // Read at once, so that a change of any time is a reason to read it again.
  SHOAL_TRY(const auto after, sys::identity_of(*loaded.from.file));
  if (after != loaded.from.identity) {
    loaded.has_changed = true;
    loaded.body = {};
  }
  return {};
}

Result<void> BodyReader::load_piece(Request& request) const {
  Loaded& loaded = *request.result;
  Body& body = loaded.body;
  const sys::File& file = *loaded.from.file;
  body.bytes = std::make_unique_for_overwrite<std::byte[]>(request.length);
  SHOAL_TRY(body.size, sys::read_up_to(file, request.offset, {body.bytes.get(), request.length}));
  SHOAL_TRY(const auto after, sys::identity_of(file));
  // The change time alone moves when a name is taken from the file, which leaves its bytes alone;
  // whoever sends a file in parts looks at that before it completes them.
  loaded.has_changed = body.size != request.length || after.size != loaded.from.identity.size ||
                       after.mtime_ns != loaded.from.identity.mtime_ns;
  if (loaded.has_changed) body = {};
  return {};
}

void BodyReader::hash(std::vector<Request>& group) const {
  std::vector<ByteSpan> messages;
  std::vector<Body*> bodies;
  for (Request& request : group) {
    if (!request.result || !request.result->body.bytes) continue;
    bodies.push_back(&request.result->body);
    messages.push_back(bodies.back()->span());
  }
  std::vector<Md5> digests(messages.size());
  if (messages.size() >= kLanesWorthIt)
    md5_many(messages, digests);
  else
    for (std::size_t i = 0; i < messages.size(); ++i)
      std::ranges::copy(as_bytes(store::md5(as_text(messages[i]))), digests[i].begin());
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    bodies[i]->md5 = digests[i];
    if (with_crc64_) bodies[i]->crc64 = crc64_xz(messages[i]);
  }
}

}  // namespace shoal::upload
