// SPDX-License-Identifier: Apache-2.0
#include "prefetch/strider.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"

namespace shoal::prefetch {
namespace {

// A universe larger than this is replayed up to here.
constexpr std::size_t kRowNamesMax = 65536;
constexpr std::uint32_t kNamesPerQuestionMin = 64;
constexpr std::uint32_t kNamesPerQuestionMax = 1024;
// Steps of a reader that takes every nth file (weekly out of daily), or of the nth of n processes.
constexpr std::uint32_t kHopsMax = 64;
// The catalog may answer with nothing useful so often before a row counts as over.
constexpr std::uint32_t kEmptyAnswersMax = 3;
// Questions without a read of what they brought.
constexpr std::uint32_t kQuestionsPerReadMax = 64;
// So many reads of the row in a row that were not proposed: the reader has jumped.
constexpr std::uint32_t kUnclaimedToJump = 16;
constexpr std::size_t kRowReadsForVerdict = 8;
// Readers of a pool that take the next name each are so far apart; those of one row that stop by
// and by leave out some names.
constexpr std::size_t kJitterPlaces = 16;
constexpr std::size_t kNearPlaces = 4;
// Of the window, for what reads take behind their files.
constexpr std::uint64_t kTailShare = 4;
constexpr std::uint64_t kTailDecay = 8;
constexpr std::size_t kProposedKept = 16384;  // more than a Lookahead keeps

}  // namespace

Strider::Strider(const Options& options, Catalog& catalog, Proposals& proposals, IsTaken is_taken,
                 StrideCandidates::Found found)
    : options_(options),
      catalog_(catalog),
      proposals_(proposals),
      is_taken_(std::move(is_taken)),
      parent_(std::move(found.parent)),
      ahead_(options.lookahead),
      reader_suffix_(std::move(found.suffix)),
      row_names_(std::move(found.names)),
      row_read_(row_names_.begin(), row_names_.end()) {
  first_name_ = row_names_.front();
  rows_.push_back({0, reader_suffix_});
}

bool Strider::has_row(std::string_view suffix) const {
  return std::any_of(rows_.begin(), rows_.end(),
                     [suffix](const Row& row) { return row.suffix == suffix; });
}

std::string Strider::path_in_row(const std::string& name, const std::string& suffix) const {
  return CrossPath{parent_, name, suffix}.with_name(name);
}

template <typename Argument>
std::move_only_function<void(Argument)> Strider::answer(void (Strider::*function)(Argument&)) {
  is_asking_ = true;
  ++questions_since_read_;
  return [weak = weak_from_this(), question = ++question_, function](Argument argument) {
    const auto self = weak.lock();
    if (self == nullptr || self->question_ != question) return;
    self->is_asking_ = false;
    (self.get()->*function)(argument);
  };
}

// ---- learning the order of the names

void Strider::start(const Names& known) {
  if (known != nullptr) {
    names_ = known;
    replay(known);
    if (follows_list()) {
      place_ = places_.at(row_names_.back()) + 1;
      refill();
      return;
    }
    places_.clear();
    names_ = nullptr;
    first_name_ = row_names_.front();
    mode_ = Mode::probing;
  }
  if (std::is_sorted(row_names_.begin(), row_names_.end()))
    probe();
  else
    mode_ = Mode::recording;
}

// Whether the names read are near each other in the list, one after the other.
bool Strider::follows_list() const {
  std::size_t place = 0;
  for (std::size_t i = 0; i < row_names_.size(); ++i) {
    const auto found = places_.find(row_names_[i]);
    if (found == places_.end()) return false;
    if (i > 0 && (found->second <= place || found->second > place + kNearPlaces)) return false;
    place = found->second;
  }
  return true;
}

// Whether the names read are neighbours in the catalog.
void Strider::probe() {
  catalog_.across({parent_, first_name_, reader_suffix_, kNamesPerQuestionMin},
                  answer<Across>(&Strider::probe_on_answer));
}

void Strider::probe_on_answer(Across& across) {
  std::size_t last_place = across.files.size();
  for (std::size_t place = 0; place < across.files.size(); ++place) {
    const auto path = split_below(across.files[place].path, parent_);
    if (path && path->name == row_names_.back()) last_place = place;
  }
  // Half as many again may have been left out.
  const std::size_t steps = row_names_.size() - 1;
  if (last_place == across.files.size() || last_place + 1 > steps + steps / 2) {
    mode_ = Mode::recording;
    return;
  }
  mode_ = Mode::by_name;
  after_ = row_names_.back();
  for (std::size_t place = last_place + 1; place < across.files.size(); ++place) {
    const auto path = split_below(across.files[place].path, parent_);
    if (!path || path->suffix != reader_suffix_ || path->name <= after_) continue;
    take(across.files[place], path->name);
    after_ = path->name;
  }
  is_row_end_ = across.is_end;
  refill();
}

void Strider::replay(Names names) {
  mode_ = Mode::by_list;
  names_ = std::move(names);
  first_name_ = names_->front();
  places_.clear();
  for (std::size_t place = 0; place < names_->size(); ++place)
    places_.try_emplace((*names_)[place], place);
}

// ---- reads

bool Strider::on_read(const ReadSeen& read) {
  const auto hit = ahead_.on_read(read);
  if (!hit) return false;
  unclaimed_ = 0;
  questions_since_read_ = 0;
  if (hit->is_first && hit->tag >= first_tag_) {
    const Target& target = proposed_[hit->tag - first_tag_];
    note_read(target.name, target.row);
    note_tail(read, hit->tag);
  }
  refill();
  return true;
}

bool Strider::on_file(const ReadSeen& read, const CrossPath& path) {
  const auto row = std::find_if(rows_.begin(), rows_.end(),
                                [&path](const Row& r) { return r.suffix == path.suffix; });
  if (row == rows_.end()) {
    if (!begins_next_row(path)) return false;
    restart(path);
    return true;
  }
  questions_since_read_ = 0;
  if (mode_ == Mode::confirming) {
    confirm(path.name);
    return true;
  }
  if (!read.hit) ahead_.note_wait();
  const bool is_reader_row = row->number == reader_row_;
  note_read(path.name, row->number);
  if ((mode_ == Mode::by_name || mode_ == Mode::by_list) && is_reader_row &&
      ++unclaimed_ >= kUnclaimedToJump)
    jump_to(path.name);
  refill();
  return true;
}

// The second name of the second row: a random order is not there now.
void Strider::confirm(const std::string& name) {
  if (row_read_.contains(name)) return;
  note_read(name, reader_row_);
  const auto place = places_.find(name);
  if (place != places_.end() && place->second > 0 && place->second <= kJitterPlaces) {
    mode_ = Mode::by_list;
    refill();
    return;
  }
  names_ = nullptr;
  places_.clear();
  mode_ = Mode::recording;
}

void Strider::note_read(const std::string& name, std::uint64_t row) {
  if (row < reader_row_) return;  // late, its row is closed
  if (row > reader_row_) {
    end_reader_row();
    reader_row_ = row;
    while (rows_.front().number < row) rows_.pop_front();
    reader_suffix_ = rows_.front().suffix;
  }
  if (row_names_.size() < kRowNamesMax && row_read_.insert(name).second) row_names_.push_back(name);
}

void Strider::note_tail(const ReadSeen& read, std::uint64_t tag) {
  const std::uint64_t file_end = proposed_[tag - first_tag_].range.end();
  const std::uint64_t tail = read.range.end() > file_end ? read.range.end() - file_end : 0;
  if (tail <= tail_bytes_) {
    tail_bytes_ -= std::min(tail_bytes_ - tail, tail_bytes_ / kTailDecay + 1);
    return;
  }
  const std::uint64_t before = tail_ahead();
  tail_bytes_ = tail;
  if (is_muted_ || tail_ahead() <= before) return;
  for (std::size_t i = tag - first_tag_ + 1; i < proposed_.size(); ++i)
    propose({DataAddress{proposed_[i].range.end()}, tail_ahead()});
}

// All files ahead together stay within their share, however large the window has become since.
std::uint64_t Strider::tail_ahead() const {
  return std::min(tail_bytes_, ahead_.limit_bytes() / kTailShare / ahead_.window_files());
}

void Strider::propose(const Range& range) {
  proposed_bytes_ += range.length;
  proposals_.propose(range);
}

// What the row says about the universe.
void Strider::end_reader_row() {
  const std::uint64_t passed = ahead_.files_passed() - files_passed_;
  files_passed_ = ahead_.files_passed();
  if (mode_ == Mode::by_list && !row_names_.empty()) {
    const bool is_poor = row_names_.size() * 4 < names_->size() * 3;
    poor_rows_ = is_poor ? poor_rows_ + 1 : 0;
    std::vector<std::string> names = poor_rows_ >= 2 ? std::vector<std::string>{} : *names_;
    for (const std::string& name : row_names_)
      if ((poor_rows_ >= 2 || !places_.contains(name)) && names.size() < kRowNamesMax)
        names.push_back(name);
    if (poor_rows_ >= 2 || names.size() != names_->size()) {
      poor_rows_ = 0;
      replay(std::make_shared<const std::vector<std::string>>(std::move(names)));
      place_ = std::min(place_, names_->size());
    }
  } else if (mode_ == Mode::by_name && row_names_.size() >= kRowReadsForVerdict &&
             passed * 2 > row_names_.size() &&
             std::is_sorted(row_names_.begin(), row_names_.end())) {
    // The reader's universe is a part of the catalog's.
    replay(std::make_shared<const std::vector<std::string>>(row_names_));
    place_ = static_cast<std::size_t>(std::upper_bound(names_->begin(), names_->end(), after_) -
                                      names_->begin());
    targets_.clear();
  }
  row_names_.clear();
  row_read_.clear();
}

// ---- rows that were not foreseen

bool Strider::begins_next_row(const CrossPath& path) const {
  switch (mode_) {
    case Mode::probing:
    case Mode::recording:
      return path.name == first_name_ && row_names_.size() >= 3;
    case Mode::confirming:
      return false;
    case Mode::by_list:
      return path.name == first_name_ &&
             (is_finished_ || row_names_.size() * 4 >= names_->size() * 3);
    case Mode::by_name:
      return path.name == first_name_ && (is_row_end_ || is_finished_ || source_row_ > reader_row_);
  }
  return false;
}

void Strider::restart(const CrossPath& path) {
  const std::string old_suffix = reader_suffix_;
  const bool was_recording = mode_ == Mode::probing || mode_ == Mode::recording;
  if (was_recording) {
    replay(std::make_shared<const std::vector<std::string>>(row_names_));
    row_names_.clear();
    row_read_.clear();
  } else {
    end_reader_row();
  }
  ahead_.forget();
  files_passed_ = ahead_.files_passed();
  targets_.clear();
  ++question_;
  is_asking_ = false;
  is_finished_ = false;
  is_row_end_ = false;
  unclaimed_ = 0;
  questions_since_read_ = 0;
  reader_row_ = ++source_row_;
  reader_suffix_ = path.suffix;
  rows_.assign(1, {source_row_, path.suffix});
  row_names_.push_back(path.name);
  row_read_.insert(path.name);
  jump_to(path.name);
  learn_step(path_in_row(path.name, old_suffix), path.suffix, 0);
  if (was_recording)
    mode_ = Mode::confirming;
  else
    refill();
}

// How many files lie between the rows.
void Strider::learn_step(std::string path, std::string suffix, std::uint32_t hops_done) {
  if (hops_done >= kHopsMax) return;
  std::string from = path;
  catalog_.next_file(std::move(path), [weak = weak_from_this(), row = source_row_,
                                       from = std::move(from), suffix = std::move(suffix),
                                       hops_done](const std::optional<CatalogFile>& file) mutable {
    const auto self = weak.lock();
    if (self == nullptr || !file || file->path == from) return;
    const auto at = split_below(file->path, self->parent_);
    if (!at || at->name != self->first_name_) return;  // the row lies before, or is not here
    if (at->suffix == suffix)
      self->step_ = hops_done + 1;
    else
      self->learn_step(file->path, std::move(suffix), hops_done + 1);
  });
}

// Goes on with the names behind `name`; what was proposed before it is given up.
void Strider::jump_to(const std::string& name) {
  unclaimed_ = 0;
  if (mode_ == Mode::by_list) {
    const auto place = places_.find(name);
    if (place == places_.end()) return;
    place_ = place->second + 1;
    is_row_end_ = place_ >= names_->size();
  } else {
    after_ = name;
    is_row_end_ = false;
  }
  ahead_.forget();
  targets_.clear();
  ++question_;
  is_asking_ = false;
  is_finished_ = false;
  source_row_ = reader_row_;
  rows_.resize(1);
}

// ---- targets

void Strider::refill() {
  if (mode_ != Mode::by_name && mode_ != Mode::by_list) return;
  if (is_muted_ || !ahead_.begin_refill()) return;
  pump();
}

void Strider::pump() {
  while (!is_muted_ && !targets_.empty() && ahead_.has_room(targets_.front().range.length)) {
    Target target = std::move(targets_.front());
    targets_.pop_front();
    if (target.row == reader_row_ && row_read_.contains(target.name)) continue;
    if (!ahead_.add(target.range, first_tag_ + proposed_.size())) continue;
    const Range range = target.range;
    proposed_.push_back(std::move(target));
    if (proposed_.size() > kProposedKept) {
      proposed_.pop_front();
      ++first_tag_;
    }
    propose({range.begin, range.length + tail_ahead()});
  }
  if (targets_.size() < kNamesPerQuestionMin / 2 || targets_.size() * 2 < ahead_.window_files())
    ask();
}

void Strider::ask() {
  if (is_asking_ || is_finished_ || questions_since_read_ >= kQuestionsPerReadMax) return;
  if (is_row_end_)
    ask_next_row();
  else if (mode_ == Mode::by_name)
    ask_by_name();
  else
    ask_by_list();
}

void Strider::note_answer(bool was_empty) {
  empty_answers_ = was_empty ? empty_answers_ + 1 : 0;
  if (empty_answers_ >= kEmptyAnswersMax) is_finished_ = true;
  pump();
}

void Strider::ask_by_name() {
  const std::uint32_t count =
      std::clamp(ahead_.window_files(), kNamesPerQuestionMin, kNamesPerQuestionMax);
  catalog_.across({parent_, after_, rows_.back().suffix, count},
                  answer<Across>(&Strider::take_across));
}

void Strider::take_across(Across& across) {
  bool was_empty = true;
  for (const CatalogFile& file : across.files) {
    const auto path = split_below(file.path, parent_);
    if (!path || path->suffix != rows_.back().suffix || path->name <= after_) continue;
    take(file, path->name);
    after_ = path->name;
    was_empty = false;
  }
  is_row_end_ = across.is_end;
  note_answer(was_empty && !is_row_end_);
}

void Strider::ask_by_list() {
  const std::uint32_t count =
      std::clamp(ahead_.window_files(), kNamesPerQuestionMin, kNamesPerQuestionMax);
  std::vector<std::string> paths;
  for (; place_ < names_->size() && paths.size() < count; ++place_)
    paths.push_back(path_in_row((*names_)[place_], rows_.back().suffix));
  is_row_end_ = place_ >= names_->size();
  catalog_.find(std::move(paths), answer<std::vector<CatalogFile>>(&Strider::take_found));
}

// The answer may be in any order; the reader's order counts.
void Strider::take_found(std::vector<CatalogFile>& files) {
  std::vector<std::pair<std::size_t, std::size_t>> places;
  std::vector<std::string> names(files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto path = split_below(files[i].path, parent_);
    if (!path || path->suffix != rows_.back().suffix) continue;
    const auto place = places_.find(path->name);
    if (place == places_.end()) continue;
    names[i] = std::move(path->name);
    places.emplace_back(place->second, i);
  }
  std::sort(places.begin(), places.end());
  for (const auto& [place, i] : places) take(files[i], names[i]);
  note_answer(places.empty());
}

void Strider::ask_next_row() {
  hop(path_in_row(first_name_, rows_.back().suffix), step_, 1);
}

// To the file of the next row in the first name's directory.
void Strider::hop(std::string path, std::uint32_t hops_left, std::uint32_t hops_done) {
  hop_from_ = path;
  hops_left_ = hops_left;
  hops_done_ = hops_done;
  catalog_.next_file(std::move(path), answer<std::optional<CatalogFile>>(&Strider::hop_on_answer));
}

void Strider::hop_on_answer(std::optional<CatalogFile>& file) {
  const auto path = file ? split_below(file->path, parent_) : std::nullopt;
  if (!path || path->name != first_name_ || file->path == hop_from_ || hops_done_ >= kHopsMax) {
    is_finished_ = true;
    pump();
    return;
  }
  if (hops_left_ > 1 || has_row(path->suffix) || is_taken_(*this, path->suffix)) {
    hop(file->path, hops_left_ > 1 ? hops_left_ - 1 : 1, hops_done_ + 1);
    return;
  }
  rows_.push_back({++source_row_, path->suffix});
  after_ = first_name_;
  place_ = 1;
  is_row_end_ = mode_ == Mode::by_list && place_ >= names_->size();
  take(*file, first_name_);
  note_answer(false);
}

void Strider::take(const CatalogFile& file, const std::string& name) {
  if (file.length == 0) return;
  const std::uint64_t bytes = std::min(round_up(file.length, options_.geometry.block_bytes),
                                       options_.lookahead.window_bytes_max);
  targets_.push_back({{file.begin, bytes}, name, source_row_});
}

}  // namespace shoal::prefetch
