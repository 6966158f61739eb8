// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "shoal/uploader.h"
#include "sys/file_status.h"

namespace shoal::testing {

// An uploader that remembers what it accepts and gives an outcome when the test says so.
// synchronized.
class FakeUploader final : public Uploader {
 public:
  explicit FakeUploader(std::function<void(const UploadEvent&)> on_event = {})
      : on_event_(std::move(on_event)) {}

  struct Work {
    std::uint64_t id = 0;
    std::string key;
    std::filesystem::path file;
    bool is_removal = false;
    std::promise<Result<Uploaded>> promise{};
    Upload upload{};
  };

  // Every work is sent at once, as it is accepted.
  void send_at_once(bool at_once) {
    const std::lock_guard lock(mutex_);
    at_once_ = at_once;
  }
  // While set, a put waits as it does when the journal is full.
  void set_full(bool full) {
    const std::lock_guard lock(mutex_);
    full_ = full;
    room_.notify_all();
  }
  void refuse_next(Error error) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(error);
  }
  // Ends all pending work as sent: reads the files as they are now.
  void send_all() {
    for (;;) {
      std::unique_lock lock(mutex_);
      if (pending_.empty()) return;
      Work work = std::move(pending_.front());
      pending_.erase(pending_.begin());
      lock.unlock();
      end(std::move(work));
    }
  }
  void tell(UploadEvent event) { on_event_(event); }
  void set_last_sent(const std::string& key, SentFile sent) {
    const std::lock_guard lock(mutex_);
    last_sent_[key] = std::move(sent);
  }

  // Keys accepted so far, in order.
  [[nodiscard]] std::vector<std::string> accepted() const {
    const std::lock_guard lock(mutex_);
    return accepted_;
  }
  // What the bucket has: key to content.
  [[nodiscard]] std::map<std::string, std::string> bucket() const {
    const std::lock_guard lock(mutex_);
    return bucket_;
  }
  [[nodiscard]] std::uint64_t sent_count(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = sent_counts_.find(key);
    return found == sent_counts_.end() ? 0 : found->second;
  }
  [[nodiscard]] std::vector<std::string> removed() const {
    const std::lock_guard lock(mutex_);
    return removed_;
  }
  [[nodiscard]] std::size_t discarded() const {
    const std::lock_guard lock(mutex_);
    return discarded_;
  }

  Result<Upload> put_object(std::string_view, std::span<const std::byte>,
                            const PutOptions&) override {
    return fail(ErrorCode::unsupported, "not in this fake");
  }
  Result<Upload> put_object_from_file(std::string_view key, const std::filesystem::path& file,
                                      const PutOptions&) override {
    return accept({.id = 0, .key = std::string(key), .file = file});
  }
  Result<std::vector<Upload>> put_objects_from_files(std::span<const FileToPut> files) override {
    {
      const std::lock_guard lock(mutex_);
      if (refusal_) {
        Error error = std::move(*refusal_);
        refusal_.reset();
        return fail(std::move(error));
      }
    }
    std::vector<Upload> uploads;
    for (const FileToPut& file : files)
      uploads.push_back(accept({.id = 0, .key = file.key, .file = file.file}));
    return uploads;
  }
  Result<Upload> append_object(std::string_view, std::optional<std::uint64_t>,
                               std::span<const std::byte>) override {
    return fail(ErrorCode::unsupported, "not in this fake");
  }
  Result<Upload> remove_object(std::string_view key) override {
    return accept({.id = 0, .key = std::string(key), .file = {}, .is_removal = true});
  }
  Result<void> flush(std::chrono::milliseconds timeout) override {
    std::unique_lock lock(mutex_);
    if (idle_.wait_for(lock, timeout, [&] { return pending_.empty(); })) return {};
    return fail(ErrorCode::timeout, "flush: work is left");
  }
  void resume() {}
  Result<void> discard(std::uint64_t id) override {
    std::unique_lock lock(mutex_);
    const auto found = std::ranges::find(pending_, id, &Work::id);
    if (found == pending_.end()) return fail(ErrorCode::not_found, "no such work");
    Work work = std::move(*found);
    pending_.erase(found);
    ++discarded_;
    if (pending_.empty()) idle_.notify_all();
    lock.unlock();
    work.promise.set_value(fail(ErrorCode::canceled, "discarded"));
    return {};
  }
  std::vector<Pending> pending() const override {
    const std::lock_guard lock(mutex_);
    std::vector<Pending> all;
    for (const Work& work : pending_) {
      Pending& one = all.emplace_back();
      one.id = work.id;
      one.key = work.key;
      one.file = work.file;
    }
    return all;
  }
  UploaderStats stats() const override {
    const std::lock_guard lock(mutex_);
    UploaderStats stats;
    stats.accepted = accepted_.size();
    stats.pending = pending_.size();
    return stats;
  }
  std::optional<SentFile> last_sent(std::string_view key) const override {
    const std::lock_guard lock(mutex_);
    const auto found = last_sent_.find(std::string(key));
    return found == last_sent_.end() ? std::nullopt : std::optional(found->second);
  }
  Result<void> forget_sent() override { return {}; }
  const std::string& url() const override { return url_; }
  const std::filesystem::path& journal() const override { return journal_; }

 private:
  Upload accept(Work work) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return !full_; });
    work.id = ++last_id_;
    accepted_.push_back(work.key);
    work.upload = work.promise.get_future().share();
    const Upload upload = work.upload;
    if (!at_once_) {
      pending_.push_back(std::move(work));
      return upload;
    }
    lock.unlock();
    end(std::move(work));
    return upload;
  }

  void end(Work work) {
    Uploaded uploaded;
    uploaded.key = work.key;
    UploadEvent event;
    event.id = work.id;
    event.key = work.key;
    event.file = work.file;
    std::optional<Error> error;
    if (!work.is_removal) {
      const auto status = sys::file_status(work.file, /*follow=*/true);
      if (!status) error = status.error();
      std::ifstream file(work.file, std::ios::binary);
      const std::string content{std::istreambuf_iterator<char>(file), {}};
      const std::lock_guard lock(mutex_);
      uploaded.bytes = content.size();
      uploaded.etag = "etag-" + std::to_string(work.id);
      if (status) {
        bucket_[work.key] = content;
        ++sent_counts_[work.key];
        last_sent_[work.key] = {.file = work.file,
                                .size = status->size,
                                .mtime_ns = status->mtime_ns,
                                .ctime_ns = status->ctime_ns,
                                .inode = status->inode,
                                .etag = uploaded.etag};
      }
    } else {
      const std::lock_guard lock(mutex_);
      removed_.push_back(work.key);
    }
    event.kind = error ? UploadEvent::Kind::refused : UploadEvent::Kind::sent;
    event.error = error ? &*error : nullptr;
    event.result = error ? nullptr : &uploaded;
    if (on_event_) on_event_(event);
    if (error)
      work.promise.set_value(fail(*error));
    else
      work.promise.set_value(uploaded);
    const std::lock_guard lock(mutex_);
    if (pending_.empty()) idle_.notify_all();
  }

  std::function<void(const UploadEvent&)> on_event_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable idle_;
  bool at_once_ = true;
  bool full_ = false;
  std::optional<Error> refusal_;
  std::uint64_t last_id_ = 0;
  std::size_t discarded_ = 0;
  std::vector<Work> pending_;
  std::vector<std::string> accepted_;
  std::vector<std::string> removed_;
  std::map<std::string, std::string> bucket_;
  std::map<std::string, std::uint64_t> sent_counts_;
  std::map<std::string, SentFile> last_sent_;
  std::string url_ = "s3://bucket/";
  std::filesystem::path journal_;
};

}  // namespace shoal::testing
