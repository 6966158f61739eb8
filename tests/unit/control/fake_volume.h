// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "shoal/volume.h"

namespace shoal::control {

// A volume of names and sizes: answers find, list and warm as the real one promises to, from memory
// and on a thread of its own. What is "cached" is a set of pieces.
class FakeVolume final : public Volume {
 public:
  FakeVolume() : thread_([this] { work(); }) {}
  ~FakeVolume() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  // Files get addresses in the order they are added: add them in walk order.
  void add(const std::string& path, std::uint64_t size = 1000, std::uint64_t block = 4096) {
    files_[path] = {next_, size};
    next_ += (size + block - 1) / block * block;
  }
  std::uint64_t cache_bytes_max = 1ull << 40;
  // While true nothing is answered.
  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  std::size_t wait_in_flight(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return tasks_.size() >= count; });
    return tasks_.size();
  }
  // Called for each warm(); its error is the outcome.
  std::function<Result<void>(const WarmRequest&)> on_warm;
  std::vector<WarmRequest> warmed() {
    const std::lock_guard lock(mutex_);
    return warmed_;
  }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> unpinned;
  std::size_t in_flight_max = 0;
  std::vector<ReadOrder> orders;
  mutable std::atomic<std::size_t> lists = 0;
  Result<void> order_result;

  VolumeInfo info() const override { return {}; }
  std::uint64_t size() const override { return next_; }
  void read(std::uint64_t, std::span<std::byte>, std::chrono::steady_clock::time_point,
            ReadDone) override {
    std::abort();  // no command reads
  }
  void warm(const WarmRequest& request, std::chrono::steady_clock::time_point,
            WarmDone done) override {
    const std::lock_guard lock(mutex_);
    tasks_.emplace_back(request, std::move(done));
    in_flight_max = std::max(in_flight_max, tasks_.size());
    changed_.notify_all();
  }
  void unpin(std::uint64_t offset, std::uint64_t bytes) override {
    unpinned.emplace_back(offset, bytes);
  }
  Result<void> set_order(const ReadOrder& order) override {
    if (order_result) orders.push_back(order);
    return order_result;
  }
  PrefetchStatus prefetch_status() const override { return {}; }
  VolumeStats stats() const override {
    VolumeStats stats;
    stats.cache_bytes_max = cache_bytes_max;
    return stats;
  }
  std::vector<std::string> recent_errors() const override { return {}; }

  Result<DirectoryEntry> find(std::string_view path) const override {
    const std::string name(path);
    if (const auto file = files_.find(name); file != files_.end())
      return entry_of(last_of(name), file->second);
    const auto below = files_.lower_bound(name + "/");
    if (!name.empty() && (below == files_.end() || !below->first.starts_with(name + "/")))
      return fail(ErrorCode::not_found, "no " + name);
    DirectoryEntry entry;
    entry.name = last_of(name);
    entry.is_directory = true;
    return entry;
  }
  Result<void> list(std::string_view path,
                    const std::function<bool(const DirectoryEntry&)>& visit) const override {
    ++lists;
    const std::string prefix = path.empty() ? "" : std::string(path) + "/";
    std::map<std::string, DirectoryEntry> entries;
    for (const auto& [name, file] : files_) {
      if (!name.starts_with(prefix)) continue;
      const std::string below = name.substr(prefix.size());
      const auto slash = below.find('/');
      DirectoryEntry entry = entry_of(below.substr(0, slash), file);
      if (slash != std::string::npos) {
        entry = {};
        entry.name = below.substr(0, slash);
        entry.is_directory = true;
      }
      entries.emplace(entry.name, entry);
    }
    for (const auto& [name, entry] : entries)
      if (!visit(entry)) break;
    return {};
  }

 private:
  struct File {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  static std::string last_of(const std::string& path) {
    return path.substr(path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1);
  }
  static DirectoryEntry entry_of(const std::string& name, const File& file) {
    DirectoryEntry entry;
    entry.name = name;
    entry.size = file.size;
    entry.image_offset = file.offset;
    return entry;
  }
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || (!tasks_.empty() && !held_); });
      if (tasks_.empty()) return;
      auto [request, done] = std::move(tasks_.front());
      lock.unlock();
      Result<WarmOutcome> outcome = answer(request);
      lock.lock();
      tasks_.pop_front();
      lock.unlock();
      done(std::move(outcome));
      lock.lock();
    }
  }
  Result<WarmOutcome> answer(const WarmRequest& request) {
    if (stopping_) return fail(ErrorCode::closed, "closed");
    if (on_warm) {
      if (auto result = on_warm(request); !result) return fail(result.error());
    }
    const std::lock_guard lock(mutex_);
    warmed_.push_back(request);
    // A real volume counts blocks.
    const std::uint64_t blocks = (request.bytes + 4095) / 4096 * 4096;
    if (cached_.contains(request.offset)) return WarmOutcome{blocks, 0};
    if (request.check_only) return WarmOutcome{};
    cached_.insert(request.offset);
    return WarmOutcome{0, request.bytes};
  }

  std::map<std::string, File> files_;
  std::uint64_t next_ = 64ull << 30;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<WarmRequest, WarmDone>> tasks_;
  std::vector<WarmRequest> warmed_;
  std::set<std::uint64_t> cached_;
  bool held_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

// Ten files in four directories.
inline void add_tree(FakeVolume& volume) {
  for (const char* path : {"AAPL/2026-01-02.csv", "AAPL/2026-01-05.csv", "AAPL/notes.txt",
                           "MSFT/2026-01-02.csv", "MSFT/2026-01-05.csv", "MSFT/deep/er/x.csv",
                           "a[1].csv", "logs/.hidden", "logs/day=1/part-0", "top"})
    volume.add(path);
}

}  // namespace shoal::control
