// SPDX-License-Identifier: Apache-2.0
#include "upload/bucket_thread.h"

#include "http/default_transport.h"

namespace shoal::upload {

Result<std::unique_ptr<BucketThread>> BucketThread::start(const Options& options) {
  SHOAL_TRY(auto loop_thread, sys::LoopThread::start(options.thread_name.c_str(), {}));
  std::unique_ptr<BucketThread> thread(new BucketThread(std::move(loop_thread)));
  SHOAL_CHECK_OK(thread->run([&] { return thread->make(options); }));
  return thread;
}

Result<void> BucketThread::make(const Options& options) {
  if (options.location.scheme != store::Scheme::file) {
    http::TransportOptions transport;
    transport.connections_max = options.connections_max;
    SHOAL_TRY(transport_, http::make_transport(loop(), transport));
  }
  const store::StoreParts parts{.executor = loop(),
                                .transport = transport_.get(),
                                .governor = options.governor,
                                .counters = &counters_,
                                .retry_deadline = options.retry_deadline};
  SHOAL_TRY(store_, store::open_store(options.location, options.config, parts));
  return {};
}

BucketThread::~BucketThread() {
  run([this] {
    store_.reset();
    transport_.reset();
    return true;
  });
}

}  // namespace shoal::upload
