// SPDX-License-Identifier: Apache-2.0
#include "upload/feeder.h"

#include <algorithm>
#include <chrono>

namespace shoal::upload {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBatchFiles = 1000;  // one write to the journal for so many
constexpr Duration kPauseMin = 1s;
constexpr Duration kPauseMax = 60s;  // a service that was down for an hour is found again soon

// Errors of one file; others are the journal's and everybody's.
bool is_of_one_file(const Error& error) {
  return error.code() == ErrorCode::not_found || error.code() == ErrorCode::permission ||
         error.code() == ErrorCode::bad_input;
}

}  // namespace

Feeder::Feeder(std::filesystem::path root, Uploader& uploader, Callbacks callbacks)
    : root_(std::move(root)), uploader_(uploader), callbacks_(std::move(callbacks)) {
  thread_ = std::thread([this] { run(); });
}

void Feeder::give(const std::string& key) {
  const std::lock_guard lock(mutex_);
  // Still queued from before it was withdrawn: it only becomes wanted again.
  if (withdrawn_.erase(key) > 0 && !submitting_.contains(key)) return;
  queue_.push_back(key);
  changed_.notify_one();
}

void Feeder::withdraw(const std::string& key) {
  {
    const std::lock_guard lock(mutex_);
    if (submitting_.contains(key) || std::ranges::find(queue_, key) != queue_.end()) {
      withdrawn_.insert(key);
      return;
    }
  }
  discard(key);
}

bool Feeder::is_idle() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty() && submitting_.empty();
}

std::size_t Feeder::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  return queue_.size() - std::min(queue_.size(), withdrawn_.size());
}

void Feeder::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stop_ || !queue_.empty(); });
    if (stop_) return;
    const std::vector<std::string> keys = next_batch_locked();
    lock.unlock();
    if (!keys.empty()) submit(keys);
  }
}

std::vector<std::string> Feeder::next_batch_locked() {
  std::vector<std::string> keys;
  while (!queue_.empty() && keys.size() < kBatchFiles) {
    std::string key = std::move(queue_.front());
    queue_.pop_front();
    if (withdrawn_.erase(key) > 0) continue;
    if (submitting_.insert(key).second) keys.push_back(std::move(key));
  }
  return keys;
}

FileToPut Feeder::file_of(const std::string& key) const {
  return {.key = key, .file = root_ / key};
}

void Feeder::submit(const std::vector<std::string>& keys) {
  std::vector<FileToPut> files;
  files.reserve(keys.size());
  for (const std::string& key : keys) files.push_back(file_of(key));
  const auto uploads = uploader_.put_objects_from_files(files);
  std::size_t accepted = keys.size();
  if (!uploads && !is_of_one_file(uploads.error())) {
    put_back(keys, uploads.error());
    return;
  }
  if (!uploads) {
    accepted = 0;
    while (accepted < keys.size() && submit_one(keys[accepted])) ++accepted;
  }
  std::vector<std::string> unwanted;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < accepted; ++i) {
      submitting_.erase(keys[i]);
      if (withdrawn_.erase(keys[i]) > 0) unwanted.push_back(keys[i]);
    }
    // The journal ended it half-way: the rest comes again.
    for (std::size_t i = accepted; i < keys.size(); ++i) {
      submitting_.erase(keys[i]);
      queue_.push_back(keys[i]);
    }
  }
  for (const std::string& key : unwanted) discard(key);
  if (accepted == keys.size()) pause_ = {};
}

// False when no other file would be taken either.
bool Feeder::submit_one(const std::string& key) {
  const FileToPut file = file_of(key);
  const auto upload = uploader_.put_object_from_file(file.key, file.file, file.options);
  if (upload) return true;
  if (!is_of_one_file(upload.error())) {
    pause(upload.error());
    return false;
  }
  callbacks_.on_refused(key, upload.error());
  return true;
}

void Feeder::put_back(const std::vector<std::string>& keys, const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& key : keys) {
      submitting_.erase(key);
      if (withdrawn_.erase(key) == 0) queue_.push_back(key);
    }
  }
  pause(error);
}

// A full journal is no trouble, but what it is there for.
void Feeder::pause(const Error& error) {
  if (error.code() == ErrorCode::limit) return;
  if (std::exchange(last_trouble_, error.message()) != error.message())
    callbacks_.on_trouble(error);
  pause_ = std::clamp(pause_ * 2, kPauseMin, kPauseMax);
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, pause_, [&] { return stop_.load(); });
}

void Feeder::discard(const std::string& key) {
  const auto path = root_ / key;
  for (const Uploader::Pending& work : uploader_.pending())
    if (work.file == path)
      ignore(uploader_.discard(work.id), "it has its outcome: the file is looked at again then");
}

}  // namespace shoal::upload
