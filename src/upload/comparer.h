// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "upload/sync.h"

namespace shoal::upload {

// The thread of a watcher that compares the directory with the bucket, which takes as long as the
// listing does. What fails for a passing reason is tried again, for ever.
//
// Thread model: synchronized. The callbacks run on the comparer's thread, one at a time.
class Comparer {
 public:
  struct Callbacks {
    std::function<void(const SyncStep&)> on_step{};
    // It failed and is tried again; once per reason.
    std::function<void(const Error&)> on_trouble{};
    // It has ended; an error means that it will not be tried again.
    std::function<void(Result<SyncCounts>)> on_end{};
  };
  // `list` is borrowed. `options.stop` is not used.
  Comparer(const SyncOptions& options, const ListPages& list, LastSent last_sent,
           Callbacks callbacks);
  ~Comparer() { stop(); }
  Comparer(const Comparer&) = delete;
  Comparer& operator=(const Comparer&) = delete;

  // Compares, after the comparison that may be under way. The first time, errors that somebody has
  // to put right (no such bucket, not allowed) end it.
  void start();
  void stop();
  [[nodiscard]] bool is_idle() const;

 private:
  void run();
  // False: to be tried again.
  bool compare_once();
  void pause();

  SyncOptions options_;
  const ListPages& list_;
  LastSent last_sent_;
  Callbacks callbacks_;
  std::atomic<bool> stop_{false};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool is_wanted_ = false;   // guarded by mutex_
  bool is_running_ = false;  // likewise

  // Of the thread.
  bool is_first_ = true;
  std::string last_trouble_;
  Duration pause_{};

  std::thread thread_;
};

}  // namespace shoal::upload
