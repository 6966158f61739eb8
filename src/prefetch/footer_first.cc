// SPDX-License-Identifier: Apache-2.0
#include "prefetch/footer_first.h"

#include <algorithm>
#include <bit>

#include "base/bytes.h"

namespace shoal::prefetch {
namespace {

// The last block, or the last pieces of a readahead.
constexpr std::uint64_t kTailBytes = 256u << 10;
// What holds the table of contents of nearly all files.
constexpr std::uint64_t kFooterBytes = 64u << 10;
// A first guess at a column; the last is as long as a chunk.
constexpr std::uint64_t kColumnBytesMin = 512u << 10;
constexpr std::uint32_t kFootersNeededMin = 2;  // of eight
constexpr std::uint32_t kFootersNeededMax = 6;

}  // namespace

FooterFirst::File* FooterFirst::find(std::uint64_t address) {
  for (File& file : files_)
    if (address >= file.begin && address < file.end) return &file;
  return nullptr;
}

bool FooterFirst::on_read(const ReadSeen& read) {
  ++tick_;
  confidence_.on_read();
  File* file = find(read.range.begin.value);
  if (file == nullptr) return false;
  file->used_at = tick_;
  if (!file->is_footer_first) return false;
  go_on(*file, read);
  return true;
}

bool FooterFirst::on_file(const ReadSeen& read, const CatalogFile& file) {
  if (file.length == 0) return false;
  if (File* known = find(read.range.begin.value)) {
    // Read already while the answer was on its way.
    known->used_at = tick_;
    return known->is_footer_first;
  }
  File& seen = begin_file(read, file);
  if (seen.is_footer_first) go_on(seen, read);
  return seen.is_footer_first;
}

FooterFirst::File& FooterFirst::begin_file(const ReadSeen& read, const CatalogFile& file) {
  File& slot = *std::min_element(files_.begin(), files_.end(), [](const File& a, const File& b) {
    return a.used_at < b.used_at;
  });
  const std::uint64_t block = options_.geometry.block_bytes;
  slot = File{};
  slot.begin = file.begin.value;
  slot.end = round_up(file.begin.value + file.length, block);
  slot.used_at = tick_;
  const bool is_footer = read.range.begin.value >= slot.begin + block &&
                         read.range.begin.value + kTailBytes >= slot.end &&
                         read.range.end() + block > slot.end;
  begun_ = static_cast<std::uint8_t>(begun_ << 1 | (is_footer ? 1 : 0));
  const auto footers = static_cast<std::uint32_t>(std::popcount(begun_));
  slot.is_footer_first = is_footer && !confidence_.is_silent() &&
                         footers >= confidence_.evidence(kFootersNeededMin, kFootersNeededMax);
  slot.ahead = kColumnBytesMin;
  return slot;
}

void FooterFirst::go_on(File& file, const ReadSeen& read) {
  const std::uint64_t begin = read.range.begin.value;
  const std::uint64_t end =
      std::min(round_up(read.range.end(), options_.geometry.block_bytes), file.end);
  const bool is_first = file.next == 0;
  file.unread -= std::min(file.unread, end - begin);
  const bool goes_on = !is_first && begin == file.next;
  file.next = end;
  if (file.end - file.begin <= options_.geometry.chunk_bytes) {
    if (is_first) propose(file, file.begin, file.end);
    return;
  }
  if (is_first) {
    propose(file, std::max(file.begin, file.end - kFooterBytes), file.end);
    return;
  }
  // Inside what was asked for last, with half of it still ahead.
  const bool is_inside = begin >= file.proposed_begin && end <= file.proposed_end;
  if (is_inside && file.proposed_end - end >= file.ahead / 2) return;
  if (goes_on || is_inside)
    file.ahead = std::min<std::uint64_t>(
        file.ahead * 2, confidence_.ceiling(kColumnBytesMin, options_.geometry.chunk_bytes));
  else
    file.ahead = kColumnBytesMin;
  const std::uint64_t from = is_inside ? file.proposed_end : begin;
  propose(file, from, std::min(end + file.ahead, file.end));
}

void FooterFirst::propose(File& file, std::uint64_t begin, std::uint64_t end) {
  if (begin >= end || confidence_.is_silent()) return;
  if (outstanding_bytes() + (end - begin) > options_.window_bytes_max) return;
  if (begin != file.proposed_end) file.proposed_begin = begin;
  file.proposed_end = end;
  file.unread += end - begin;
  stats_.proposed_bytes += end - begin;
  proposals_.propose({DataAddress{begin}, end - begin});
}

std::uint64_t FooterFirst::outstanding_bytes() const {
  std::uint64_t bytes = 0;
  for (const File& file : files_) bytes += file.unread;
  return bytes;
}

void FooterFirst::on_used(const Range& range) {
  stats_.used_bytes += range.length;
  confidence_.on_used(range.length);
}

void FooterFirst::on_wasted(const Range& range) {
  stats_.wasted_bytes += range.length;
  confidence_.on_wasted(range.length);
}

}  // namespace shoal::prefetch
