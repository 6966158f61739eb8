// SPDX-License-Identifier: Apache-2.0
#include "volume/fetch_thread.h"

#include <fmt/format.h>

#include <future>
#include <utility>

#include "http/default_transport.h"

namespace shoal::volume {
namespace {

// Runs `work` on the loop's thread and waits for it. Only while starting and stopping, when the
// loop has nothing else to do: the wait is as long as the work.
template <typename Work>
auto run_on(sys::Loop& loop, Work work) {
  std::packaged_task<decltype(work())()> task(std::move(work));
  auto outcome = task.get_future();
  // The task moves to the loop: its last steps may come after this call has returned.
  loop.post([task = std::move(task)]() mutable { task(); });
  return outcome.get();
}

}  // namespace

Result<std::unique_ptr<FetchThread>> FetchThread::start(const Options& options) {
  const std::string name = fmt::format("shoal-fetch-{}", options.number);
  SHOAL_TRY(auto loop_thread, sys::LoopThread::start(name.c_str(), {}));
  std::unique_ptr<FetchThread> thread(new FetchThread(std::move(loop_thread)));
  SHOAL_CHECK_OK(run_on(thread->thread_->loop(), [&] { return thread->make(options); }));
  return thread;
}

Result<void> FetchThread::make(const Options& options) {
  sys::Loop& loop = thread_->loop();
  io_.emplace(loop);
  if (options.location.scheme != store::Scheme::file) {
    http::TransportOptions transport;
    transport.connections_max = options.connections_max;
    transport.counters = options.transport_counters;
    SHOAL_TRY(transport_, http::make_transport(loop, transport));
  }
  const store::StoreParts parts{.executor = loop,
                                .transport = transport_.get(),
                                .parser = nullptr,
                                .governor = options.governor,
                                .counters = &counters_,
                                .on_failed_try = options.on_failed_try};
  SHOAL_TRY(store_, store::open_store(options.location, options.store, parts));
  return {};
}

void FetchThread::finish_turn() {
  run_on(thread_->loop(), [] { return true; });
}

FetchThread::~FetchThread() {
  run_on(thread_->loop(), [this] {
    store_.reset();
    transport_.reset();
    return true;
  });
}

}  // namespace shoal::volume
