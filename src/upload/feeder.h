// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "shoal/uploader.h"

namespace shoal::upload {

// The thread of a watcher that gives files to the uploader, which makes it wait while the journal
// is full.
//
// Thread model: synchronized. The callbacks run on the feeder's thread, one at a time.
class Feeder {
 public:
  struct Callbacks {
    // The uploader does not take this file: it is gone, or may not be read.
    std::function<void(const std::string& key, const Error&)> on_refused{};
    // Nothing can be accepted at the moment, and it is tried again; once per reason.
    std::function<void(const Error&)> on_trouble{};
  };
  // The uploader is borrowed; its accept_timeout bounds the time of stop().
  Feeder(std::filesystem::path root, Uploader& uploader, Callbacks callbacks);
  // Stops. What was given and not accepted is forgotten.
  ~Feeder() { stop(); }
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

  void give(const std::string& key);
  // What was given is not to be sent after all, if that can be had.
  void withdraw(const std::string& key);
  // Nothing is queued and nothing is under way.
  [[nodiscard]] bool is_idle() const;
  // Takes nothing more up and waits for the thread. Returns how many files were left.
  std::size_t stop();

 private:
  void run();
  std::vector<std::string> next_batch_locked();
  void submit(const std::vector<std::string>& keys);
  bool submit_one(const std::string& key);
  void put_back(const std::vector<std::string>& keys, const Error& error);
  void discard(const std::string& key);
  void pause(const Error& error);
  [[nodiscard]] FileToPut file_of(const std::string& key) const;

  std::filesystem::path root_;
  Uploader& uploader_;
  Callbacks callbacks_;
  std::atomic<bool> stop_{false};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> queue_;               // guarded by mutex_, with the two below
  std::unordered_set<std::string> submitting_;  // taken off the queue, not accepted yet
  std::unordered_set<std::string> withdrawn_;   // queued or submitting, and not wanted any more

  // Of the thread.
  std::string last_trouble_;
  Duration pause_{};

  std::thread thread_;
};

}  // namespace shoal::upload
