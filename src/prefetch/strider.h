// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "format/layout.h"
#include "prefetch/catalog.h"
#include "prefetch/lookahead.h"
#include "prefetch/policy.h"
#include "prefetch/stride_candidates.h"

namespace shoal::prefetch {

// One reader of rows: parent/X/suffix for one X after the other, then the same for the next suffix.
//
//             X1    X2    X3   ...
//   suffix1   r     r     r    p p p          rows: the order of the names X is either that of
//   suffix2   p     p     .                   the catalog or one learned from the row before
//
//   probing --(the catalog lists X1 X2 X3 close together)--> by_name
//      '------(it does not)--> recording --(X1 again, with another suffix)--> confirming
//                                  ^-----------(then another name than X2)----------|
//                                                                  (X2) --> by_list
//
// A read may go on behind its file (the kernel's readahead, once it knows the rows before): what it
// took from there is asked for with the files ahead.
//
// by_name asks the catalog for the next names of the row; by_list replays the names recorded. At
// the end of a row both go on with the next suffix, `step` files further in walk order.
//
// confined. Shared by its policy and the catalog's answers on the way, which hold it weakly.
class Strider : public std::enable_shared_from_this<Strider> {
 public:
  enum class Mode : std::uint8_t { probing, recording, confirming, by_name, by_list };
  struct Options {
    format::Geometry geometry;
    LookaheadOptions lookahead;
  };
  // Names of a universe in the order of a reader; shared by the striders of one process pool, and
  // never changed once shared.
  using Names = std::shared_ptr<const std::vector<std::string>>;
  // Whether another strider reads this row.
  using IsTaken = std::function<bool(const Strider&, const std::string& suffix)>;

  Strider(const Options& options, Catalog& catalog, Proposals& proposals, IsTaken is_taken,
          StrideCandidates::Found found);
  // Call once. `known`: a universe another strider has learned for the same parent, or null.
  void start(const Names& known);

  // A read of a proposed file.
  bool on_read(const ReadSeen& read);
  // A file nobody claimed. True: it belongs to the row, or begins the next row of this reader.
  bool on_file(const ReadSeen& read, const CrossPath& path);
  void refill();
  void limit(std::uint64_t window_bytes) { ahead_.limit(window_bytes); }
  void set_muted(bool is_muted) { is_muted_ = is_muted; }

  [[nodiscard]] const std::string& parent() const { return parent_; }
  [[nodiscard]] Mode mode() const { return mode_; }
  // Whether this row is being read, or proposed already.
  [[nodiscard]] bool has_row(std::string_view suffix) const;
  [[nodiscard]] const Names& names() const { return names_; }
  [[nodiscard]] std::uint64_t outstanding_bytes() const { return ahead_.unread_bytes(); }
  [[nodiscard]] std::uint64_t proposed_bytes() const { return proposed_bytes_; }

 private:
  struct Target {  // a file of the rows ahead, in reading order
    Range range;
    std::string name;
    std::uint64_t row = 0;
  };
  struct Row {
    std::uint64_t number = 0;
    std::string suffix;
  };

  void probe();
  void probe_on_answer(Across& across);
  [[nodiscard]] bool follows_list() const;
  void confirm(const std::string& name);
  void note_read(const std::string& name, std::uint64_t row);
  void note_tail(const ReadSeen& read, std::uint64_t tag);
  [[nodiscard]] std::uint64_t tail_ahead() const;
  void propose(const Range& range);
  void end_reader_row();
  [[nodiscard]] bool begins_next_row(const CrossPath& path) const;
  void restart(const CrossPath& path);
  void learn_step(std::string path, std::string suffix, std::uint32_t hops_done);
  void replay(Names names);
  void jump_to(const std::string& name);
  void pump();
  void ask();
  void ask_by_name();
  void take_across(Across& across);
  void ask_by_list();
  void take_found(std::vector<CatalogFile>& files);
  void ask_next_row();
  void hop(std::string path, std::uint32_t hops_left, std::uint32_t hops_done);
  void hop_on_answer(std::optional<CatalogFile>& file);
  void take(const CatalogFile& file, const std::string& name);
  void note_answer(bool was_empty);
  [[nodiscard]] std::string path_in_row(const std::string& name, const std::string& suffix) const;
  // `function` as the answer to a question: dropped when the strider is gone or asked anew since.
  template <typename Argument>
  std::move_only_function<void(Argument)> answer(void (Strider::*function)(Argument&));

  Options options_;
  Catalog& catalog_;
  Proposals& proposals_;
  IsTaken is_taken_;
  std::string parent_;
  Mode mode_ = Mode::probing;
  Lookahead ahead_;
  bool is_muted_ = false;

  // The reader: the row it is in and the names it has read there.
  std::uint64_t reader_row_ = 0;
  std::string reader_suffix_;
  std::string first_name_;
  std::vector<std::string> row_names_;
  std::unordered_set<std::string> row_read_;  // the same names
  std::uint32_t unclaimed_ = 0;               // reads of the row in a row that were not proposed
  std::uint32_t poor_rows_ = 0;     // rows in a row in which much of the universe was left out
  std::uint64_t files_passed_ = 0;  // of the Lookahead, when the row began
  Names names_;                     // by_list
  std::unordered_map<std::string_view, std::size_t> places_;  // in *names_
  std::uint32_t step_ = 1;
  std::uint64_t tail_bytes_ = 0;  // that reads take behind their file, lately

  // The source of targets: in the reader's row or ahead of it.
  std::uint64_t source_row_ = 0;
  std::deque<Row> rows_;   // from the reader's row to the source's
  std::string after_;      // by_name: last name taken
  std::size_t place_ = 0;  // by_list: next name to ask for
  bool is_row_end_ = false;
  bool is_finished_ = false;  // there is no next row
  bool is_asking_ = false;
  std::string hop_from_;
  std::uint32_t hops_left_ = 0;
  std::uint32_t hops_done_ = 0;
  std::uint32_t empty_answers_ = 0;
  std::uint32_t questions_since_read_ = 0;
  std::uint64_t question_ = 0;   // answers to older ones are ignored
  std::deque<Target> targets_;   // not yet proposed
  std::deque<Target> proposed_;  // by tag: proposed_[tag - first_tag_]
  std::uint64_t first_tag_ = 0;
  std::uint64_t proposed_bytes_ = 0;
};

}  // namespace shoal::prefetch
