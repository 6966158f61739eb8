// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/executor.h"
#include "index/key_model.h"
#include "index/key_ranges.h"
#include "index/page_queue.h"
#include "store/object_store.h"

// Lists a prefix with many requests at once, although a listing is a chain: each page says where
// the next begins. The key space is one range at first. Whenever fewer requests are under way than
// allowed, the piece with the most keys left (by estimate) gets a *probe*: a list request that
// starts at a guessed key in its middle. When keys come back, the piece is cut there and the
// probe's page is the first page of the new range: no request is lost. When none come back, the
// range ends at the guess, which makes the next guess better.
//
// One more request at the start asks for the first level of directories; their names are the best
// guesses.
//
// Bounds: requests under way; pages not yet taken by the storing thread (pump() stops asking);
// probes that may miss (credit), so that a key space nobody can guess costs about 1/16 more
// requests, not a multiple.
//
// Thread model: confined to `executor`; start(), stop() and resume() are synchronized.

namespace shoal::index {

class Lister : public std::enable_shared_from_this<Lister> {
 public:
  struct Options {
    std::string prefix;
    std::uint32_t requests_in_flight = 16;
  };
  // `queue`, `store` and `executor` must live until the queue has given out the finished page.
  Lister(Options options, KeyRanges ranges, store::ObjectStore& store, Executor& executor,
         PageQueue& queue);

  void start();
  // Gives up; the finished page says canceled.
  void stop();
  // To be called after pages were popped.
  void resume();

 private:
  struct Piece {
    KeyRange* range = nullptr;
    std::string after;
    std::string through;
  };

  void pump();
  void request_page(KeyRange& range);
  void request_probe(const std::string& cut);
  void scout(std::string prefix, int depth);
  void on_page(std::uint64_t range_id, Result<store::ListPage> page);
  void on_probe(const std::string& cut, Result<store::ListPage> page);
  void on_scout(const std::string& prefix, int depth, Result<store::ListPage> page);

  // Drops what the range already has, checks the order and cuts at the range's end.
  [[nodiscard]] Result<void> trim(const KeyRange& range, std::vector<store::ObjectInfo>& objects);
  // Books a page of `range` that trim() accepted.
  [[nodiscard]] Result<void> take(KeyRange& range, store::ListPage page, ListedPage& listed);
  void learn(const std::vector<store::ObjectInfo>& objects);

  [[nodiscard]] std::optional<std::string> choose_cut();
  [[nodiscard]] std::vector<Piece> pieces_of(KeyRange& range) const;
  // Estimated keys between the two; `range` surrounds them.
  [[nodiscard]] double keys_between(const KeyRange& range, const std::string& after,
                                    const std::string& through) const;

  [[nodiscard]] bool has_room() const;
  [[nodiscard]] double fraction_done() const;
  void push(ListedPage listed);
  void fail_all(Error error);
  void finish_if_idle();

  const Options options_;
  store::ObjectStore& store_;
  Executor& executor_;
  PageQueue& queue_;

  KeyRanges ranges_;
  KeyModel model_;
  std::set<std::string> probes_;  // cuts under way
  std::uint32_t in_flight_ = 0;
  std::uint32_t active_ = 0;  // ranges not done
  std::uint64_t requests_ = 0;
  std::uint64_t keys_ = 0;
  std::uint64_t directories_passed_ = 0;  // of those the model knows
  double probe_credit_;
  bool stopping_ = false;
  bool finished_ = false;
  Result<void> outcome_;
};

}  // namespace shoal::index
