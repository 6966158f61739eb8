// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "base/executor.h"
#include "base/result.h"
#include "sys/file.h"

namespace shoal::sys {

// One thread's event loop on one io_uring: socket readiness, file reads and writes, timers, and
// tasks posted by other threads. It is what a fetch thread, a lister thread and the FUSE server's
// thread run on.
//
// Thread model: confined to the thread that calls run(); post() and stop() are synchronized.
class Loop final : public LoopExecutor {
 public:
  struct Options {
    std::uint32_t queue_depth = 1024;  // SQ entries; more operations than that queue in user space
  };
  // Fails with unsupported when the kernel refuses io_uring (say how to enable it).
  [[nodiscard]] static Result<std::unique_ptr<Loop>> create(const Options& options);
  ~Loop() override;

  // Runs until stop(). Operations still in flight at the end are cancelled and their callbacks run
  // with ErrorCode::canceled before run() returns; tasks posted by then run too, timers do not
  // fire.
  void run();
  // Runs until `done` returns true, checked after every batch of events. For commands and tests.
  void run_until(const std::function<bool()>& done);
  void stop();

  void post(Task task) override;
  TimerId after(Duration delay, Task task) override;
  void cancel(TimerId timer) override;
  [[nodiscard]] const Clock& clock() const override;

  // Calls `ready(revents)` each time the descriptor has one of `events` (POLLIN, POLLOUT) until
  // unwatch(). Level-triggered as seen from outside. The descriptor must stay open until unwatch();
  // one that cannot be polled is reported once, as POLLNVAL.
  struct WatchId {
    std::uint64_t value = 0;
  };
  WatchId watch(int fd, std::uint32_t events, std::move_only_function<void(std::uint32_t)> ready);
  void unwatch(WatchId watch);

  // Reads up to `target.size()` bytes (short only at the end of a regular file, and for descriptors
  // of messages or streams, where one read is one message) or writes all of `source` at
  // `offset`. The memory must stay alive until the callback has run. Errors carry the errno text.
  using IoDone = std::move_only_function<void(Result<std::size_t>)>;
  void read(int fd, MutableByteSpan target, std::uint64_t offset, IoDone done);
  void write(int fd, ByteSpan source, std::uint64_t offset, IoDone done);

  // Sends all of `source` on a connected stream socket; `source` must stay alive until the callback
  // has run, which shutdown(2) brings about. The socket is a blocking one, here and below.
  void send(int socket, ByteSpan source, IoDone done);

  // Calls `arrived` with each piece of a stream's bytes as it comes, in order; the end of the
  // stream is an empty piece, and nothing follows it or an error. The bytes are the loop's own
  // memory, good during the call only. One receiver stays armed for many pieces: no call into the
  // kernel for each.
  struct ReceiverId {
    std::uint64_t value = 0;
  };
  using Arrived = std::move_only_function<void(Result<ByteSpan>)>;
  ReceiverId receive(int socket, Arrived arrived);
  // `arrived` is called no more. May be called from it.
  void stop_receiving(ReceiverId receiver);
  // Closes the descriptor once everything prepared for it has reached the kernel, which knows
  // operations by the number of their descriptor until then. For sockets that were sent to or
  // received from in this turn.
  void close(Fd fd);

 private:
  class Impl;
  explicit Loop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A Loop with a thread of its own, named `name` (15 characters at most) for top and gdb.
class LoopThread {
 public:
  [[nodiscard]] static Result<std::unique_ptr<LoopThread>> start(const char* name,
                                                                 const Loop::Options& options);
  ~LoopThread();  // stops and joins
  [[nodiscard]] Loop& loop();

 private:
  class Impl;
  explicit LoopThread(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A pool of threads for work on the CPU (parsing, compression) or on blocking files, kept off the
// loops. post() is synchronized. The destructor finishes what was posted.
class WorkerPool final : public Executor {
 public:
  WorkerPool(const char* name, unsigned threads);
  ~WorkerPool() override;
  void post(Task task) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::sys
