// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "format/layout.h"
#include "prefetch/confidence.h"
#include "prefetch/lookahead.h"
#include "prefetch/order.h"
#include "prefetch/policy.h"

// Somebody said in which order the files will be read (`Order`): nothing is guessed, only where the
// readers are. Sixteen workers that take the next file each, or a batch each, are one or several
// cursors in the order:
//
//   order   r r r r p r p p p . . . . . r r p p p . . . .      r read, p proposed, . neither
//                   ^cursor, its files ahead     ^cursor
//
// A read that was proposed moves its cursor. One that was not is looked up: near a cursor it moves
// that one, elsewhere it starts another, which is believed with its third read (the very first
// cursor at once). Each cursor proposes the next files of the order that were neither read nor
// proposed in this pass, holes first. Reading an order again, or jumping in it, just makes another
// cursor; files seen in this pass come again once three reads in a row show that a new one began.
// Cursors whose files are not read are forgotten, and count as waste.
//
// With `stop_when_failing` (replay of a trace), predictions are counted by 200: when under 60 % of
// them were read, the policy stops for good.

namespace shoal::prefetch {

struct KnownOrderOptions {
  format::Geometry geometry;
  std::uint64_t window_bytes_max = limits::kPrefetchWindowMaxBytes;  // of all cursors together
  bool stop_when_failing = false;
  bool begin_at_once = false;  // propose the beginning of the order before anything was read
};

// confined; the Order is synchronized.
class KnownOrder final : public Policy {
 public:
  static constexpr std::size_t kCursorsMax = 48;

  KnownOrder(const KnownOrderOptions& options, std::shared_ptr<Order> order, Proposals& proposals);
  [[nodiscard]] std::string_view name() const override { return "order"; }
  bool on_read(const ReadSeen& read) override;
  void on_used(const Range& range) override;
  void on_wasted(const Range& range) override;
  [[nodiscard]] PolicyStats stats() const override { return stats_; }
  [[nodiscard]] std::string_view state() const override {
    return is_stopped_ ? "stopped" : confidence_.state();
  }
  [[nodiscard]] bool is_stopped() const { return is_stopped_; }
  [[nodiscard]] std::uint64_t outstanding_bytes() const;
  [[nodiscard]] const std::shared_ptr<Order>& order() const { return order_; }

 private:
  struct Cursor {
    explicit Cursor(const LookaheadOptions& options) : ahead(options) {}
    Lookahead ahead;
    std::uint64_t next = 0;      // behind the furthest file read
    std::uint64_t proposed = 0;  // everything before was looked at
    std::uint64_t used_at = 0;
    std::uint32_t reads = 0;
    std::uint32_t reads_again = 0;  // in a row, of files already seen in this pass
    std::uint32_t strikes = 0;      // reads in a row that were not proposed
    bool is_believed = false;
    std::uint64_t files_read = 0;  // of the Lookahead, when last counted
    std::uint64_t files_passed = 0;
    std::uint64_t bytes_passed = 0;
  };
  struct Recent {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    bool is_begun = false;  // its first byte was read
  };

  bool read_of_proposed(const ReadSeen& read);
  [[nodiscard]] std::optional<std::uint64_t> locate(const ReadSeen& read);
  [[nodiscard]] bool is_recent(DataAddress address);
  Cursor* near(std::uint64_t ordinal);
  Cursor& start_cursor(std::uint64_t ordinal);
  void note_again(Cursor& cursor, std::uint64_t ordinal);
  void go_on(Cursor& cursor, std::uint64_t ordinal);
  void refill(Cursor& cursor);
  void drop_idle();
  void drop(std::size_t number);
  void share_window();
  void count_outcomes(Cursor& cursor);
  void update_position();
  bool note_proposed(std::uint64_t ordinal);
  bool note_read(std::uint64_t ordinal);
  std::uint8_t& seen_at(std::uint64_t ordinal);
  void begin_pass();

  KnownOrderOptions options_;
  std::shared_ptr<Order> order_;
  Proposals& proposals_;
  Confidence confidence_;
  std::vector<Cursor> cursors_;
  std::array<Recent, 32> recent_{};  // read without having been proposed: more pieces may come
  std::size_t recent_next_ = 0;
  // By ordinal: the pass in which it was proposed or read, times two, plus one when read. One byte
  // per file of the order.
  std::vector<std::uint8_t> seen_;
  std::uint8_t pass_ = 1;
  std::uint64_t tick_ = 0;
  std::uint64_t period_read_ = 0;  // predictions, see stop_when_failing
  std::uint64_t period_passed_ = 0;
  bool is_stopped_ = false;
  PolicyStats stats_;
};

}  // namespace shoal::prefetch
