// SPDX-License-Identifier: Apache-2.0
// Goal: the loop delivers every event once, in order, on its own thread, and stops cleanly.
// Method: real io_uring, pipes, files and threads; progress is awaited through run_until, never by
// sleeping.

#include "sys/loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sys/file.h"
#include "temporary_directory.h"

namespace shoal::sys {
namespace {

using namespace std::chrono_literals;
using testing::TemporaryDirectory;

std::unique_ptr<Loop> make_loop(std::uint32_t queue_depth = 64) {
  auto loop = Loop::create({.queue_depth = queue_depth});
  EXPECT_TRUE(loop) << loop.error().to_string();
  return std::move(*loop);
}

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    out = Fd(ends[0]);
    in = Fd(ends[1]);
  }
  void put(std::string_view text) const {
    EXPECT_EQ(::write(in.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  char get() const {
    char c = 0;
    EXPECT_EQ(::read(out.get(), &c, 1), 1);
    return c;
  }
  Fd out;
  Fd in;
};

TEST(Loop, timers_run_in_the_order_of_their_times_not_of_their_creation) {
  auto loop = make_loop();
  std::string order;
  loop->after(3ms, [&] { order += 'c'; });
  loop->after(1ms, [&] { order += 'a'; });
  loop->after(2ms, [&] { order += 'b'; });
  loop->run_until([&] { return order.size() == 3; });
  EXPECT_EQ(order, "abc");
}

TEST(Loop, a_timer_does_not_run_before_its_delay_has_passed) {
  auto loop = make_loop();
  const TimePoint start = loop->clock().now();
  bool fired = false;
  loop->after(20ms, [&] { fired = true; });
  loop->run_until([&] { return fired; });
  EXPECT_GE(loop->clock().now() - start, 20ms);
}

TEST(Loop, a_cancelled_timer_never_runs_even_when_cancelled_by_an_earlier_timer_of_the_same_turn) {
  auto loop = make_loop();
  bool wrong = false;
  bool last = false;
  LoopExecutor::TimerId second;
  loop->after(0ms, [&] { loop->cancel(second); });
  second = loop->after(0ms, [&] { wrong = true; });
  const auto third = loop->after(0ms, [&] { wrong = true; });
  loop->cancel(third);
  loop->cancel(third);
  loop->after(1ms, [&] { last = true; });
  loop->run_until([&] { return last; });
  EXPECT_FALSE(wrong);
}

TEST(Loop, many_timers_survive_random_cancellation) {
  auto loop = make_loop();
  std::vector<LoopExecutor::TimerId> timers;
  std::vector<int> fired(2000, 0);
  for (std::size_t i = 0; i < fired.size(); ++i)
    timers.push_back(
        loop->after(std::chrono::microseconds(i * 7919 % 2000), [&, i] { ++fired[i]; }));
  for (std::size_t i = 0; i < fired.size(); i += 3) loop->cancel(timers[i]);
  bool last = false;
  loop->after(3ms, [&] { last = true; });
  loop->run_until([&] { return last; });
  for (std::size_t i = 0; i < fired.size(); ++i) EXPECT_EQ(fired[i], i % 3 == 0 ? 0 : 1) << i;
}

TEST(Loop, tasks_posted_by_many_threads_all_run_once_and_in_each_threads_order) {
  auto loop = make_loop();
  constexpr int kThreads = 4;
  constexpr int kTasks = 20000;
  std::vector<int> next(kThreads, 0);
  int ran = 0;
  bool in_order = true;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kTasks; ++i)
        loop->post([&, t, i] {
          in_order = in_order && next[static_cast<std::size_t>(t)]++ == i;
          ++ran;
        });
    });
  loop->run_until([&] { return ran == kThreads * kTasks; });
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(in_order);
}

// One post at a time to a sleeping loop: a lost wake would hang here.
TEST(Loop, ping_pong_between_two_loops_loses_no_wake) {
  auto loop = make_loop();  // outlives the thread that posts to it
  auto other = LoopThread::start("ping", {});
  ASSERT_TRUE(other);
  int rounds = 0;
  std::function<void()> ping = [&] {
    (*other)->loop().post([&] {
      loop->post([&] {
        if (++rounds < 5000) ping();
      });
    });
  };
  ping();
  loop->run_until([&] { return rounds == 5000; });
}

TEST(Loop, a_task_posted_from_the_loop_runs_later_not_inside_post) {
  auto loop = make_loop();
  bool inner = false;
  bool inner_during_post = true;
  loop->post([&] {
    loop->post([&] { inner = true; });
    inner_during_post = inner;
  });
  loop->run_until([&] { return inner; });
  EXPECT_FALSE(inner_during_post);
}

TEST(Loop, a_watch_is_called_again_while_data_remain) {
  auto loop = make_loop();
  const Pipe pipe;
  std::string got;
  const auto watch = loop->watch(pipe.out.get(), POLLIN, [&](std::uint32_t events) {
    EXPECT_TRUE(events & POLLIN);
    got += pipe.get();  // one byte of three
  });
  pipe.put("abc");
  loop->run_until([&] { return got.size() == 3; });
  EXPECT_EQ(got, "abc");
  loop->unwatch(watch);
}

TEST(Loop, a_watch_removed_with_its_poll_in_flight_stays_silent) {
  auto loop = make_loop();
  const Pipe pipe;
  bool called = false;
  const auto watch = loop->watch(pipe.out.get(), POLLIN, [&](std::uint32_t) { called = true; });
  bool turned = false;
  loop->after(1ms, [&] { turned = true; });
  loop->run_until([&] { return turned; });  // the poll is in the kernel
  loop->unwatch(watch);
  pipe.put("x");
  // The new watch takes the old one's slot; the old one's completion must not reach it.
  std::uint32_t events = 0;
  const auto second = loop->watch(pipe.in.get(), POLLOUT, [&](std::uint32_t e) { events = e; });
  loop->run_until([&] { return events != 0; });
  EXPECT_EQ(events, std::uint32_t{POLLOUT});
  EXPECT_FALSE(called);
  loop->unwatch(second);
  loop->unwatch(second);
}

TEST(Loop, a_watch_may_remove_itself_and_add_others_in_its_callback) {
  auto loop = make_loop();
  const Pipe pipe;
  pipe.put("x");
  int calls = 0;
  int others = 0;
  Loop::WatchId watch;
  std::vector<Loop::WatchId> added;
  watch = loop->watch(pipe.out.get(), POLLIN, [&](std::uint32_t) {
    ++calls;
    loop->unwatch(watch);
    for (int i = 0; i < 100; ++i)
      added.push_back(loop->watch(pipe.in.get(), POLLOUT, [&](std::uint32_t) { ++others; }));
  });
  loop->run_until([&] { return others >= 300; });
  EXPECT_EQ(calls, 1);
  for (const auto& id : added) loop->unwatch(id);
}

TEST(Loop, watching_a_closed_descriptor_reports_it_once_and_does_not_spin) {
  auto loop = make_loop();
  int calls = 0;
  std::uint32_t events = 0;
  loop->watch(1'000'000, POLLIN, [&](std::uint32_t e) {
    ++calls;
    events = e;
  });
  bool last = false;
  loop->after(5ms, [&] { last = true; });
  loop->run_until([&] { return last; });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(events, std::uint32_t{POLLNVAL});
}

TEST(Loop, more_operations_than_the_queue_holds_all_complete) {
  auto loop = make_loop(64);
  const TemporaryDirectory directory;
  auto file = File::open(directory / "f", File::Mode::create);
  ASSERT_TRUE(file);
  constexpr std::size_t kBlocks = 5000;
  constexpr std::size_t kBytes = 512;
  std::vector<std::byte> source(kBlocks * kBytes);
  for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<std::byte>(i / kBytes);
  std::size_t done = 0;
  for (std::size_t i = 0; i < kBlocks; ++i)
    loop->write(file->fd(), ByteSpan(source).subspan(i * kBytes, kBytes), i * kBytes,
                [&](Result<std::size_t> n) {
                  EXPECT_EQ(n.value_or(0), kBytes);
                  ++done;
                });
  EXPECT_EQ(done, 0u);
  loop->run_until([&] { return done == kBlocks; });

  std::vector<std::byte> target(source.size());
  done = 0;
  loop->post([&] {
    for (std::size_t i = 0; i < kBlocks; ++i)
      loop->read(file->fd(), MutableByteSpan(target).subspan(i * kBytes, kBytes), i * kBytes,
                 [&](Result<std::size_t> n) {
                   EXPECT_EQ(n.value_or(0), kBytes);
                   ++done;
                 });
  });
  loop->run_until([&] { return done == kBlocks; });
  EXPECT_EQ(source, target);
}

TEST(Loop, a_read_is_short_at_the_end_of_the_file_and_errors_carry_the_errno_text) {
  auto loop = make_loop();
  const TemporaryDirectory directory;
  ASSERT_TRUE(write_text_file(directory / "f", "hello"));
  auto file = File::open(directory / "f", File::Mode::read_only);
  ASSERT_TRUE(file);
  std::array<std::byte, 64> target{};
  Result<std::size_t> at_start = fail(ErrorCode::bug, "not called");
  Result<std::size_t> past_end = fail(ErrorCode::bug, "not called");
  Result<std::size_t> written = std::size_t{0};
  int done = 0;
  loop->read(file->fd(), target, 0, [&](Result<std::size_t> n) {
    at_start = n;
    ++done;
  });
  loop->read(file->fd(), target, 99, [&](Result<std::size_t> n) {
    past_end = n;
    ++done;
  });
  loop->write(file->fd(), as_bytes("x"), 0, [&](Result<std::size_t> n) {
    written = n;
    ++done;
  });
  loop->run_until([&] { return done == 3; });
  EXPECT_EQ(at_start.value_or(0), 5u);
  EXPECT_EQ(as_text(ByteSpan(target).first(5)), "hello");
  EXPECT_EQ(past_end.value_or(1), 0u);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::io);
  EXPECT_NE(written.error().message().find("Bad file descriptor"), std::string::npos);
}

TEST(Loop, a_short_read_of_a_message_descriptor_is_not_continued) {
  auto loop = make_loop();
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  const Fd a(ends[0]);
  const Fd b(ends[1]);
  std::array<std::byte, 64> target{};
  std::size_t got = 0;
  loop->read(a.get(), target, 0, [&](Result<std::size_t> n) { got = n.value_or(0); });
  ASSERT_EQ(::write(b.get(), "abc", 3), 3);
  ASSERT_EQ(::write(b.get(), "defg", 4), 4);
  loop->run_until([&] { return got != 0; });
  EXPECT_EQ(got, 3u);
}

TEST(Loop, stop_cancels_operations_in_flight_and_runs_their_callbacks_once) {
  const Pipe pipe;
  int flags = fcntl(pipe.out.get(), F_GETFL);
  ASSERT_EQ(fcntl(pipe.out.get(), F_SETFL, flags & ~O_NONBLOCK), 0);
  std::array<std::byte, 8> target{};
  std::vector<ErrorCode> outcomes;
  bool late = false;
  {
    auto thread = LoopThread::start("stopping", {});
    ASSERT_TRUE(thread);
    Loop& loop = (*thread)->loop();
    std::promise<void> started;
    loop.post([&] {
      loop.watch(pipe.out.get(), POLLIN, [](std::uint32_t) { ADD_FAILURE(); });
      loop.after(1h, [] { ADD_FAILURE(); });
      loop.read(pipe.out.get(), target, 0, [&](Result<std::size_t> n) {
        outcomes.push_back(n ? ErrorCode::bug : n.error().code());
        // Started while stopping: ends the same way, also not inside the call.
        loop.read(pipe.out.get(), target, 0, [&](Result<std::size_t> m) {
          outcomes.push_back(m ? ErrorCode::bug : m.error().code());
          late = true;
        });
        EXPECT_FALSE(late);
      });
      started.set_value();
    });
    started.get_future().wait();
  }
  EXPECT_EQ(outcomes, (std::vector{ErrorCode::canceled, ErrorCode::canceled}));
}

TEST(Loop, stop_before_run_returns_at_once_and_the_loop_can_run_again) {
  auto loop = make_loop();
  const Pipe pipe;
  int calls = 0;
  const auto watch = loop->watch(pipe.out.get(), POLLIN, [&](std::uint32_t) {
    pipe.get();
    ++calls;
  });
  loop->stop();
  loop->run();
  EXPECT_EQ(calls, 0);
  pipe.put("x");
  loop->run_until([&] { return calls == 1; });  // the watch is polled again
  loop->unwatch(watch);
}

TEST(Loop, a_loop_destroyed_without_run_ends_its_operations_first) {
  const Pipe pipe;
  fcntl(pipe.out.get(), F_SETFL, 0);
  std::array<std::byte, 8> target{};
  int outcomes = 0;
  {
    auto loop = make_loop();
    loop->read(pipe.out.get(), target, 0, [&](Result<std::size_t> n) {
      EXPECT_FALSE(n);
      ++outcomes;
    });
  }
  EXPECT_EQ(outcomes, 1);
}

TEST(Loop, tasks_that_never_ran_are_destroyed_with_the_loop) {
  auto token = std::make_shared<int>(1);
  {
    auto loop = make_loop();
    loop->post([token] { ADD_FAILURE(); });
    loop->after(0ms, [token] { ADD_FAILURE(); });
    EXPECT_EQ(token.use_count(), 3);
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(WorkerPool, the_destructor_finishes_what_was_posted) {
  std::atomic<int> ran = 0;
  {
    WorkerPool pool("worker", 3);
    for (int i = 0; i < 10000; ++i) pool.post([&] { ran.fetch_add(1); });
  }
  EXPECT_EQ(ran.load(), 10000);
}

TEST(LoopThread, threads_carry_their_name) {
  auto thread = LoopThread::start("a-name-longer-than-fifteen", {});
  ASSERT_TRUE(thread);
  std::promise<std::string> name;
  (*thread)->loop().post([&] {
    char text[16] = {};
    pthread_getname_np(pthread_self(), text, sizeof text);
    name.set_value(text);
  });
  EXPECT_EQ(name.get_future().get(), "a-name-longer-t");
}

// ---- sockets

struct SocketPair {
  SocketPair() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours = Fd(ends[0]);
    theirs = Fd(ends[1]);
  }
  Fd ours;
  Fd theirs;
};

TEST(Loop, a_receiver_gets_every_byte_in_order_and_then_the_end) {
  auto loop = make_loop();
  SocketPair pair;
  std::string sent;
  for (int i = 0; i < 400'000; ++i) sent += static_cast<char>('a' + i * 7 % 26);
  std::thread peer([&] {
    for (std::size_t at = 0; at < sent.size();) {
      const ssize_t count = ::send(pair.theirs.get(), sent.data() + at,
                                   std::min<std::size_t>(30'001, sent.size() - at), 0);
      ASSERT_GT(count, 0);
      at += static_cast<std::size_t>(count);
    }
    shutdown(pair.theirs.get(), SHUT_WR);
  });
  std::string got;
  int ends = 0;
  const auto id = loop->receive(pair.ours.get(), [&](Result<ByteSpan> piece) {
    ASSERT_TRUE(piece) << piece.error().to_string();
    EXPECT_EQ(ends, 0);
    if (piece->empty()) ++ends;
    got += as_text(*piece);
  });
  loop->run_until([&] { return ends > 0; });
  peer.join();
  EXPECT_EQ(got, sent);
  loop->stop_receiving(id);
  loop->stop_receiving(id);
}

TEST(Loop, a_stopped_receiver_is_silent_also_when_it_stops_itself) {
  auto loop = make_loop();
  SocketPair pair;
  int calls = 0;
  Loop::ReceiverId id;
  id = loop->receive(pair.ours.get(), [&](Result<ByteSpan>) {
    ++calls;
    loop->stop_receiving(id);
  });
  ASSERT_EQ(::send(pair.theirs.get(), "x", 1, 0), 1);
  loop->run_until([&] { return calls == 1; });
  ASSERT_EQ(::send(pair.theirs.get(), "y", 1, 0), 1);
  // Another receiver takes over the stream where the first one left it.
  std::string got;
  const auto second =
      loop->receive(pair.ours.get(), [&](Result<ByteSpan> piece) { got += as_text(*piece); });
  loop->run_until([&] { return !got.empty(); });
  EXPECT_EQ(got, "y");
  EXPECT_EQ(calls, 1);
  loop->stop_receiving(second);
}

TEST(Loop, more_receivers_than_buffers_all_get_their_bytes) {
  auto loop = make_loop();
  constexpr std::size_t kPairs = 300;
  std::vector<SocketPair> pairs(kPairs);
  std::vector<std::string> got(kPairs);
  std::size_t complete = 0;
  for (std::size_t i = 0; i < kPairs; ++i) {
    ASSERT_EQ(::send(pairs[i].theirs.get(), "0123456789", 10, 0), 10);
    loop->receive(pairs[i].ours.get(), [&, i](Result<ByteSpan> piece) {
      got[i] += as_text(*piece);
      if (got[i].size() == 10) ++complete;
    });
  }
  loop->run_until([&] { return complete == kPairs; });
  for (const std::string& text : got) EXPECT_EQ(text, "0123456789");
}

TEST(Loop, a_send_of_more_than_the_socket_holds_ends_when_all_is_taken) {
  auto loop = make_loop();
  SocketPair pair;
  const std::vector<std::byte> source(3 << 20, std::byte{'z'});
  std::size_t received = 0;
  loop->receive(pair.theirs.get(), [&](Result<ByteSpan> piece) { received += piece->size(); });
  std::optional<Result<std::size_t>> outcome;
  loop->send(pair.ours.get(), source,
             [&](Result<std::size_t> result) { outcome = std::move(result); });
  EXPECT_FALSE(outcome);
  loop->run_until([&] { return outcome && received == source.size(); });
  ASSERT_TRUE(*outcome);
  EXPECT_EQ(**outcome, source.size());
}

TEST(Loop, shutdown_ends_a_send_that_nobody_takes) {
  auto loop = make_loop();
  SocketPair pair;
  const std::vector<std::byte> source(8 << 20);
  std::optional<Result<std::size_t>> outcome;
  loop->send(pair.ours.get(), source,
             [&](Result<std::size_t> result) { outcome = std::move(result); });
  loop->after(1ms, [&] { shutdown(pair.ours.get(), SHUT_RDWR); });
  loop->run_until([&] { return outcome.has_value(); });
  ASSERT_FALSE(*outcome);
  EXPECT_EQ(outcome->error().code(), ErrorCode::io);
}

TEST(Loop, a_socket_closed_in_the_turn_of_its_receive_does_not_give_its_number_away) {
  auto loop = make_loop();
  SocketPair first;
  bool wrong = false;
  std::string got;
  std::optional<SocketPair> second;
  loop->after(0ms, [&] {
    const auto id = loop->receive(first.ours.get(), [&](Result<ByteSpan>) { wrong = true; });
    loop->stop_receiving(id);
    loop->close(std::move(first.ours));
    second.emplace();  // would get the same number, had it been closed already
    EXPECT_EQ(::send(second->theirs.get(), "mine", 4, 0), 4);
    loop->receive(second->ours.get(), [&](Result<ByteSpan> piece) { got += as_text(*piece); });
  });
  loop->run_until([&] { return got.size() == 4; });
  EXPECT_FALSE(wrong);
  EXPECT_EQ(got, "mine");
  char byte = 0;
  EXPECT_EQ(::recv(first.theirs.get(), &byte, 1, 0), 0) << "the other side sees the end";
}

TEST(Loop, a_stopped_loop_can_be_run_again_and_receives_on) {
  auto loop = make_loop();
  SocketPair pair;
  std::string got;
  loop->receive(pair.ours.get(), [&](Result<ByteSpan> piece) { got += as_text(*piece); });
  loop->after(0ms, [&] { loop->stop(); });
  loop->run();
  ASSERT_EQ(::send(pair.theirs.get(), "later", 5, 0), 5);
  loop->run_until([&] { return got.size() == 5; });
  EXPECT_EQ(got, "later");
}

}  // namespace
}  // namespace shoal::sys
