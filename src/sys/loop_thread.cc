// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <thread>

#include "sys/loop.h"
#include "sys/thread_name.h"

namespace shoal::sys {

class LoopThread::Impl {
 public:
  Impl(const char* name, std::unique_ptr<Loop> loop)
      : loop_(std::move(loop)), thread_([this, name = std::string(name)] {
          name_this_thread(name);
          loop_->run();
        }) {}
  ~Impl() {
    loop_->stop();
    thread_.join();
  }
  Loop& loop() { return *loop_; }

 private:
  std::unique_ptr<Loop> loop_;
  std::thread thread_;
};

LoopThread::LoopThread(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LoopThread::~LoopThread() = default;

Result<std::unique_ptr<LoopThread>> LoopThread::start(const char* name,
                                                      const Loop::Options& options) {
  SHOAL_TRY(auto loop, Loop::create(options));
  return std::unique_ptr<LoopThread>(new LoopThread(std::make_unique<Impl>(name, std::move(loop))));
}

Loop& LoopThread::loop() {
  return impl_->loop();
}

}  // namespace shoal::sys
