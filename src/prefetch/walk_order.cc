// SPDX-License-Identifier: Apache-2.0
#include "prefetch/walk_order.h"

#include <algorithm>
#include <limits>

#include "base/bytes.h"

namespace shoal::prefetch {
namespace {

// Two reads in a row happen by chance in a random order, three hardly ever.
constexpr std::uint32_t kReadsNeededMin = 3;
constexpr std::uint32_t kReadsNeededMax = 24;
// A walker may skip some files (`find -name`), and a readahead of the kernel comes in pieces of 128
// KiB in any order. Of a candidate less is forgiven: 64 of them would else cover a small dataset.
constexpr std::uint64_t kGapBytes = 256u << 10;
constexpr std::uint64_t kCandidateGapBytes = 64u << 10;
// The kernel sends the pieces of one readahead in any order; a piece that comes late belongs to the
// stream that has passed it.
constexpr std::uint64_t kLateBytes = 1u << 20;
// A recognised reader that did not come for so many reads of others gives up its slot, and no
// longer shares the total.
constexpr std::uint64_t kIdleReads = 1024;
// `find -name` may leave out three files of four; one that leaves out more is no walker, and is
// looked at so often.
constexpr std::uint64_t kSparseFactor = 4;
constexpr std::uint32_t kReadsPerDensity = 16;
// What a candidate has to itself, in reads of all, before its slot is free again; and how often it
// is lost before that.
constexpr std::uint64_t kCandidateReads = 512;
constexpr std::uint64_t kCandidateLossOneIn = 16;
constexpr std::uint64_t kNoMatch = std::numeric_limits<std::uint64_t>::max();

}  // namespace

WalkOrder::WalkOrder(const WalkOrderOptions& options, Proposals& proposals)
    : options_(options), proposals_(proposals) {
  if (options_.total_bytes_max == 0) options_.total_bytes_max = 2 * options_.window_bytes_max;
}

// How far behind the expected place `begin` is; kNoMatch when it is not of this stream.
std::uint64_t WalkOrder::distance(const Stream& stream, std::uint64_t begin) const {
  if (stream.used_at == 0) return kNoMatch;
  if (begin < stream.next) {
    const bool late = begin + kGapBytes >= stream.begin && stream.next - begin <= kLateBytes;
    return late ? stream.next - begin + kGapBytes : kNoMatch;  // any place ahead matches better
  }
  const std::uint64_t ahead = begin - stream.next;
  if (ahead <= stream.gap) return ahead;
  // The rest of a chunk stays empty when the next object does not fit into it.
  if (begin == round_up(stream.next, options_.geometry.chunk_bytes)) return stream.gap;
  return kNoMatch;
}

template <std::size_t N>
WalkOrder::Stream* WalkOrder::match(std::array<Stream, N>& streams, std::uint64_t begin) const {
  Stream* best = nullptr;
  std::uint64_t best_distance = kNoMatch;
  for (Stream& stream : streams) {
    const std::uint64_t far = distance(stream, begin);
    if (far >= best_distance) continue;
    best = &stream;
    best_distance = far;
    if (far == 0) break;
  }
  return best;
}

bool WalkOrder::on_read(const ReadSeen& read) {
  const std::uint64_t begin = read.range.begin.value;
  const std::uint64_t end = round_up(read.range.end(), options_.geometry.block_bytes);
  ++tick_;
  confidence_.on_read();
  if (last_ == nullptr || last_->next != begin || last_->used_at == 0) {
    last_ = match(streams_, begin);
    if (last_ == nullptr) {
      Stream* candidate = match(candidates_, begin);
      if (candidate == nullptr) {
        start_candidate(begin, end);
        return false;
      }
      go_on(*candidate, begin, end, read.hit);
      if (candidate->reads < confidence_.evidence(kReadsNeededMin, kReadsNeededMax) ||
          is_sparse(*candidate))
        return false;
      last_ = recognise(*candidate);
      if (last_ == nullptr) return false;
      propose(*last_);
      return true;
    }
  }
  Stream& stream = *last_;
  const std::uint64_t before = stream.next;
  go_on(stream, begin, end, read.hit);
  if (stream.next == before) return true;  // late or again: no progress
  if (stream.reads % kReadsPerDensity == 0 && is_sparse(stream)) {
    forget(stream);
    return false;
  }
  propose(stream);
  return true;
}

void WalkOrder::go_on(Stream& stream, std::uint64_t begin, std::uint64_t end, bool hit) {
  stream.used_at = tick_;
  stream.waited = stream.waited || !hit;
  stream.read_bytes += end - begin;
  if (end <= stream.next) return;
  stream.span_bytes += end - stream.next;
  stream.next = end;
  stream.reads += 1;
}

// Leaves out most of what lies on its way: one file of each directory, say.
bool WalkOrder::is_sparse(Stream& stream) {
  const bool is_sparse = stream.read_bytes * kSparseFactor < stream.span_bytes;
  stream.read_bytes /= 2;
  stream.span_bytes /= 2;
  return is_sparse;
}

// What it leaves unread is known now, long before the bytes are dropped.
void WalkOrder::forget(Stream& stream) {
  if (stream.proposed_end > stream.next) confidence_.on_wasted(stream.proposed_end - stream.next);
  stream = Stream{};
}

// A candidate keeps its slot for a while, or none would ever be recognised when more readers come
// in turn than there are slots; but not always, so that random reads do not lock the rest out.
WalkOrder::Stream* WalkOrder::free_candidate() {
  for (Stream& candidate : candidates_)
    if (candidate.used_at == 0 || tick_ - candidate.used_at > kCandidateReads) return &candidate;
  if (rng_.below(kCandidateLossOneIn) != 0) return nullptr;
  return &candidates_[rng_.below(kCandidatesMax)];
}

void WalkOrder::start_candidate(std::uint64_t begin, std::uint64_t end) {
  Stream* free = free_candidate();
  if (free == nullptr) return;
  Stream& slot = *free;
  slot = Stream{};
  slot.begin = begin;
  slot.next = end;
  slot.read_bytes = end - begin;
  slot.span_bytes = end - begin;
  slot.gap = std::max(kCandidateGapBytes, 2 * (end - begin));
  slot.used_at = tick_;
  slot.reads = 1;
}

// Null: all slots belong to readers that are still there.
WalkOrder::Stream* WalkOrder::recognise(Stream& candidate) {
  Stream& oldest =
      *std::min_element(streams_.begin(), streams_.end(),
                        [](const Stream& a, const Stream& b) { return a.used_at < b.used_at; });
  if (oldest.used_at != 0 && tick_ - oldest.used_at < kIdleReads) return nullptr;
  forget(oldest);
  oldest = candidate;
  oldest.gap = kGapBytes;
  candidate = Stream{};
  return &oldest;
}

// What one window may hold, so that all together stay below the total.
std::uint64_t WalkOrder::share() const {
  std::uint64_t active = 0;
  for (const Stream& stream : streams_)
    active += stream.used_at != 0 && tick_ - stream.used_at < kIdleReads;
  const std::uint64_t fair = options_.total_bytes_max / std::max<std::uint64_t>(active, 1);
  return std::min(std::max(fair, options_.window_bytes_min), window_bytes_ceiling());
}

std::uint64_t WalkOrder::outstanding_bytes() const {
  std::uint64_t bytes = 0;
  for (const Stream& stream : streams_)
    if (stream.proposed_end > stream.next) bytes += stream.proposed_end - stream.next;
  return bytes;
}

void WalkOrder::propose(Stream& stream) {
  if (confidence_.is_silent()) return;
  if (stream.window == 0) stream.window = options_.window_bytes_min;
  stream.proposed_end = std::max(stream.proposed_end, stream.next);
  const std::uint64_t ahead = stream.proposed_end - stream.next;
  if (ahead * 2 > stream.window) return;
  if (stream.waited) stream.window *= 2;
  stream.window = std::min(stream.window, share());
  const std::uint64_t end = std::min(stream.next + stream.window, options_.data_end.value);
  if (end > stream.proposed_end) stream.proposed_end = propose_until(stream, end);
  stream.waited = false;
}

// Proposes [stream.proposed_end, end), or its beginning; returns where that ends. Leaves out what
// another reader has read or was given already (the slice of the next process of `xargs`), unless
// this reader waits inside all the same: then it is gone again.
std::uint64_t WalkOrder::propose_until(const Stream& stream, std::uint64_t end) {
  const std::uint64_t begin = stream.proposed_end;
  for (const Stream& other : streams_) {
    if (&other == &stream || other.used_at == 0 || tick_ - other.used_at >= kIdleReads) continue;
    const std::uint64_t other_end = std::max(other.proposed_end, other.next);
    const bool waits_inside = stream.waited && stream.next > other.begin;
    if (begin >= other.begin && begin < other_end && !waits_inside) return begin;
    if (other.begin > begin && other.begin < end) end = other.begin;
  }
  const std::uint64_t outstanding = outstanding_bytes();
  if (outstanding >= options_.total_bytes_max) return stream.proposed_end;
  end = std::min(end, begin + options_.total_bytes_max - outstanding);
  if (begin >= end) return begin;
  proposals_.propose({DataAddress{begin}, end - begin});
  stats_.proposed_bytes += end - begin;
  return end;
}

void WalkOrder::on_used(const Range& range) {
  stats_.used_bytes += range.length;
  confidence_.on_used(range.length);
}

void WalkOrder::on_wasted(const Range& range) {
  stats_.wasted_bytes += range.length;
  for (Stream& stream : streams_) {
    const bool proposed_here = stream.used_at != 0 && range.begin.value >= stream.begin &&
                               range.begin.value < stream.proposed_end;
    if (proposed_here && stream.window > options_.window_bytes_min) stream.window /= 2;
  }
  confidence_.on_wasted(range.length);
}

}  // namespace shoal::prefetch
