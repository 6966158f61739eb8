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
// KiB in any order.
constexpr std::uint64_t kGapBytes = 256u << 10;
// The kernel sends the pieces of one readahead in any order; a piece that comes late belongs to the
// stream that has passed it.
constexpr std::uint64_t kLateBytes = 1u << 20;
// Waste below this says nothing.
constexpr std::uint64_t kWasteNoiseBytes = 1u << 20;
constexpr std::uint64_t kNoMatch = std::numeric_limits<std::uint64_t>::max();

}  // namespace

WalkOrder::WalkOrder(const WalkOrderOptions& options)
    : options_(options), ceiling_(options.window_bytes_max), reads_needed_(kReadsNeededMin) {}

// How far behind the expected place `begin` is; kNoMatch when it is not of this stream.
std::uint64_t WalkOrder::distance(const Stream& stream, std::uint64_t begin) const {
  if (stream.used_at == 0) return kNoMatch;
  if (begin < stream.next) {
    const bool late = begin + kGapBytes >= stream.begin && stream.next - begin <= kLateBytes;
    return late ? stream.next - begin + kGapBytes : kNoMatch;  // any place ahead matches better
  }
  const std::uint64_t ahead = begin - stream.next;
  // The rest of a chunk stays empty when the next object does not fit into it.
  if (begin == round_up(stream.next, options_.geometry.chunk_bytes))
    return std::min(ahead, kGapBytes);
  const std::uint64_t gap = std::max(kGapBytes, stream.window / 2);
  return ahead <= gap ? ahead : kNoMatch;
}

WalkOrder::Stream* WalkOrder::match(std::uint64_t begin) {
  Stream* best = nullptr;
  std::uint64_t best_distance = kNoMatch;
  for (Stream& stream : streams_) {
    const std::uint64_t far = distance(stream, begin);
    if (far >= best_distance) continue;
    best = &stream;
    best_distance = far;
    if (far == 0) break;
  }
  return best;
}

void WalkOrder::on_read(const ReadSeen& read, std::vector<Range>& proposals) {
  const std::uint64_t begin = read.range.begin.value;
  const std::uint64_t end = round_up(begin + read.range.length, options_.geometry.block_bytes);
  ++tick_;
  Stream* stream = match(begin);
  if (stream == nullptr) {
    start_stream(begin, end);
    return;
  }
  stream->used_at = tick_;
  stream->waited = stream->waited || !read.hit;
  if (end <= stream->next) return;  // late or again: no progress
  stream->next = end;
  stream->reads += 1;
  if (stream->reads >= reads_needed_ || stream->window != 0) propose(*stream, proposals);
}

void WalkOrder::start_stream(std::uint64_t begin, std::uint64_t end) {
  Stream& oldest =
      *std::min_element(streams_.begin(), streams_.end(),
                        [](const Stream& a, const Stream& b) { return a.used_at < b.used_at; });
  // A reader that went away leaves its window unread: known now, long before the bytes are dropped.
  if (oldest.proposed_end > oldest.next) note_waste(oldest.proposed_end - oldest.next);
  oldest = Stream{};
  oldest.begin = begin;
  oldest.next = end;
  oldest.used_at = tick_;
  oldest.reads = 1;
}

void WalkOrder::propose(Stream& stream, std::vector<Range>& proposals) {
  if (stream.window == 0) {
    stream.window = std::min(options_.window_bytes_min, ceiling_);
  }
  stream.proposed_end = std::max(stream.proposed_end, stream.next);
  const std::uint64_t ahead = stream.proposed_end - stream.next;
  if (ahead * 2 > stream.window) return;
  if (stream.waited) stream.window *= 2;
  stream.window = std::min(stream.window, ceiling_);
  stream.waited = false;
  const std::uint64_t end = std::min(stream.next + stream.window, options_.data_end.value);
  if (end <= stream.proposed_end) return;
  proposals.push_back({DataAddress{stream.proposed_end}, end - stream.proposed_end});
  stats_.proposed_bytes += end - stream.proposed_end;
  stream.proposed_end = end;
}

void WalkOrder::on_used(std::uint64_t bytes) {
  stats_.used_bytes += bytes;
  used_lately_ += bytes;
  if (used_lately_ < 4 * wasted_lately_ + ceiling_) return;
  ceiling_ = std::min(ceiling_ * 2, options_.window_bytes_max);
  reads_needed_ = std::max(reads_needed_ / 2, kReadsNeededMin);
  used_lately_ = 0;
  wasted_lately_ = 0;
}

void WalkOrder::on_wasted(const Range& range) {
  stats_.wasted_bytes += range.length;
  for (Stream& stream : streams_) {
    const bool proposed_here = stream.used_at != 0 && range.begin.value >= stream.begin &&
                               range.begin.value < stream.proposed_end;
    if (proposed_here && stream.window > options_.window_bytes_min) stream.window /= 2;
  }
  note_waste(range.length);
}

void WalkOrder::note_waste(std::uint64_t bytes) {
  wasted_lately_ += bytes;
  if (wasted_lately_ < used_lately_ / 2 + kWasteNoiseBytes) return;
  ceiling_ = std::max(ceiling_ / 2, options_.window_bytes_min);
  reads_needed_ = std::min(reads_needed_ * 2, kReadsNeededMax);
  used_lately_ = 0;
  wasted_lately_ = 0;
}

}  // namespace shoal::prefetch
