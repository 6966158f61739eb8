// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "cache/file_io.h"
#include "http/transport.h"
#include "store/counters.h"
#include "store/governor.h"
#include "store/open.h"
#include "sys/loop.h"
#include "volume/data_path.h"

namespace shoal::volume {

// A thread with everything a ChunkOwner needs: a ring, a transport on that ring, and a store.
// What is confined to the thread is made and destroyed on it.
class FetchThread {
 public:
  struct Options {
    std::uint32_t number = 0;
    store::Location location;
    store::StoreConfig store;
    store::Governor* governor = nullptr;
    std::uint32_t connections_max = 0;
    // Shared by all threads of a volume, which outlives them; null: nobody looks.
    http::TransportCounters* transport_counters = nullptr;
    store::FailureObserver on_failed_try{};  // called on the thread
  };
  [[nodiscard]] static Result<std::unique_ptr<FetchThread>> start(const Options& options);
  // Precondition: no call of the store is wanted any longer; those under way are given up.
  ~FetchThread();
  // Waits until the thread has ended whatever it is doing at this moment. A thread that has posted
  // to another one may still be inside that post, so all threads finish a turn before any loop
  // dies.
  void finish_turn();
  [[nodiscard]] sys::Loop& loop() { return thread_->loop(); }
  [[nodiscard]] const store::StoreCounters& counters() const { return counters_; }  // synchronized
  [[nodiscard]] FetchThreadParts parts() { return {thread_->loop(), *io_, *store_}; }

 private:
  explicit FetchThread(std::unique_ptr<sys::LoopThread> thread) : thread_(std::move(thread)) {}
  Result<void> make(const Options& options);

  store::StoreCounters counters_;
  std::unique_ptr<sys::LoopThread> thread_;
  std::optional<cache::LoopFileIo> io_;
  std::unique_ptr<http::Transport> transport_;
  std::unique_ptr<store::ObjectStore> store_;
};

}  // namespace shoal::volume
