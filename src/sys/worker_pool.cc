// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sys/loop.h"
#include "sys/thread_name.h"

namespace shoal::sys {

// The queue has no bound of its own because post() may not block; whoever posts bounds how much it
// has under way (requests in flight, files open).
class WorkerPool::Impl {
 public:
  Impl(const std::string& name, unsigned threads) {
    for (unsigned i = 0; i < std::max(threads, 1u); ++i)
      threads_.emplace_back([this, name] {
        name_this_thread(name);
        work();
      });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void post(Task task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_one();
  }

 private:
  void work() {
    for (;;) {
      Task task = next();
      if (!task) return;
      task();
    }
  }

  // Waits for a task; an empty one means the pool is closing and nothing is left.
  Task next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closing_ || !tasks_.empty(); });
    if (tasks_.empty()) return {};
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    return task;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::deque<Task> tasks_;
  bool closing_ = false;

  std::vector<std::thread> threads_;
};

WorkerPool::WorkerPool(const char* name, unsigned threads)
    : impl_(std::make_unique<Impl>(name, threads)) {}
WorkerPool::~WorkerPool() = default;
void WorkerPool::post(Task task) {
  impl_->post(std::move(task));
}

}  // namespace shoal::sys
