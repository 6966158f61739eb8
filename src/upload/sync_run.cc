// SPDX-License-Identifier: Apache-2.0
#include "upload/sync_run.h"

#include <chrono>

namespace shoal::upload {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBatchFiles = 1000;  // one write to the journal for so many
constexpr auto kShowInterval = 200ms;

// The journal takes nothing more, from nobody; other errors are of one file.
bool is_final(const Error& error) {
  switch (error.code()) {
    case ErrorCode::not_found:
    case ErrorCode::permission:
    case ErrorCode::bad_input:
      return false;
    default:
      return true;
  }
}

}  // namespace

Result<void> SyncRun::run() {
  const LastSent last_sent = [this](const std::string& key) { return uploader_.last_sent(key); };
  const auto planned =
      plan_sync(options_, list_, last_sent, [this](const SyncStep& step) { return take(step); });
  if (!planned) return fail(planned.error());
  SHOAL_CHECK_OK(submit());
  progress_.counts = *planned;
  progress_.is_planned = true;
  SHOAL_CHECK_OK(wait_for_all());
  return wait_for_recovered();
}

Result<void> SyncRun::go_on() const {
  if (options_.stop == nullptr || !options_.stop->load()) return {};
  return fail(ErrorCode::canceled, "interrupted");
}

Result<void> SyncRun::take(const SyncStep& step) {
  if (observer_.on_step) observer_.on_step(step);
  if (step.status) {
    ++progress_.counts.files;
    progress_.counts.bytes += step.bytes;
  }
  switch (step.action) {
    case SyncStep::Action::send:
      ++progress_.counts.send;
      progress_.counts.send_bytes += step.bytes;
      batch_.push_back({.key = step.key, .file = options_.local.root / step.key});
      return batch_.size() < kBatchFiles ? Result<void>{} : submit();
    case SyncStep::Action::keep:
      ++progress_.counts.keep;
      progress_.counts.keep_bytes += step.bytes;
      break;
    case SyncStep::Action::remove:
      return remove(step.key);
    case SyncStep::Action::extra:
    case SyncStep::Action::skip:
      break;
  }
  return {};
}

Result<void> SyncRun::submit() {
  if (batch_.empty()) return {};
  auto uploads = uploader_.put_objects_from_files(batch_);
  if (uploads) {
    for (std::size_t i = 0; i < batch_.size(); ++i)
      accepted_.push_back({batch_[i].key, /*is_removal=*/false, std::move((*uploads)[i])});
  } else if (is_final(uploads.error())) {
    return fail(std::move(uploads).error());
  } else {
    // One of them is gone, or cannot be read: which one is found out one by one.
    for (const FileToPut& file : batch_) SHOAL_CHECK_OK(submit_one(file));
  }
  batch_.clear();
  harvest();
  show();
  return {};
}

Result<void> SyncRun::submit_one(const FileToPut& file) {
  auto upload = uploader_.put_object_from_file(file.key, file.file, file.options);
  if (upload) {
    accepted_.push_back({file.key, /*is_removal=*/false, std::move(*upload)});
    return {};
  }
  if (is_final(upload.error())) return fail(std::move(upload).error());
  failed(file.key, upload.error());
  return {};
}

Result<void> SyncRun::remove(const std::string& key) {
  ++progress_.counts.remove;
  auto upload = uploader_.remove_object(key);
  if (upload)
    accepted_.push_back({key, /*is_removal=*/true, std::move(*upload)});
  else if (is_final(upload.error()))
    return fail(std::move(upload).error());
  else
    failed(key, upload.error());
  return {};
}

// Takes the outcomes that are there, up to the first that is not.
void SyncRun::harvest() {
  while (!accepted_.empty() && accepted_.front().upload.wait_for(0s) == std::future_status::ready) {
    settle(accepted_.front());
    accepted_.pop_front();
  }
}

void SyncRun::settle(const Accepted& work) {
  const auto& outcome = work.upload.get();
  if (!outcome) {
    failed(work.key, outcome.error());
  } else if (work.is_removal) {
    ++progress_.removed;
  } else {
    ++progress_.sent;
    progress_.sent_bytes += outcome->bytes;
  }
}

Result<void> SyncRun::wait_for_all() {
  for (harvest(); !accepted_.empty(); harvest()) {
    SHOAL_CHECK_OK(go_on());
    show();
    accepted_.front().upload.wait_for(kShowInterval);
  }
  show();
  return {};
}

// What an earlier run left in the journal is of the same directory. Its failures come as events.
Result<void> SyncRun::wait_for_recovered() {
  for (;;) {
    const auto flushed = uploader_.flush(kShowInterval);
    if (flushed || flushed.error().code() != ErrorCode::timeout || uploader_.stats().pending == 0)
      return {};
    SHOAL_CHECK_OK(go_on());
    show();
  }
}

void SyncRun::failed(const std::string& key, const Error& error) {
  ++progress_.failed;
  if (observer_.on_failure) observer_.on_failure(key, error);
}

void SyncRun::show() {
  if (!observer_.on_progress) return;
  const UploaderStats stats = uploader_.stats();
  progress_.waiting = stats.pending;
  progress_.wire_bytes = stats.wire_bytes;
  observer_.on_progress(progress_);
}

}  // namespace shoal::upload
