// SPDX-License-Identifier: Apache-2.0
// Goal: every request gets exactly one answer, also from a successor, and never beyond the bounds.
// Method: a message socket in place of /dev/fuse; a Volume whose reads the test finishes by hand.
#include "frontend/fuse/server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "frontend/fuse/report.h"
#include "sys/file.h"
#include "sys/loop.h"
#include "unit/fuse/request_bytes.h"

namespace shoal::fuse {
namespace {

constexpr std::uint64_t kImageBytes = 8u << 20;
constexpr std::uint64_t kOffered =
    protocol::kInitExtended | protocol::kHasResend | protocol::kMaxPages | protocol::kAsyncRead;

std::byte byte_at(std::uint64_t offset) {
  return static_cast<std::byte>(offset * 31 >> 3);
}

// Holds reads until release() lets their completions run.
class HeldVolume final : public Volume {
 public:
  std::uint64_t generation = 1;
  ~HeldVolume() override { release(); }
  void lend_a_loop() {
    auto thread = sys::LoopThread::start("lent", {});
    ASSERT_TRUE(thread) << thread.error().to_string();
    lent_ = std::move(*thread);
  }
  sys::Loop* loop() override { return lent_ ? &lent_->loop() : nullptr; }
  VolumeInfo info() const override {
    VolumeInfo info;
    info.generation = generation;
    return info;
  }
  std::uint64_t size() const override { return kImageBytes; }
  void read(std::uint64_t offset, std::span<std::byte> target,
            std::chrono::steady_clock::time_point, ReadDone done) override {
    {
      const std::lock_guard lock(mutex_);
      held_.push_back({offset, target, std::move(done)});
    }
    changed_.notify_all();
  }
  void warm(const WarmRequest&, std::chrono::steady_clock::time_point, WarmDone done) override {
    done(fail(ErrorCode::unsupported, "no cache"));
  }
  void unpin(std::uint64_t, std::uint64_t) override {}
  Result<void> set_order(const ReadOrder&) override {
    return fail(ErrorCode::unsupported, "no prefetch");
  }
  PrefetchStatus prefetch_status() const override { return {}; }
  VolumeStats stats() const override { return {}; }
  std::vector<std::string> recent_errors() const override { return {}; }
  Result<DirectoryEntry> find(std::string_view) const override {
    return fail(ErrorCode::unsupported, "no names");
  }
  Result<void> list(std::string_view,
                    const std::function<bool(const DirectoryEntry&)>&) const override {
    return fail(ErrorCode::unsupported, "no names");
  }

  // Waits until `count` reads are held.
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return held_.size() >= count; });
  }
  // Finishes what is held, with an error or with bytes, on this thread.
  void release(const Error* error = nullptr) {
    std::vector<Held> batch;
    {
      const std::lock_guard lock(mutex_);
      batch.swap(held_);
    }
    for (Held& read : batch) finish(read, error);
  }
  void release_one() {
    std::unique_lock lock(mutex_);
    Held read = std::move(held_.front());
    held_.erase(held_.begin());
    lock.unlock();
    finish(read, nullptr);
  }

 private:
  struct Held {
    std::uint64_t offset;
    std::span<std::byte> target;
    ReadDone done;
  };
  static void finish(Held& read, const Error* error) {
    for (std::size_t i = 0; i < read.target.size(); ++i) read.target[i] = byte_at(read.offset + i);
    read.done(error != nullptr ? Result<void>(fail(*error)) : Result<void>());
  }
  std::unique_ptr<sys::LoopThread> lent_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Held> held_;
};

// Parameter: the volume lends its loop.
class ServerTest : public testing::TestWithParam<bool> {
 protected:
  ServerTest() {
    char name[] = "/tmp/shoal-fuse-XXXXXX";
    directory_ = mkdtemp(name);
    if (GetParam()) volume_.lend_a_loop();
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    device_ = sys::Fd(ends[0]);
    kernel_ = sys::Fd(ends[1]);
  }
  ~ServerTest() override {
    stop();
    std::filesystem::remove_all(directory_);
  }

  void start(bool allow_resend, std::uint64_t buffer_bytes = 4u << 20) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    ready_ = sys::Fd(ends[0]);
    ready_write_ = sys::Fd(ends[1]);
    auto server = Server::create(volume_, {.fuse_fd = device_.get(),
                                           .session_file = directory_ / "session",
                                           .ready_fd = ready_write_.get(),
                                           .buffer_bytes_max = buffer_bytes,
                                           .allow_resend = allow_resend});
    ASSERT_TRUE(server) << server.error().to_string();
    server_ = std::move(*server);
    thread_ = std::thread([this] {
      const auto outcome = server_->run();
      stopped_cleanly_ = outcome && *outcome == Server::Outcome::stopped;
    });
  }
  void stop() {
    if (!thread_.joinable()) return;
    server_->stop();
    thread_.join();
    EXPECT_TRUE(stopped_cleanly_);
    server_.reset();
  }
  void send(const std::vector<std::byte>& request) const {
    ASSERT_EQ(::write(kernel_.get(), request.data(), request.size()),
              static_cast<ssize_t>(request.size()));
  }
  // The next answer; empty when none comes.
  std::vector<std::byte> receive(int patience_ms = 20000) const {
    pollfd wait{.fd = kernel_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, patience_ms) <= 0) return {};
    std::vector<std::byte> bytes(2u << 20);
    const ssize_t count = ::read(kernel_.get(), bytes.data(), bytes.size());
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
  }
  static fuse_out_header header_of(const std::vector<std::byte>& answer) {
    return load_struct<fuse_out_header>(answer);
  }
  void begin_session(bool allow_resend) {
    start(allow_resend);
    send(init_request(1, 45, kOffered));
    const auto answer = receive();
    EXPECT_EQ(header_of(answer).error, 0);
    EXPECT_EQ(load_struct<fuse_init_out>(answer, sizeof(fuse_out_header)).max_pages, 256u);
  }
  static void expect_bytes(const std::vector<std::byte>& answer, std::uint64_t unique,
                           std::uint64_t offset, std::size_t bytes) {
    const auto header = header_of(answer);
    EXPECT_EQ(header.unique, unique);
    EXPECT_EQ(header.error, 0);
    ASSERT_EQ(answer.size(), sizeof header + bytes);
    for (std::size_t i = 0; i < bytes; ++i)
      ASSERT_EQ(answer[sizeof header + i], byte_at(offset + i)) << i;
  }
  // What a server that is killed leaves: its session and slots, copied while it holds requests.
  void copy_remains(const std::string& to) const {
    std::filesystem::copy_file(directory_ / "session", directory_ / to);
    std::filesystem::copy_file(directory_ / "session.requests", directory_ / (to + ".requests"));
  }
  void restore_remains(const std::string& from) const {
    for (const char* suffix : {"", ".requests"})
      std::filesystem::rename(directory_ / (from + suffix),
                              directory_ / (std::string("session") + suffix));
  }

  std::filesystem::path directory_;
  sys::Fd device_;
  sys::Fd kernel_;
  sys::Fd ready_;
  sys::Fd ready_write_;
  HeldVolume volume_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
  bool stopped_cleanly_ = false;
};

TEST_P(ServerTest, is_ready_once_init_is_answered_and_saved) {
  begin_session(true);
  char report[256];
  const ssize_t bytes = ::read(ready_.get(), report, sizeof report);
  ASSERT_GT(bytes, 0);
  EXPECT_TRUE(decode_report({report, static_cast<std::size_t>(bytes)}));
  const auto session = load_session(directory_ / "session");
  ASSERT_TRUE(session);
  EXPECT_TRUE(session->resend());
  EXPECT_EQ(*session, server_->session());
}

TEST_P(ServerTest, answers_reads_in_any_order_with_exact_bytes) {
  begin_session(true);
  send(read_request(10, 0, 4096));
  send(read_request(12, 12345, 70000));
  ASSERT_TRUE(volume_.wait_for(2));
  send(request_bytes(FUSE_GETATTR, 14, 2));  // overtakes the reads
  EXPECT_EQ(header_of(receive()).unique, 14u);
  volume_.release();
  expect_bytes(receive(), 10, 0, 4096);
  expect_bytes(receive(), 12, 12345, 70000);
  EXPECT_EQ(server_->stats().read_bytes, 74096u);
}

TEST_P(ServerTest, a_failed_read_is_eio_for_that_request_alone) {
  begin_session(true);
  send(read_request(10, 0, 4096));
  ASSERT_TRUE(volume_.wait_for(1));
  const Error error(ErrorCode::precondition, "GET k: replaced");
  volume_.release(&error);
  const auto answer = receive();
  EXPECT_EQ(header_of(answer).error, -EIO);
  EXPECT_EQ(answer.size(), sizeof(fuse_out_header));
  send(read_request(12, 0, 4096));
  ASSERT_TRUE(volume_.wait_for(1));
  volume_.release();
  expect_bytes(receive(), 12, 0, 4096);
  EXPECT_EQ(server_->stats().read_errors, 1u);
}

TEST_P(ServerTest, stops_reading_while_buffers_are_out_and_goes_on_after) {
  start(true, 1u << 20);
  send(init_request(1, 45, kOffered));
  receive();
  // Each takes a buffer of 128 KiB, so the ninth waits for one, and what comes after it, too.
  constexpr std::uint64_t kReads = 12;
  for (std::uint64_t i = 0; i < kReads; ++i) send(read_request(10 + 2 * i, i, (64u << 10) + 1));
  // The ninth is read already or will be, whatever happens; only then are buffers given back.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (server_->stats().paused == 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  ASSERT_EQ(server_->stats().paused, 1u);
  ASSERT_TRUE(volume_.wait_for(8));
  EXPECT_EQ(server_->stats().in_flight, 8u);
  std::map<std::uint64_t, int> answered;
  for (std::uint64_t i = 0; i < kReads; ++i) {
    ASSERT_TRUE(volume_.wait_for(1)) << "after " << i << " answers";
    EXPECT_LE(server_->stats().in_flight, 8u);
    EXPECT_LE(server_->stats().buffer_bytes, 1u << 20);
    volume_.release_one();
    ++answered[header_of(receive()).unique];
  }
  EXPECT_EQ(answered.size(), kReads);
  for (const auto& [unique, times] : answered) EXPECT_EQ(times, 1) << unique;
}

TEST_P(ServerTest, a_successor_asks_the_kernel_to_send_again) {
  begin_session(true);
  send(read_request(10, 0, 4096));
  ASSERT_TRUE(volume_.wait_for(1));
  copy_remains("killed");
  volume_.release();
  receive();
  stop();
  restore_remains("killed");
  start(true);
  const auto notification = header_of(receive());
  EXPECT_EQ(notification.unique, 0u);
  EXPECT_EQ(notification.error, protocol::kNotifyResend);
  send(read_request(protocol::kUniqueResend | 10, 0, 4096));
  ASSERT_TRUE(volume_.wait_for(1));
  volume_.release();
  expect_bytes(receive(), protocol::kUniqueResend | 10, 0, 4096);
  EXPECT_EQ(server_->stats().resent, 1u);
  EXPECT_EQ(server_->stats().restored, 0u);
}

TEST_P(ServerTest, without_resend_a_successor_answers_what_the_slots_hold) {
  begin_session(false);
  send(read_request(10, 5, 4096));
  send(read_request(12, 77, 100));
  ASSERT_TRUE(volume_.wait_for(2));
  copy_remains("killed");
  volume_.release();
  receive();
  receive();
  stop();
  restore_remains("killed");
  start(false);
  ASSERT_TRUE(volume_.wait_for(2));
  volume_.release();
  std::map<std::uint64_t, std::vector<std::byte>> answers;
  for (int i = 0; i < 2; ++i) {
    auto answer = receive();
    answers[header_of(answer).unique] = answer;
  }
  expect_bytes(answers[10], 10, 5, 4096);
  expect_bytes(answers[12], 12, 77, 100);
  EXPECT_EQ(server_->stats().restored, 2u);
  stop();
  start(false);  // nothing is left a second time
  send(request_bytes(FUSE_GETATTR, 20, 2));
  EXPECT_EQ(header_of(receive()).unique, 20u);
  EXPECT_EQ(server_->stats().restored, 0u);
}

TEST_P(ServerTest, answers_what_it_has_read_before_it_stops) {
  begin_session(true);
  send(read_request(10, 0, 4096));
  ASSERT_TRUE(volume_.wait_for(1));
  server_->stop();
  volume_.release();
  thread_.join();
  EXPECT_TRUE(stopped_cleanly_);
  expect_bytes(receive(), 10, 0, 4096);
}

TEST_P(ServerTest, refuses_a_kernel_that_is_too_old) {
  start(true);
  send(init_request(1, 20, 0));
  EXPECT_EQ(header_of(receive()).error, -EPROTO);
  thread_.join();
  EXPECT_FALSE(stopped_cleanly_);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "session"));
}

TEST_P(ServerTest, ignores_a_malformed_request) {
  begin_session(true);
  auto bytes = read_request(10, 0, 4096);
  bytes.pop_back();
  send(bytes);
  send(request_bytes(FUSE_GETATTR, 20, 2));
  EXPECT_EQ(header_of(receive()).unique, 20u);
}

TEST_P(ServerTest, a_volume_that_was_listed_anew_is_not_shown_through_an_older_mount) {
  begin_session(true);
  stop();
  volume_.generation = 2;
  const ServerOptions options{.fuse_fd = device_.get(), .session_file = directory_ / "session"};
  const auto refused = Server::create(volume_, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::precondition);
  EXPECT_NE(refused.error().message().find("generation 1"), std::string::npos);
  volume_.generation = 1;
  EXPECT_TRUE(Server::create(volume_, options));
}

INSTANTIATE_TEST_SUITE_P(Loops, ServerTest, testing::Bool(),
                         [](const auto& loop) { return loop.param ? "of_the_volume" : "its_own"; });

}  // namespace
}  // namespace shoal::fuse
