// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "base/limits.h"
#include "prefetch/policy.h"

namespace shoal::prefetch {

struct LookaheadOptions {
  std::uint64_t window_bytes_min = 1u << 20;
  std::uint64_t window_bytes_max = limits::kPrefetchWindowMaxBytes;
  std::uint32_t window_files_min = 16;
  // Unread files behind the furthest one read, before the oldest counts as passed: how far the
  // readers of one sequence are apart.
  std::uint32_t behind_files_max = 64;
  bool behind_grows = true;  // at least half of the window; else just behind_files_max
  std::uint32_t window_files_max = limits::kRequestsInFlightMax;  // more could not be in flight
};

// The files proposed ahead of one reader (or one group of readers) that go through a known sequence
// of files: how many may be outstanding, which of them were read, which were passed over. Readers
// of one sequence jitter, so the position is a zone: files may be read in any order within it.
//
//   [ passed | read, unread: behind | furthest read | unread: ahead ... ] room for more
//
// The window doubles, in bytes and in files, when it is extended after a reader had to wait for a
// file that was proposed since it doubled last: so each doubling shows its effect before the next,
// and the window ends at about what latency and the pace of the readers need. Unread files behind
// the furthest one read take at most half of the window; older ones count as passed: a reader may
// leave files out, and what the page cache holds never arrives.
//
// confined.
class Lookahead {
 public:
  explicit Lookahead(const LookaheadOptions& options);

  struct Hit {
    std::uint64_t tag = 0;
    bool is_first = false;  // the first read of this file
  };
  // The proposed file this read begins in. Such a read moves the zone; other proposed files it
  // covers count as read.
  std::optional<Hit> on_read(const ReadSeen& read);
  // A reader waited for a file that should have been ahead.
  void note_wait() { waited_ = true; }
  // Whether it is time to propose more: half of the window is read. If so, grows the window when
  // readers waited, and the caller goes on with add() while has_room(). Of a file larger than the
  // largest window, the caller adds only the beginning.
  bool begin_refill();
  // For another file; always for a first one ahead.
  [[nodiscard]] bool has_room(std::uint64_t file_bytes) const {
    return unread_files_ == behind_files_ ||
           (unread_bytes_ - behind_bytes_ + file_bytes <= room_bytes() &&
            unread_files_ - behind_files_ < room_files());
  }
  // Notes a proposed file, next in the sequence. False: it is in the zone already; propose nothing.
  bool add(const Range& file, std::uint64_t tag);
  // Gives up on everything unread; returns how many bytes that was.
  std::uint64_t forget();
  // Halves, never below the least.
  void shrink();
  // Largest window from now on: a share of something.
  void limit(std::uint64_t window_bytes);

  [[nodiscard]] std::uint64_t unread_bytes() const { return unread_bytes_; }
  [[nodiscard]] std::uint32_t unread_files() const { return unread_files_; }
  [[nodiscard]] std::uint32_t window_files() const { return window_files_; }
  [[nodiscard]] std::uint64_t limit_bytes() const { return limit_bytes_; }
  // Outcomes of predictions since the beginning.
  [[nodiscard]] std::uint64_t files_read() const { return files_read_; }
  [[nodiscard]] std::uint64_t files_passed() const { return files_passed_; }
  [[nodiscard]] std::uint64_t bytes_passed() const { return bytes_passed_; }

 private:
  struct File {
    Range range;
    std::uint64_t tag = 0;
    bool is_read = false;
  };
  // For files ahead: what the ones behind leave, at least half.
  [[nodiscard]] std::uint64_t room_bytes() const {
    return std::max(window_bytes_ / 2,
                    std::min(window_bytes_, limit_bytes_ - std::min(behind_bytes_, limit_bytes_)));
  }
  [[nodiscard]] std::uint32_t room_files() const {
    return window_files_ - std::min(behind_files_, window_files_ / 2);
  }
  [[nodiscard]] bool has_too_many_behind() const;
  void note_read(std::uint64_t number);
  void retire();
  void pop_front();

  LookaheadOptions options_;
  std::deque<File> files_;                           // in sequence; files_[i] has number base_ + i
  std::map<std::uint64_t, std::uint64_t> by_begin_;  // address: number
  std::uint64_t base_ = 0;
  std::uint64_t furthest_ = 0;  // number behind the furthest file read
  std::uint64_t window_bytes_;
  std::uint32_t window_files_;
  std::uint64_t limit_bytes_;
  std::uint64_t unread_bytes_ = 0;
  std::uint32_t unread_files_ = 0;
  std::uint64_t behind_bytes_ = 0;  // unread, before furthest_
  std::uint32_t behind_files_ = 0;
  std::uint64_t grown_at_ = 0;  // number of the first file proposed under the present window
  bool waited_ = false;
  std::uint64_t files_read_ = 0;
  std::uint64_t files_passed_ = 0;
  std::uint64_t bytes_passed_ = 0;
};

}  // namespace shoal::prefetch
