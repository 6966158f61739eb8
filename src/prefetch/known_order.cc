// SPDX-License-Identifier: Apache-2.0
#include "prefetch/known_order.h"

#include <algorithm>

namespace shoal::prefetch {
namespace {

// Sixteen readers that take the next file each stay that close to each other; workers that take a
// batch each should be further apart.
constexpr std::uint64_t kJitterFiles = 24;
// Less is forgiven to a cursor that is not believed yet: 24 of them would else collect random
// reads.
constexpr std::uint64_t kCandidateJitterFiles = 8;
constexpr std::size_t kCandidatesMax = 24;
constexpr std::uint32_t kReadsToBelieveMin = 3;
constexpr std::uint32_t kReadsToBelieveMax = 24;
constexpr std::uint8_t kPassMax = 127;
constexpr std::uint32_t kStrikesMax = 64;
constexpr std::uint32_t kReadsAgainForPass = 3;
// A cursor without a read for so many reads of others belongs to a reader that went away.
constexpr std::uint64_t kIdleReads = 4096;
// How far a cursor may skip over files that others have read.
constexpr std::uint64_t kSkipFilesMax = 8192;
constexpr std::uint64_t kSkipFilesPerRead = 512;
// Replay: 60 % of 200 must come true.
constexpr std::uint64_t kPeriodFiles = 200;
constexpr std::uint64_t kUsedPercentMin = 60;

LookaheadOptions lookahead_options(const KnownOrderOptions& options) {
  LookaheadOptions ahead;
  ahead.window_bytes_max = options.window_bytes_max;
  // Sixteen workers with batches of 64 leave so many open. A replay stops sooner when less is.
  ahead.behind_files_max = options.stop_when_failing ? 64 : 1024;
  // Or a window that holds all of a small trace would never see a file passed.
  ahead.behind_grows = !options.stop_when_failing;
  ahead.window_bytes_min = std::min(ahead.window_bytes_min, options.window_bytes_max);
  return ahead;
}

}  // namespace

KnownOrder::KnownOrder(const KnownOrderOptions& options, std::shared_ptr<Order> order,
                       Proposals& proposals)
    : options_(options), order_(std::move(order)), proposals_(proposals) {
  cursors_.reserve(kCursorsMax);
  if (!options_.begin_at_once || order_->size() == 0) return;
  Cursor& cursor = cursors_.emplace_back(lookahead_options(options_));
  cursor.is_believed = true;
  refill(cursor);
}

bool KnownOrder::on_read(const ReadSeen& read) {
  if (is_stopped_) return false;
  ++tick_;
  confidence_.on_read();
  if (tick_ % kIdleReads == 0) drop_idle();
  if (read_of_proposed(read)) return !is_stopped_;
  if (is_recent(read.range.begin)) return true;
  const auto ordinal = locate(read);
  if (!ordinal) return false;
  const Range file = order_->at(*ordinal);
  recent_[recent_next_++ % recent_.size()] = {file.begin.value, file.end(),
                                              read.range.begin == file.begin};
  Cursor* nearest = near(*ordinal);
  Cursor& cursor = nearest != nullptr ? *nearest : start_cursor(*ordinal);
  if (cursor.is_believed && !read.hit) cursor.ahead.note_wait();
  note_again(cursor, *ordinal);
  const bool is_claimed = cursor.is_believed && *ordinal <= cursor.next + kCandidateJitterFiles;
  go_on(cursor, *ordinal);
  if (++cursor.strikes == kStrikesMax && cursors_.size() > 1)
    drop(static_cast<std::size_t>(&cursor - cursors_.data()));
  return is_claimed && !is_stopped_;
}

bool KnownOrder::read_of_proposed(const ReadSeen& read) {
  for (Cursor& cursor : cursors_) {
    const auto hit = cursor.ahead.on_read(read);
    if (!hit) continue;
    cursor.used_at = tick_;
    cursor.strikes = 0;
    cursor.reads_again = 0;
    if (hit->is_first) {
      note_read(hit->tag);
      go_on(cursor, hit->tag);
    }
    return true;
  }
  return false;
}

// Another piece of such a file. Its first byte once more is another reading of it.
bool KnownOrder::is_recent(DataAddress address) {
  for (Recent& file : recent_) {
    if (address.value < file.begin || address.value >= file.end) continue;
    const bool is_begin = address.value == file.begin;
    if (is_begin && file.is_begun) return false;
    file.is_begun = file.is_begun || is_begin;
    return true;
  }
  return false;
}

std::optional<std::uint64_t> KnownOrder::locate(const ReadSeen& read) {
  const std::uint64_t size = order_->size();
  for (const Cursor& cursor : cursors_) {
    if (cursor.next >= size) continue;
    const Range file = order_->at(cursor.next);
    if (read.range.begin.value >= file.begin.value && read.range.begin.value < file.end())
      return cursor.next;
  }
  return order_->find(read.range.begin, order_->position());
}

KnownOrder::Cursor* KnownOrder::near(std::uint64_t ordinal) {
  Cursor* nearest = nullptr;
  std::uint64_t nearest_distance = kJitterFiles + 1;
  for (Cursor& cursor : cursors_) {
    const std::uint64_t distance =
        ordinal > cursor.next ? ordinal - cursor.next : cursor.next - ordinal;
    const bool is_far = ordinal < cursor.next || distance > kCandidateJitterFiles;
    if (distance >= nearest_distance || (!cursor.is_believed && is_far)) continue;
    nearest = &cursor;
    nearest_distance = distance;
  }
  return nearest;
}

// In place of the candidate, or the cursor, that was used least recently, when there are too many.
KnownOrder::Cursor& KnownOrder::start_cursor(std::uint64_t ordinal) {
  const bool is_first = tick_ == 1;
  const auto candidates = static_cast<std::size_t>(std::count_if(
      cursors_.begin(), cursors_.end(), [](const Cursor& c) { return !c.is_believed; }));
  if (candidates >= kCandidatesMax || cursors_.size() == kCursorsMax) {
    const bool among_candidates = candidates > 0;
    std::size_t oldest = cursors_.size();
    for (std::size_t i = 0; i < cursors_.size(); ++i)
      if (cursors_[i].is_believed != among_candidates &&
          (oldest == cursors_.size() || cursors_[i].used_at < cursors_[oldest].used_at))
        oldest = i;
    drop(oldest);
  }
  Cursor& cursor = cursors_.emplace_back(lookahead_options(options_));
  cursor.next = ordinal;
  cursor.proposed = ordinal;
  cursor.is_believed = is_first;
  share_window();
  return cursor;
}

// A read of a file that was not proposed. If it, and the two before it, were read in this pass
// already, a new pass has begun.
void KnownOrder::note_again(Cursor& cursor, std::uint64_t ordinal) {
  if (note_read(ordinal)) {
    cursor.reads_again = 0;
    return;
  }
  if (++cursor.reads_again < kReadsAgainForPass) return;
  cursor.reads_again = 0;
  begin_pass();
  note_read(ordinal);
  cursor.proposed = ordinal + 1;
}

void KnownOrder::go_on(Cursor& cursor, std::uint64_t ordinal) {
  cursor.used_at = tick_;
  cursor.reads += 1;
  cursor.next = std::max(cursor.next, ordinal + 1);
  if (!cursor.is_believed &&
      cursor.reads >= confidence_.evidence(kReadsToBelieveMin, kReadsToBelieveMax)) {
    cursor.is_believed = true;
    share_window();
  }
  count_outcomes(cursor);
  update_position();
  if (cursor.is_believed && !is_stopped_ && !confidence_.is_silent()) refill(cursor);
}

// False: it was read or proposed in this pass.
bool KnownOrder::note_proposed(std::uint64_t ordinal) {
  std::uint8_t& seen = seen_at(ordinal);
  if (seen >> 1 == pass_) return false;
  seen = static_cast<std::uint8_t>(pass_ << 1);
  return true;
}

// False: it was read in this pass.
bool KnownOrder::note_read(std::uint64_t ordinal) {
  std::uint8_t& seen = seen_at(ordinal);
  const bool was_read = seen == (pass_ << 1 | 1);
  seen = static_cast<std::uint8_t>(pass_ << 1 | 1);
  return !was_read;
}

std::uint8_t& KnownOrder::seen_at(std::uint64_t ordinal) {
  if (ordinal >= seen_.size()) seen_.resize(std::max(order_->size(), ordinal + 1), 0);
  return seen_[ordinal];
}

void KnownOrder::begin_pass() {
  if (pass_ == kPassMax) {
    std::fill(seen_.begin(), seen_.end(), std::uint8_t{0});
    pass_ = 0;
  }
  ++pass_;
}

void KnownOrder::refill(Cursor& cursor) {
  if (!cursor.ahead.begin_refill()) return;
  const std::uint64_t size = order_->size();
  std::uint64_t skips = 0;
  // The window of all cursors is divided before it is filled; this is for cursors that came since.
  std::uint64_t outstanding = outstanding_bytes();
  for (; cursor.proposed < size; ++cursor.proposed) {
    Range file = order_->at(cursor.proposed);
    file.length = std::min(file.length, options_.window_bytes_max);
    if (!cursor.ahead.has_room(file.length) ||
        outstanding + file.length > options_.window_bytes_max)
      return;
    if (!note_proposed(cursor.proposed)) {
      if (++skips > kSkipFilesPerRead || cursor.proposed > cursor.next + kSkipFilesMax) return;
      continue;
    }
    if (!cursor.ahead.add(file, cursor.proposed)) continue;
    outstanding += file.length;
    stats_.proposed_bytes += file.length;
    proposals_.propose(file);
  }
}

void KnownOrder::drop_idle() {
  for (std::size_t i = cursors_.size(); i-- > 0;)
    if (cursors_.size() > 1 && tick_ - cursors_[i].used_at > kIdleReads) drop(i);
}

void KnownOrder::drop(std::size_t number) {
  cursors_[number].ahead.forget();
  count_outcomes(cursors_[number]);
  if (number + 1 != cursors_.size()) cursors_[number] = std::move(cursors_.back());
  cursors_.pop_back();
  share_window();
}

void KnownOrder::share_window() {
  const std::uint64_t least = std::min<std::uint64_t>(1u << 20, options_.window_bytes_max);
  const auto believed = static_cast<std::size_t>(std::count_if(
      cursors_.begin(), cursors_.end(), [](const Cursor& c) { return c.is_believed; }));
  const std::uint64_t share =
      std::max(options_.window_bytes_max / std::max<std::size_t>(believed, 1), least);
  for (Cursor& cursor : cursors_)
    cursor.ahead.limit(std::min(share, confidence_.ceiling(least, options_.window_bytes_max)));
}

void KnownOrder::count_outcomes(Cursor& cursor) {
  period_read_ += cursor.ahead.files_read() - cursor.files_read;
  period_passed_ += cursor.ahead.files_passed() - cursor.files_passed;
  cursor.files_read = cursor.ahead.files_read();
  cursor.files_passed = cursor.ahead.files_passed();
  // Known now, long before the bytes are dropped.
  if (cursor.ahead.bytes_passed() > cursor.bytes_passed)
    confidence_.on_wasted(cursor.ahead.bytes_passed() - cursor.bytes_passed);
  cursor.bytes_passed = cursor.ahead.bytes_passed();
  const std::uint64_t files = period_read_ + period_passed_;
  if (files < kPeriodFiles) return;
  if (options_.stop_when_failing && period_read_ * 100 < files * kUsedPercentMin)
    is_stopped_ = true;
  period_read_ = 0;
  period_passed_ = 0;
}

// The hindmost reader counts; readers at the end will begin again.
void KnownOrder::update_position() {
  const std::uint64_t size = order_->size();
  std::uint64_t position = size;
  for (const Cursor& cursor : cursors_)
    if (cursor.is_believed && cursor.next < size && tick_ - cursor.used_at <= kIdleReads)
      position = std::min(position, cursor.next);
  order_->set_position(position == size ? 0 : position);
}

std::uint64_t KnownOrder::outstanding_bytes() const {
  std::uint64_t bytes = 0;
  for (const Cursor& cursor : cursors_) bytes += cursor.ahead.unread_bytes();
  return bytes;
}

void KnownOrder::on_used(const Range& range) {
  stats_.used_bytes += range.length;
  const std::uint32_t before = confidence_.level();
  confidence_.on_used(range.length);
  if (confidence_.level() != before) share_window();
}

void KnownOrder::on_wasted(const Range& range) {
  stats_.wasted_bytes += range.length;
  const std::uint32_t before = confidence_.level();
  confidence_.on_wasted(range.length);
  if (confidence_.level() != before) share_window();
}

}  // namespace shoal::prefetch
