// SPDX-License-Identifier: Apache-2.0
#include "index/lister.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"

namespace shoal::index {
namespace {

// A cut costs about one page twice: the left range's last request reaches beyond it.
constexpr double kKeysWorthCutting = 4.0 * limits::kListPageKeys;
// A range that has gone on for so long is tried even when the estimate says it is nearly done.
constexpr std::uint32_t kPagesUntilTriedAnyway = 16;
constexpr double kProbeCreditStart = 10;  // misses while nothing is known yet
constexpr double kProbeCreditPage = 1.0 / 16;
constexpr double kProbeCreditHit = 0.5;
constexpr std::uint64_t kKeysBeforeProbes = 2 * limits::kListPageKeys;  // small ones need none
constexpr std::size_t kRangesMax = 10000;        // records of one listing; about 1 KiB each
constexpr std::uint32_t kEmptyPagesMax = 10000;  // in a row: a bucket full of delete markers
constexpr int kScoutDepthMax = 8;  // "data/v1/2024/": levels that hold one directory only
constexpr std::size_t kKeysLearnedPerPage = 32;
constexpr double kUnknown = 1e15;  // more than any estimate

}  // namespace

Lister::Lister(Options options, KeyRanges ranges, store::ObjectStore& store, Executor& executor,
               PageQueue& queue)
    : options_(std::move(options)),
      store_(store),
      executor_(executor),
      queue_(queue),
      ranges_(std::move(ranges)),
      model_(options_.prefix),
      probe_credit_(kProbeCreditStart) {
  for (const auto& [begin, range] : ranges_.all()) {
    active_ += range.done ? 0 : 1;
    keys_ += range.keys;
    model_.learn(range.after);
    model_.learn(range.through);
  }
}

void Lister::start() {
  executor_.post([self = shared_from_this()] {
    if (self->active_ > 0 && !self->stopping_) self->scout(self->options_.prefix, 0);
    self->pump();
  });
}

void Lister::stop() {
  executor_.post([self = shared_from_this()] {
    self->fail_all(Error(ErrorCode::canceled, "listing was stopped"));
    self->finish_if_idle();
  });
}

void Lister::resume() {
  executor_.post([self = shared_from_this()] { self->pump(); });
}

// ---- asking

bool Lister::has_room() const {
  return in_flight_ < options_.requests_in_flight &&
         queue_.size() + in_flight_ < 2 * std::size_t{options_.requests_in_flight};
}

void Lister::pump() {
  if (finished_) return;
  for (auto& [begin, range] : ranges_.all()) {
    if (stopping_ || !has_room()) break;
    if (!range.done && !range.in_flight) request_page(range);
  }
  while (!stopping_ && has_room() && static_cast<double>(probes_.size()) < probe_credit_) {
    const auto cut = choose_cut();
    if (!cut) break;
    request_probe(*cut);
  }
  finish_if_idle();
}

void Lister::request_page(KeyRange& range) {
  range.in_flight = true;
  ++in_flight_;
  ++requests_;
  store_.list({.prefix = options_.prefix, .start_after = range.after, .token = range.token},
              [self = shared_from_this(), id = range.id](Result<store::ListPage> page) {
                self->on_page(id, std::move(page));
              });
}

void Lister::request_probe(const std::string& cut) {
  probes_.insert(cut);
  ++in_flight_;
  ++requests_;
  store_.list({.prefix = options_.prefix, .start_after = cut, .token = {}},
              [self = shared_from_this(), cut](Result<store::ListPage> page) {
                self->on_probe(cut, std::move(page));
              });
}

void Lister::scout(std::string prefix, int depth) {
  ++in_flight_;
  ++requests_;
  const store::ListRequest request{
      .prefix = prefix, .start_after = {}, .token = {}, .by_directory = true};
  store_.list(request, [self = shared_from_this(), prefix = std::move(prefix),
                        depth](Result<store::ListPage> page) {
    self->on_scout(prefix, depth, std::move(page));
  });
}

// ---- answers

void Lister::on_page(std::uint64_t range_id, Result<store::ListPage> page) {
  --in_flight_;
  KeyRange& range = *ranges_.by_id(range_id);
  range.in_flight = false;
  ListedPage listed;
  Result<void> taken;
  if (!page) {
    taken = fail(std::move(page).error());
  } else if (taken = trim(range, page->objects); taken) {
    probe_credit_ += kProbeCreditPage;
    taken = take(range, std::move(*page), listed);
  }
  if (!taken) {
    fail_all(std::move(taken).error());
  } else {
    push(std::move(listed));
  }
  pump();
}

void Lister::on_probe(const std::string& cut, Result<store::ListPage> page) {
  --in_flight_;
  probes_.erase(cut);
  if (!page) {
    fail_all(std::move(page).error());
    pump();
    return;
  }
  KeyRange* left = ranges_.ahead_of(cut);
  if (left != nullptr && cut != left->through) {
    KeyRange& right = ranges_.split(*left, cut);
    ++active_;
    ListedPage listed;
    Result<void> taken = trim(right, page->objects);
    if (taken) taken = take(right, std::move(*page), listed);
    listed.ranges.emplace_back(left->id, left->record());
    if (!taken) {
      fail_all(std::move(taken).error());
    } else {
      left->has_keys_behind = !listed.objects.empty();
      probe_credit_ += listed.objects.empty() ? -1 : kProbeCreditHit;
      push(std::move(listed));
    }
  } else {
    probe_credit_ -= 1;  // the range went past the guess before the answer came
  }
  pump();
}

void Lister::on_scout(const std::string& prefix, int depth, Result<store::ListPage> page) {
  --in_flight_;
  if (!page) {
    fail_all(std::move(page).error());
  } else if (!stopping_ && active_ > 0) {
    auto& directories = page->common_prefixes;
    if (directories.size() == 1 && page->objects.size() <= 1 && depth < kScoutDepthMax) {
      if (directories[0].size() > prefix.size()) scout(std::move(directories[0]), depth + 1);
    } else if (directories.size() >= 2 && std::is_sorted(directories.begin(), directories.end())) {
      model_.learn_directories(std::move(directories), !page->next_token);
      for (const auto& [begin, range] : ranges_.all())
        if (range.after > begin)
          directories_passed_ += model_.directories_between(begin, range.after);
    }
  }
  pump();
}

// ---- booking

Result<void> Lister::trim(const KeyRange& range, std::vector<store::ObjectInfo>& objects) {
  const std::string* before = nullptr;
  for (const store::ObjectInfo& object : objects) {
    if ((before != nullptr && object.key <= *before) || !object.key.starts_with(options_.prefix))
      return fail(
          ErrorCode::unsupported,
          "list " + store_.name() + "/" + options_.prefix + ": key \"" + object.key +
              "\" is out of order or outside the prefix",
          "Shoal needs listings in byte order, which directory buckets (S3 Express) and some "
          "imitations of S3 do not give.");
    before = &object.key;
  }
  const auto by_key = [](const store::ObjectInfo& object, const std::string& key) {
    return object.key <= key;
  };
  // Some services take start-after as "from here on".
  const auto first = std::lower_bound(objects.begin(), objects.end(), range.after, by_key);
  const bool overlaps = first != objects.begin() && first == objects.end();
  if (overlaps && range.token.empty() && objects.size() > 1)
    return fail(
        ErrorCode::unsupported,
        "list " + store_.name() + "/" + options_.prefix + ": the service ignores start-after",
        "Use an endpoint that supports ListObjectsV2 with start-after.");
  learn(objects);
  objects.erase(objects.begin(), first);
  return {};
}

Result<void> Lister::take(KeyRange& range, store::ListPage page, ListedPage& listed) {
  auto& objects = page.objects;
  bool reached_end = !page.next_token;
  if (!objects.empty()) {
    range.empty_pages = 0;
  } else if (++range.empty_pages > kEmptyPagesMax) {
    return fail(ErrorCode::limit,
                "list " + store_.name() + "/" + options_.prefix + ": " +
                    std::to_string(kEmptyPagesMax) + " pages in a row were empty",
                "Remove old delete markers from the bucket, then try again.");
  }
  if (!range.through.empty() && !objects.empty() && objects.back().key >= range.through) {
    const auto end = std::partition_point(
        objects.begin(), objects.end(),
        [&](const store::ObjectInfo& object) { return object.key <= range.through; });
    objects.erase(end, objects.end());
    reached_end = true;
  }
  range.token = page.next_token.value_or(std::string());
  range.keys += objects.size();
  range.pages_untouched += 1;
  keys_ += objects.size();
  if (!objects.empty()) {
    directories_passed_ += model_.directories_between(range.after, objects.back().key);
    range.recent = std::exchange(range.after, objects.back().key);
    range.recent_keys = objects.size();
  }
  if (reached_end) {
    range.done = true;
    range.token.clear();
    --active_;
  }
  listed.objects = std::move(objects);
  listed.ranges.emplace_back(range.id, range.record());
  return {};
}

void Lister::learn(const std::vector<store::ObjectInfo>& objects) {
  if (objects.empty()) return;
  const std::size_t step = std::max<std::size_t>(1, objects.size() / kKeysLearnedPerPage);
  for (std::size_t i = 0; i < objects.size(); i += step) model_.learn(objects[i].key);
  model_.learn(objects.back().key);
}

void Lister::push(ListedPage listed) {
  listed.requests = requests_;
  listed.active_ranges = active_;
  listed.fraction = fraction_done();
  queue_.push(std::move(listed));
}

// ---- where to cut

double Lister::keys_between(const KeyRange& range, const std::string& after,
                            const std::string& through) const {
  if (const std::size_t ahead = model_.directories_between(after, through); ahead > 0) {
    const auto passed = static_cast<double>(std::max<std::uint64_t>(1, directories_passed_));
    return static_cast<double>(keys_) / passed * static_cast<double>(ahead + 1);
  }
  const KeyModel::Frame frame{range.begin, range.through};
  const double ahead = model_.distance(frame, after, through);
  if (ahead <= 0) return 0;
  // The range may have begun sparse and be dense here, or the other way round. Expecting too much
  // costs a probe; expecting too little leaves one request at a time for what may be most keys.
  const auto density = [&](std::uint64_t keys, const std::string& from) {
    return static_cast<double>(keys) / model_.distance(frame, from, range.after);
  };
  const double keys =
      ahead * std::max(density(range.keys, range.begin), density(range.recent_keys, range.recent));
  return keys < kUnknown ? keys : kUnknown;  // also when nothing was seen: divided by zero
}

std::vector<Lister::Piece> Lister::pieces_of(KeyRange& range) const {
  std::vector<Piece> pieces;
  std::string after = range.after;
  for (auto probe = probes_.upper_bound(range.after);
       probe != probes_.end() && (range.through.empty() || *probe < range.through); ++probe) {
    pieces.push_back({&range, after, *probe});
    after = *probe;
  }
  pieces.push_back({&range, after, range.through});
  return pieces;
}

std::optional<std::string> Lister::choose_cut() {
  if (ranges_.all().size() >= kRangesMax) return std::nullopt;
  std::vector<std::pair<double, Piece>> candidates;
  for (auto& [begin, range] : ranges_.all()) {
    if (range.done) continue;
    const bool knows_something =
        range.after > range.begin || model_.directories_between(range.after, range.through) > 0;
    if (!knows_something || keys_ < kKeysBeforeProbes) continue;
    const bool overdue = range.pages_untouched >= kPagesUntilTriedAnyway;
    for (Piece& piece : pieces_of(range)) {
      // Nobody knows how far the keys of this range reach: while probes are looking for its end,
      // only the piece before all of them surely has keys. Cutting that one again and again finds
      // the right digit and the right magnitude in one round trip.
      const bool is_sure = piece.after == range.after || range.has_keys_behind ||
                           model_.directories_between(piece.after, piece.through) > 0;
      if (!is_sure) continue;
      double keys = keys_between(range, piece.after, piece.through);
      if (overdue) keys = std::max(keys, kKeysWorthCutting);
      if (keys >= kKeysWorthCutting) candidates.emplace_back(keys, std::move(piece));
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [keys, piece] : candidates) {
    piece.range->pages_untouched = 0;
    if (auto cut = model_.middle(piece.after, piece.through);
        cut && cut->size() <= limits::kKeyBytesMax)
      return cut;
  }
  return std::nullopt;
}

double Lister::fraction_done() const {
  if (active_ == 0) return 1;
  double left = 0;
  for (const auto& [begin, range] : ranges_.all())
    if (!range.done) left += keys_between(range, range.after, range.through);
  const auto done = static_cast<double>(keys_);
  return done <= 0 ? 0 : done / (done + left);
}

// ---- the end

void Lister::fail_all(Error error) {
  if (stopping_ || finished_) return;
  stopping_ = true;
  outcome_ = fail(std::move(error));
  // Answers may be many retries away; this listing is the only user of the store meanwhile.
  store_.cancel_all();
}

void Lister::finish_if_idle() {
  if (finished_ || in_flight_ > 0) return;
  if (!stopping_ && active_ > 0) return;  // waiting for room in the queue
  finished_ = true;
  ListedPage last;
  last.finished = std::move(outcome_);
  push(std::move(last));
}

}  // namespace shoal::index
