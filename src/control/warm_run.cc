// SPDX-License-Identifier: Apache-2.0
#include "control/warm_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/bytes.h"
#include "control/selection.h"

namespace shoal::control {
namespace {

using State = WarmProgress::State;

// Failures that the next file would meet, too.
bool is_fatal(ErrorCode code) {
  return code == ErrorCode::closed || code == ErrorCode::limit || code == ErrorCode::no_space ||
         code == ErrorCode::unsupported || code == ErrorCode::bug;
}

void keep_first(std::vector<std::string>& names, std::string name) {
  if (names.size() < limits::kNamesKept) names.push_back(std::move(name));
}

// What files take in a cache of whole blocks. Their addresses tell the block size.
class Space {
 public:
  void add(const DirectoryEntry& entry) {
    if (entry.size == 0) return;
    small_blocks_ |= entry.image_offset % 4096 != 0;
    in_4096_ += round_up(entry.size, 4096);
    in_512_ += round_up(entry.size, 512);
  }
  [[nodiscard]] std::uint64_t bytes() const { return small_blocks_ ? in_512_ : in_4096_; }

 private:
  bool small_blocks_ = false;
  std::uint64_t in_4096_ = 0;
  std::uint64_t in_512_ = 0;
};

}  // namespace

std::string_view name_of(WarmSpec::Action action) noexcept {
  constexpr std::array<std::string_view, 3> kNames{"warm", "check", "unpin"};
  return kNames[static_cast<std::size_t>(action)];
}

std::string_view name_of(State state) noexcept {
  constexpr std::array<std::string_view, 6> kNames{"waiting", "counting", "running",
                                                   "done",    "failed",   "canceled"};
  return kNames[static_cast<std::size_t>(state)];
}

// Shared with the completions in flight, which may run after the WarmRun is gone; the last of them
// destroys it.
struct WarmRun::Shared {
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  // Guarded by mutex.
  WarmProgress progress;
  TimePoint started{};
  TimePoint ended{};
  std::uint32_t pieces_in_flight = 0;
  std::uint64_t bytes_in_flight = 0;
  bool stopped = false;    // start nothing
  bool abandoned = false;  // do not wait either
  std::optional<Error> fatal;

  void set_state(State state) {
    const std::lock_guard lock(mutex);
    progress.state = state;
    changed.notify_all();
  }
};

// One file on its way: the last of its pieces counts it.
struct WarmRun::FileTask {
  std::shared_ptr<Shared> shared;
  std::string path;
  std::uint64_t bytes = 0;
  WarmSpec::Action action = WarmSpec::Action::warm;
  // Guarded by shared->mutex.
  std::uint64_t pieces_left = 0;
  std::uint64_t present_bytes = 0;
  std::optional<Error> error;

  void end_piece(std::uint64_t piece_bytes, Result<WarmOutcome> outcome) {
    const std::lock_guard lock(shared->mutex);
    WarmProgress& progress = shared->progress;
    --shared->pieces_in_flight;
    shared->bytes_in_flight -= piece_bytes;
    if (outcome) {
      // A volume counts blocks; a file ends inside one.
      const std::uint64_t present = std::min(outcome->present_bytes, piece_bytes);
      present_bytes += present;
      progress.bytes_present += present;
      progress.bytes_fetched += outcome->fetched_bytes;
      if (action == WarmSpec::Action::check && present < piece_bytes) ++progress.requests;
    } else if (!error) {
      if (is_fatal(outcome.error().code())) {
        shared->stopped = true;
        if (!shared->fatal) shared->fatal = outcome.error();
      }
      error = std::move(outcome).error();
    }
    progress.bytes_done += piece_bytes;
    if (--pieces_left == 0) end_file();
    shared->changed.notify_all();
  }

  void end_file() {
    WarmProgress& progress = shared->progress;
    ++progress.files_done;
    if (error) {
      ++progress.files_failed;
      keep_first(progress.failures, path + ": " + error->to_string());
    } else if (present_bytes >= bytes) {
      ++progress.files_present;
    } else if (action == WarmSpec::Action::check) {
      keep_first(progress.absent, path);
    }
  }
};

WarmRun::WarmRun(Volume& volume, WarmSpec spec, const Clock& clock)
    : volume_(volume), spec_(std::move(spec)), clock_(clock), shared_(std::make_shared<Shared>()) {}

void WarmRun::run() {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->progress.state != State::waiting) return;  // canceled before it began
    shared_->started = clock_.now();
    shared_->progress.state = State::counting;
  }
  end([&]() -> Result<void> {
    SHOAL_CHECK_OK(count());
    SHOAL_CHECK_OK(refuse_too_much());
    shared_->set_state(State::running);
    return act();
  }());
}

Result<void> WarmRun::count() {
  Space space;
  SHOAL_TRY(const auto matched,
            select_files(volume_, spec_.paths, [&](std::string_view, const DirectoryEntry& entry) {
              space.add(entry);
              const std::lock_guard lock(shared_->mutex);
              ++shared_->progress.files;
              shared_->progress.bytes += entry.size;
              return !shared_->stopped;
            }));
  space_bytes_ = space.bytes();
  const std::lock_guard lock(shared_->mutex);
  if (shared_->stopped) return {};
  for (std::size_t i = 0; i < matched.size(); ++i) {
    if (matched[i]) continue;
    ++shared_->progress.unmatched;
    keep_first(shared_->progress.unmatched_names, spec_.paths[i].text());
  }
  return {};
}

Result<void> WarmRun::refuse_too_much() {
  if (spec_.action != WarmSpec::Action::warm || spec_.force) return {};
  const std::uint64_t cache_bytes = volume_.stats().cache_bytes_max;
  if (space_bytes_ <= cache_bytes) return {};
  const std::lock_guard lock(shared_->mutex);
  return fail(
      ErrorCode::limit,
      fmt::format("{} files take {} of cache, which holds at most {}", shared_->progress.files,
                  human_bytes(space_bytes_), human_bytes(cache_bytes)),
      "Name fewer files, mount with a larger --cache-size, or use --force: what comes last "
      "then pushes out what came first.");
}

Result<void> WarmRun::act() {
  SHOAL_TRY(
      [[maybe_unused]] const auto matched,
      select_files(volume_, spec_.paths, [&](std::string_view path, const DirectoryEntry& entry) {
        return start_file(path, entry);
      }));
  std::unique_lock lock(shared_->mutex);
  // Bounded: every piece has a deadline.
  shared_->changed.wait(lock, [&] { return shared_->pieces_in_flight == 0 || shared_->abandoned; });
  if (shared_->fatal) return fail(*shared_->fatal);
  return {};
}

bool WarmRun::start_file(std::string_view path, const DirectoryEntry& entry) {
  if (spec_.action == WarmSpec::Action::unpin || entry.size == 0) {
    unpin_file(path, entry);
    const std::lock_guard lock(shared_->mutex);
    return !shared_->stopped;
  }
  auto file = std::make_shared<FileTask>();
  file->shared = shared_;
  file->path = path;
  file->bytes = entry.size;
  file->action = spec_.action;
  file->pieces_left = (entry.size + limits::kPieceBytes - 1) / limits::kPieceBytes;
  for (std::uint64_t at = 0; at < entry.size; at += limits::kPieceBytes)
    if (!start_piece(file, entry.image_offset + at, std::min(limits::kPieceBytes, entry.size - at)))
      return false;
  return true;
}

// Counts it as done: nothing of an empty file can be fetched, and to unpin is a matter of memory.
void WarmRun::unpin_file(std::string_view, const DirectoryEntry& entry) {
  if (entry.size > 0) volume_.unpin(entry.image_offset, entry.size);
  const std::lock_guard lock(shared_->mutex);
  ++shared_->progress.files_done;
  shared_->progress.bytes_done += entry.size;
  if (entry.size == 0) ++shared_->progress.files_present;
}

bool WarmRun::start_piece(const std::shared_ptr<FileTask>& file, std::uint64_t offset,
                          std::uint64_t bytes) {
  {
    std::unique_lock lock(shared_->mutex);
    shared_->changed.wait(lock, [&] {
      return shared_->stopped || (shared_->pieces_in_flight < spec_.parallel &&
                                  (shared_->pieces_in_flight == 0 ||
                                   shared_->bytes_in_flight + bytes <= limits::kBytesInFlightMax));
    });
    if (shared_->stopped) return false;
    ++shared_->pieces_in_flight;
    shared_->bytes_in_flight += bytes;
  }
  const WarmRequest request{.offset = offset,
                            .bytes = bytes,
                            .pin = spec_.pin,
                            .check_only = spec_.action == WarmSpec::Action::check};
  volume_.warm(request, clock_.now() + spec_.timeout, [file, bytes](Result<WarmOutcome> outcome) {
    file->end_piece(bytes, std::move(outcome));
  });
  return true;
}

void WarmRun::end(Result<void> result) {
  const std::lock_guard lock(shared_->mutex);
  WarmProgress& progress = shared_->progress;
  shared_->ended = clock_.now();
  if (!result) {
    progress.state = State::failed;
    progress.error = std::move(result).error();
  } else {
    progress.state = shared_->stopped ? State::canceled : State::done;
  }
  shared_->changed.notify_all();
}

void WarmRun::cancel() {
  const std::lock_guard lock(shared_->mutex);
  shared_->stopped = true;
  if (shared_->progress.state == State::waiting) {
    shared_->started = shared_->ended = clock_.now();
    shared_->progress.state = State::canceled;
  }
  shared_->changed.notify_all();
}

void WarmRun::abandon() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->abandoned = true;
  }
  cancel();
}

WarmProgress WarmRun::progress() const {
  const std::lock_guard lock(shared_->mutex);
  WarmProgress copy = shared_->progress;
  if (copy.state != State::waiting) {
    const TimePoint until = copy.is_over() ? shared_->ended : clock_.now();
    copy.elapsed_seconds = std::chrono::duration<double>(until - shared_->started).count();
  }
  return copy;
}

bool WarmRun::wait_over(Duration patience) const {
  std::unique_lock lock(shared_->mutex);
  return shared_->changed.wait_for(lock, patience, [&] { return shared_->progress.is_over(); });
}

}  // namespace shoal::control
