// SPDX-License-Identifier: Apache-2.0
#include "upload/watcher.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "sys/file_status.h"

namespace shoal::upload {
namespace {

using namespace std::chrono_literals;
using Kind = WatchEvent::Kind;

// A signal may come to another thread and end no wait of ours: how late a stop is noticed.
constexpr Duration kWaitMax = 200ms;
// How often a file is looked at that somebody has open; its closing is told, mostly.
constexpr Duration kWriterCheck = 1s;
constexpr Duration kTellHeldOpen = 60s;  // longer than most files take to be written

TimePoint time_now() {
  return system_clock().now();
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::ready:
      return "ready";
    case Kind::sent:
      return "sent";
    case Kind::deleted:
      return "deleted";
    case Kind::kept:
      return "kept";
    case Kind::changed:
      return "changed";
    case Kind::delayed:
      return "delayed";
    case Kind::refused:
      return "refused";
    case Kind::held_open:
      return "held_open";
    case Kind::skipped:
      return "skipped";
    case Kind::unwatched:
      return "unwatched";
    case Kind::compared:
      return "compared";
    case Kind::lost_events:
      return "lost_events";
    case Kind::trouble:
      return "trouble";
  }
  return "?";
}

Watcher::Watcher(const WatchOptions& options, const ListPages& list, sys::DirectoryWatches& watches,
                 OnEvent on_event)
    : options_(options),
      list_(list),
      watches_(watches),
      on_event_(std::move(on_event)),
      tree_(
          options.sync.local, watches,
          [this](const std::string& key, const Error& error) {
            const bool is_limit = error.code() == ErrorCode::limit;
            if (!is_limit) ++summary_.skipped_errors;
            tell({.kind = is_limit ? Kind::unwatched : Kind::skipped, .key = key, .error = &error});
          }),
      candidates_(options.settle) {
  // A file is deleted only when its content is certain to be in the bucket.
  if (options_.delete_after) options_.sync.checksum = true;
  options_.sync.delete_extra = false;
}

void Watcher::tell(WatchEvent event) {
  on_event_(event);
}

template <typename Fill>
void Watcher::post(Fill fill) {
  {
    const std::lock_guard lock(mutex_);
    fill(inbox_);
  }
  watches_.wake();
}

std::optional<std::string> Watcher::key_of(const std::filesystem::path& file) const {
  const std::string root = local().root.string() + "/";
  if (!file.native().starts_with(root)) return std::nullopt;
  return file.native().substr(root.size());
}

void Watcher::on_upload_event(const UploadEvent& event) {
  Outcome outcome{.kind = event.kind, .key = key_of(event.file).value_or(event.key)};
  if (event.result != nullptr) outcome.bytes = event.result->bytes;
  if (event.error != nullptr) outcome.error = *event.error;
  post([&](Inbox& inbox) { inbox.outcomes.push_back(std::move(outcome)); });
}

Result<WatchSummary> Watcher::run(Uploader& uploader, const std::atomic<bool>& stop) {
  uploader_ = &uploader;
  next_scan_ = time_now() + options_.rescan_interval;
  take_back_half_written();
  uploader.resume();
  // Watched before it is compared: what happens in between is seen twice.
  SHOAL_CHECK_OK(tree_.watch_all());
  feeder_.emplace(
      local().root, uploader,
      Feeder::Callbacks{.on_refused =
                            [this](const std::string& key, const Error& error) {
                              post([&](Inbox& inbox) { inbox.refusals.emplace_back(key, error); });
                            },
                        .on_trouble =
                            [this](const Error& error) {
                              post([&](Inbox& inbox) { inbox.troubles.push_back(error); });
                            }});
  comparer_.emplace(
      options_.sync, list_, [&uploader](const std::string& key) { return uploader.last_sent(key); },
      Comparer::Callbacks{.on_step =
                              [this](const SyncStep& step) {
                                if (step.action == SyncStep::Action::extra) return;
                                if (step.action == SyncStep::Action::keep && !options_.delete_after)
                                  return;
                                post([&](Inbox& inbox) {
                                  if (step.skipped != nullptr)
                                    inbox.skipped.push_back(*step.skipped);
                                  else
                                    inbox.found.push_back(step);
                                });
                              },
                          .on_trouble =
                              [this](const Error& error) {
                                post([&](Inbox& inbox) { inbox.troubles.push_back(error); });
                              },
                          .on_end =
                              [this](Result<SyncCounts> counts) {
                                post([&](Inbox& inbox) {
                                  inbox.compared.push_back(std::move(counts));
                                });
                              }});
  comparer_->start();
  const auto ended = loop(stop);
  wind_down();
  if (!ended) return fail(ended.error());
  return summary_;
}

// What an earlier process gave to the uploader may be written again by now: the comparison finds
// it.
void Watcher::take_back_half_written() {
  for (const Uploader::Pending& work : uploader_->pending()) {
    const auto key = key_of(work.file);
    if (key && is_half_written(*key))
      ignore(uploader_->discard(work.id), "it has its outcome already");
  }
}

Result<void> Watcher::loop(const std::atomic<bool>& stop) {
  while (!stop.load() && !is_done()) {
    SHOAL_TRY(const auto events, tree_.read(wait_max(time_now())));
    const TimePoint now = time_now();
    for (const TreeEvent& event : events) SHOAL_CHECK_OK(on_tree(event, now));
    SHOAL_CHECK_OK(read_inbox(now));
    if (tree_.has_unwatched() && now >= next_scan_) {
      for (const TreeEvent& event : tree_.scan_unwatched()) SHOAL_CHECK_OK(on_tree(event, now));
      next_scan_ = time_now() + options_.rescan_interval;
    }
    for (const std::string& key : candidates_.due(now)) check(key, now);
    publish();
  }
  return {};
}

void Watcher::publish() {
  const WatchStats now{.is_ready = is_ready_,
                       .files_unsent = candidates_.size(),
                       .lost_events = summary_.overflows,
                       .deleted = summary_.deleted,
                       .refused = summary_.refused};
  const std::lock_guard lock(mutex_);
  stats_ = now;
}

WatchStats Watcher::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

Duration Watcher::wait_max(TimePoint now) const {
  Duration wait = kWaitMax;
  if (const auto due = candidates_.next_due()) wait = std::min(wait, *due - now);
  return std::max(wait, Duration::zero());
}

// Everything has an outcome, and the events of all that was done before have been read.
bool Watcher::is_done() const {
  return options_.once && is_ready_ && candidates_.size() == 0 && feeder_->is_idle() &&
         comparer_->is_idle() && uploader_->stats().pending == 0;
}

// ---- events of the directory

Result<void> Watcher::on_tree(const TreeEvent& event, TimePoint now) {
  using Touch = Candidates::Touch;
  bool was_handed = false;
  switch (event.kind) {
    case TreeEvent::Kind::written:
      was_handed = candidates_.touch(event.key, now, Touch::written);
      break;
    case TreeEvent::Kind::closed:
      was_handed = candidates_.touch(event.key, now, Touch::closed);
      break;
    case TreeEvent::Kind::found:
      // What is with the uploader is looked at again when it was sent.
      if (!candidates_.is_handed(event.key)) candidates_.touch(event.key, now, Touch::found);
      break;
    case TreeEvent::Kind::gone:
      drop(event.key);
      break;
    case TreeEvent::Kind::directory_gone:
      for (const std::string& key : candidates_.finish_below(event.key)) feeder_->withdraw(key);
      break;
    case TreeEvent::Kind::lost:
      return after_lost_events();
    case TreeEvent::Kind::root_gone:
      return fail(ErrorCode::not_found,
                  "watch " + local().root.string() + ": the directory was removed or renamed",
                  "Start again when it is there.");
  }
  if (was_handed) feeder_->withdraw(event.key);
  return {};
}

Result<void> Watcher::after_lost_events() {
  ++summary_.overflows;
  tell({.kind = Kind::lost_events,
        .text = "everything is compared with the bucket; raise "
                "/proc/sys/fs/inotify/max_queued_events if it happens often"});
  SHOAL_CHECK_OK(tree_.watch_all());
  comparer_->start();
  return {};
}

void Watcher::drop(const std::string& key) {
  // With the uploader it ends by itself: the file is gone.
  if (!candidates_.is_handed(key)) candidates_.finish(key);
}

// ---- a file that has settled

void Watcher::check(const std::string& key, TimePoint now) {
  const auto file = look_at(key);
  if (!file) {
    candidates_.finish(key);
    return;
  }
  if (is_half_written(key)) {
    if (candidates_.postpone(key, now, kWriterCheck, kTellHeldOpen))
      tell({.kind = Kind::held_open,
            .key = key,
            .text = "somebody has it open for writing; it is sent once it is closed"});
    return;
  }
  if (is_sent(*file)) {
    candidates_.finish(key);
    if (options_.delete_after) delete_sent(*file);
    return;
  }
  candidates_.hand_over(key);
  feeder_->give(key);
}

std::optional<LocalFile> Watcher::look_at(const std::string& key) {
  return local_file(local(), key, [this](const SkippedFile& skipped) { tell_skipped(skipped); });
}

void Watcher::tell_skipped(const SkippedFile& skipped) {
  if (skipped.reason != SkippedFile::Reason::excluded)
    tell({.kind = Kind::skipped, .key = skipped.key, .text = skipped.text});
}

bool Watcher::is_half_written(const std::string& key) const {
  const auto writers = sys::writers_of(local().root / key);
  if (!writers) return false;  // whoever opens it next will say why not
  if (*writers == sys::Writers::not_known) return candidates_.is_being_written(key);
  return *writers == sys::Writers::some;
}

bool Watcher::is_sent(const LocalFile& file) const {
  const auto sent = uploader_->last_sent(file.key);
  return sent && sent->file == local().root / file.key && sent->size == file.status.size &&
         sent->mtime_ns == file.status.mtime_ns && sent->ctime_ns == file.status.ctime_ns &&
         sent->inode == file.status.inode;
}

void Watcher::delete_sent(const LocalFile& file) {
  const auto path = local().root / file.key;
  const auto gone = sys::unlink_unchanged(path, file.status);
  if (!gone && gone.error().code() == ErrorCode::not_found) return;
  if (gone && *gone) {
    ++summary_.deleted;
    tell({.kind = Kind::deleted, .key = file.key, .bytes = file.status.size});
    return;
  }
  WatchEvent event{.kind = Kind::kept, .key = file.key};
  if (gone)
    event.text = "it changed, somebody has it open for writing, or it is a symbolic link";
  else
    event.error = &gone.error();
  tell(std::move(event));
}

// ---- what other threads have to say

Result<void> Watcher::read_inbox(TimePoint now) {
  Inbox inbox;
  {
    const std::lock_guard lock(mutex_);
    std::swap(inbox, inbox_);
  }
  for (const auto& [key, error] : inbox.refusals) {
    candidates_.finish(key);
    if (error.code() == ErrorCode::not_found) continue;
    ++summary_.refused;
    tell({.kind = Kind::refused, .key = key, .error = &error});
  }
  for (const Outcome& outcome : inbox.outcomes) on_outcome(outcome, now);
  for (const SyncStep& step : inbox.found) {
    if (step.action == SyncStep::Action::send)
      SHOAL_CHECK_OK(on_tree({TreeEvent::Kind::found, step.key}, now));
    else if (!candidates_.is_handed(step.key) && step.status)
      delete_sent({step.key, *step.status});
  }
  for (const SkippedFile& skipped : inbox.skipped) tell_skipped(skipped);
  for (const Error& error : inbox.troubles) tell({.kind = Kind::trouble, .error = &error});
  for (const auto& counts : inbox.compared) {
    if (!counts) return fail(counts.error());
    on_compared(*counts);
  }
  return {};
}

void Watcher::on_compared(const SyncCounts& counts) {
  summary_.skipped_errors = counts.skipped_errors;
  const bool is_first = !std::exchange(is_ready_, true);
  tell({.kind = is_first ? Kind::ready : Kind::compared,
        .text = std::to_string(counts.files) + " files, " + std::to_string(counts.send) +
                " to be sent, " + std::to_string(tree_.watched()) + " directories watched"});
}

void Watcher::on_outcome(const Outcome& outcome, TimePoint now) {
  const Error* error = outcome.error ? &*outcome.error : nullptr;
  switch (outcome.kind) {
    case UploadEvent::Kind::sent:
      delays_.erase(outcome.key);
      ++summary_.sent;
      summary_.sent_bytes += outcome.bytes;
      tell({.kind = Kind::sent, .key = outcome.key, .bytes = outcome.bytes});
      on_sent(outcome.key, now);
      return;
    case UploadEvent::Kind::changed:
      tell({.kind = Kind::changed, .key = outcome.key});
      return;
    case UploadEvent::Kind::delayed:
      if (error == nullptr) return;
      if (std::exchange(delays_[outcome.key], error->message()) != error->message())
        tell({.kind = Kind::delayed, .key = outcome.key, .error = error});
      return;
    case UploadEvent::Kind::refused:
    case UploadEvent::Kind::waiting: {
      delays_.erase(outcome.key);
      const bool was_handed = candidates_.is_handed(outcome.key);
      if (was_handed) candidates_.finish(outcome.key);
      // A file that went before it was sent is no failure, nor is one that was taken back.
      const bool is_expected = error != nullptr && (error->code() == ErrorCode::not_found ||
                                                    error->code() == ErrorCode::canceled);
      if (is_expected) return;
      if (outcome.kind == UploadEvent::Kind::refused) ++summary_.refused;
      tell({.kind = Kind::refused, .key = outcome.key, .error = error});
      return;
    }
  }
}

void Watcher::on_sent(const std::string& key, TimePoint now) {
  const bool is_settling = !candidates_.is_handed(key) && candidates_.is_known(key);
  if (is_settling) return;  // it has changed since, and has its turn
  const auto file = look_at(key);
  if (!file) {
    candidates_.finish(key);
    return;
  }
  if (!is_sent(*file)) {
    // Changed since it was read, and the event of that is still to come or was lost.
    candidates_.touch(key, now, Candidates::Touch::found);
    return;
  }
  candidates_.finish(key);
  if (options_.delete_after) delete_sent(*file);
}

// ---- the end

void Watcher::wind_down() {
  comparer_->stop();
  const std::size_t not_given = feeder_->stop();
  const TimePoint deadline = time_now() + options_.stop_timeout;
  for (;;) {
    const auto flushed = uploader_->flush(200ms);
    ignore(read_inbox(time_now()), "it is the end already");
    const bool is_over = flushed || flushed.error().code() != ErrorCode::timeout;
    if (uploader_->stats().pending == 0 || time_now() >= deadline) break;
    if (is_over && uploader_->stats().pending == uploader_->stats().waiting) break;
  }
  ignore(read_inbox(time_now()), "it is the end already");
  const std::uint64_t pending = uploader_->stats().pending;
  summary_.left = pending + not_given + candidates_.settling();
}

}  // namespace shoal::upload
