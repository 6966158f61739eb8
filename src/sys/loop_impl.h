// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "sys/file.h"
#include "sys/loop.h"
#include "sys/receive_buffers.h"
#include "sys/ring.h"
#include "sys/slot_table.h"
#include "sys/timer_heap.h"

namespace shoal::sys {

// Everything other threads hand to a loop. The lock is held for a push or a swap, never over a
// task. synchronized.
class Mailbox {
 public:
  explicit Mailbox(Fd event) : event_(std::move(event)) {}
  [[nodiscard]] int event_fd() const { return event_.get(); }

  void post(Task task);
  void stop();
  // For the loop. True when nothing is waiting: the loop may sleep, and the next post or stop wakes
  // it through the event descriptor. Posts to a loop that is awake cost no system call.
  [[nodiscard]] bool fall_asleep();
  // Swaps the waiting tasks into `tasks` (empty at entry); the loop counts as awake from here on.
  void take(std::vector<Task>& tasks);
  [[nodiscard]] bool stop_requested();
  void forget_stop();

 private:
  void wake();

  Fd event_;
  std::mutex mutex_;
  // Guarded by mutex_:
  std::vector<Task> tasks_;
  bool asleep_ = false;
  bool stop_ = false;
};

class Loop::Impl {
 public:
  Impl(std::unique_ptr<Ring> ring, Fd event);

  void run_until(const std::function<bool()>& done);
  // Cancels what is in the kernel and runs callbacks until nothing is left.
  void drain();
  // Drops tasks, timers and watches while the loop is whole: their destructors may call it.
  void close();

  [[nodiscard]] std::uint64_t add_watch(int fd, std::uint32_t events,
                                        std::move_only_function<void(std::uint32_t)> ready);
  void remove_watch(std::uint64_t id);
  enum class IoKind : std::uint8_t { read, write, send };
  struct Io {
    IoKind kind = IoKind::read;
    int fd = -1;
    std::byte* data = nullptr;
    std::size_t bytes = 0;
    std::size_t progress = 0;
    std::uint64_t offset = 0;
    IoDone done = {};
  };
  void start_io(Io io);
  [[nodiscard]] std::uint64_t add_receiver(int socket, Arrived arrived);
  void remove_receiver(std::uint64_t id);
  void close_later(Fd fd) { closing_.push_back(std::move(fd)); }

  Mailbox mailbox;
  TimerHeap timers;

 private:
  struct Watch {
    int fd = -1;
    std::uint32_t events = 0;
    std::move_only_function<void(std::uint32_t)> ready;
    bool armed = false;  // a poll is in the kernel or on its way there
    bool dead = false;   // the kernel refused to poll the descriptor
  };
  struct Receiver {
    int socket = -1;
    Arrived arrived;
    bool armed = false;    // an operation is in the kernel or on its way there
    bool stopped = false;  // gone for its owner; waits for the kernel to let go
    bool ended = false;    // the last word was said
    // Where the kernel cannot choose a buffer: its own, and one piece at a time.
    std::unique_ptr<std::byte[]> buffer{};
  };

  void step(bool may_sleep);
  void dispatch_completions();
  void dispatch(const Ring::Completion& completion);
  void run_posted();
  void run_due_timers();
  void arm_wake();
  void arm_watches();
  void arm(std::uint64_t id, Watch& watch);
  void cancel_operation(std::uint64_t user_data);
  void cancel_receive(std::uint64_t id);
  [[nodiscard]] static std::uint64_t receive_tag(std::uint64_t id);
  void on_poll(std::uint64_t id, int result);
  [[nodiscard]] static const char* verb_of(IoKind kind);
  void submit_io(std::uint64_t id, const Io& io);
  void on_io(std::uint64_t id, int result);
  void finish_io(std::uint64_t id, Result<std::size_t> result);
  void arm_receivers();
  void arm_receiver(std::uint64_t id, Receiver& receiver);
  void on_receive(std::uint64_t id, const Ring::Completion& completion);
  void hand_over(std::uint64_t id, Result<ByteSpan> piece);
  [[nodiscard]] bool anything_armed();

  std::unique_ptr<Ring> ring_;
  SlotTable<Watch> watches_;
  SlotTable<Io> ios_;
  SlotTable<Receiver> receivers_;
  std::optional<ReceiveBuffers> buffers_;
  bool buffers_work_ = true;  // until the kernel has refused them
  std::vector<Fd> closing_;   // closed after the next submission
  std::vector<Task> batch_;   // tasks taken from the mailbox; kept for its capacity
  bool wake_armed_ = false;
  bool draining_ = false;
};

}  // namespace shoal::sys
