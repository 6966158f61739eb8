// SPDX-License-Identifier: Apache-2.0
// Goal: a mount outlives its server, ends completely, and never stays behind half-made.
// Method: real keeper and server processes (this program again) on an EROFS image of 3,000 files,
// killed, unmounted and kept busy in every order; every byte is compared. Needs root; skipped else.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "e2e/survival/mount_test.h"

namespace shoal::survival {
namespace {

namespace fs = std::filesystem;

class Survival : public MountTest {
 protected:
  // Reads everything in four threads while the server is killed five times.
  void read_through_five_kills() {
    std::atomic<std::uint64_t> progress{0};
    std::atomic<bool> done{false};
    std::jthread killer([&] {
      for (std::uint64_t kill = 1; kill <= 5; ++kill) {
        const std::uint64_t at = dataset->files().size() * kill / 6;
        while (progress < at && !done) ::poll(nullptr, 0, 1);
        ASSERT_FALSE(done) << "read everything before kill " << kill;
        kill_server();
      }
    });
    const auto result =
        read_all(*dataset, mount_point_, 4, false, [&](std::uint64_t files) { progress = files; });
    done = true;
    killer.join();
    expect_exact(result);
    EXPECT_EQ(state().server_restarts, 5u);
  }
};

TEST_F(Survival, five_kills_of_the_server_are_not_noticed_by_readers) {
  const auto mounted = mount(options({"--delay-us", "1000"}));
  if (!mounted.resend) GTEST_SKIP() << "this kernel cannot send requests again";
  read_through_five_kills();
}

TEST_F(Survival, five_kills_are_not_noticed_on_a_kernel_without_resend_either) {
  const auto mounted = mount(options({"--delay-us", "1000", "--resend", "0"}));
  EXPECT_FALSE(mounted.resend);
  read_through_five_kills();
  EXPECT_NE(log_text().find("server.took_over resend=false"), std::string::npos);
}

TEST_F(Survival, five_kills_are_not_noticed_through_a_loop_device) {
  auto how = options({"--delay-us", "300"});
  how.carrier = fuse::Carrier::loop;
  EXPECT_TRUE(mount(how).carrier.starts_with("erofs on loop /dev/loop"));
  read_through_five_kills();
}

TEST_F(Survival, sixteen_readers_get_exact_bytes_with_few_buffers) {
  mount(options({"--buffer-mib", "1"}));
  expect_exact(read_all(*dataset, mount_point_, 16));
}

TEST_F(Survival, a_killed_keeper_leaves_a_mount_that_serves_and_can_be_unmounted) {
  const auto mounted = mount(options());
  ASSERT_EQ(::kill(mounted.keeper.pid, SIGKILL), 0);
  ASSERT_TRUE(eventually([&] { return !fuse::is_alive(mounted.keeper); }));
  expect_exact(read_all(*dataset, mount_point_, 2));
  const auto mounts = fuse::list_mounts(runtime_);
  ASSERT_TRUE(mounts);
  ASSERT_EQ(mounts->size(), 1u);
  const auto again = fuse::mount(options(), self({"keeper"}));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), ErrorCode::precondition);
  const auto gone = fuse::unmount(runtime_, mount_point_, false);
  EXPECT_TRUE(gone) << gone.error().to_string();
  EXPECT_FALSE(fuse::is_alive(mounted.server));
}

TEST_F(Survival, what_a_killed_keeper_and_server_left_is_cleared_by_the_next_mount) {
  const auto mounted = mount(options());
  ASSERT_EQ(::kill(mounted.keeper.pid, SIGKILL), 0);
  ASSERT_TRUE(eventually([&] { return !fuse::is_alive(mounted.keeper); }));
  ASSERT_EQ(::kill(mounted.server.pid, SIGKILL), 0);
  ASSERT_TRUE(eventually([&] { return !fuse::is_alive(mounted.server); }));
  EXPECT_FALSE(read_all(*dataset, mount_point_, 1).errors.empty());
  mount(options());
  expect_exact(read_all(*dataset, mount_point_, 2));
}

TEST_F(Survival, sigterm_to_the_keeper_takes_everything_down) {
  const auto mounted = mount(options());
  ASSERT_EQ(::kill(mounted.keeper.pid, SIGTERM), 0);
  EXPECT_TRUE(eventually([&] { return !fuse::is_alive(mounted.keeper); }));
  expect_nothing_left();
  EXPECT_FALSE(fuse::is_alive(mounted.server));
}

TEST_F(Survival, sigterm_to_the_server_is_a_restart) {
  const auto mounted = mount(options());
  ASSERT_EQ(::kill(mounted.server.pid, SIGTERM), 0);
  ASSERT_TRUE(eventually([&] { return state().server_restarts == 1; }));
  expect_exact(read_all(*dataset, mount_point_, 2));
  EXPECT_NE(log_text().find("server.ended why=\"asked to stop\""), std::string::npos);
}

TEST_F(Survival, a_busy_mount_names_its_holder_and_yields_to_force) {
  mount(options());
  const int held = ::open((mount_point_ / "big").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(held, 0);
  const auto refused = fuse::unmount(runtime_, mount_point_, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::precondition);
  const std::string me = "[" + std::to_string(::getpid()) + "] (open file)";
  EXPECT_NE(refused.error().message().find(me), std::string::npos) << refused.error().to_string();
  EXPECT_NE(refused.error().remedy().find("--force"), std::string::npos);
  expect_exact(read_all(*dataset, mount_point_, 2));
  const auto forced = fuse::unmount(runtime_, mount_point_, true);
  EXPECT_TRUE(forced) << forced.error().to_string();
  expect_nothing_left();
  ::close(held);
}

TEST_F(Survival, an_unmount_from_outside_is_noticed) {
  const auto mounted = mount(options());
  ASSERT_EQ(::umount2(mount_point_.c_str(), 0), 0);
  EXPECT_TRUE(eventually([&] { return !fuse::is_alive(mounted.keeper); }));
  expect_nothing_left();
  EXPECT_NE(log_text().find("how=\"unmounted from outside\""), std::string::npos);
}

TEST_F(Survival, an_aborted_connection_ends_the_mount_with_errors_not_hangs) {
  const auto mounted = mount(options());
  const int held = ::open((mount_point_ / "big").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(held, 0);
  ::umount2(paths().fuse.c_str(), MNT_FORCE);  // aborts the connection; EBUSY is its usual answer
  EXPECT_TRUE(eventually([&] { return !fuse::is_alive(mounted.keeper); }));
  char byte = 0;
  EXPECT_EQ(::pread(held, &byte, 1, 32 << 20), -1);
  EXPECT_EQ(errno, EIO);
  ::close(held);
}

TEST_F(Survival, a_server_that_cannot_start_fails_the_mount_with_its_reason) {
  auto how = options();
  how.server_command = self({"serve", "--image", "/no/such/image"});
  auto failed = fuse::mount(how, self({"keeper"}));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::not_found);
  EXPECT_NE(failed.error().message().find("/no/such/image"), std::string::npos);
  how.server_command = {"/bin/false"};
  failed = fuse::mount(how, self({"keeper"}));
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message().find("exit code 1"), std::string::npos)
      << failed.error().to_string();
  how.server_command = {"/no/such/program"};
  failed = fuse::mount(how, self({"keeper"}));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::not_found) << failed.error().to_string();
  expect_nothing_left();
}

TEST_F(Survival, an_image_that_is_no_erofs_fails_the_mount_and_leaves_nothing) {
  const fs::path garbage = dataset->directory() / "garbage";
  std::ofstream(garbage) << std::string(1u << 20, 'x');
  auto how = options();
  how.server_command = self({"serve", "--image", garbage.string()});
  const auto failed = fuse::mount(how, self({"keeper"}));
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message().find("file-buffered"), std::string::npos)
      << failed.error().to_string();
  expect_nothing_left();
}

TEST_F(Survival, a_second_mount_at_the_same_place_is_refused) {
  mount(options());
  const auto second = fuse::mount(options(), self({"keeper"}));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::precondition);
  EXPECT_TRUE(*sys::is_mount_point(mount_point_));
  expect_exact(read_all(*dataset, mount_point_, 2));
}

TEST_F(Survival, other_users_read_files_but_not_the_image) {
  mount(options());
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(1);
    const int file = ::open((mount_point_ / "7/7.csv").c_str(), O_RDONLY);
    char byte = 0;
    if (file < 0 || ::read(file, &byte, 1) != 1) ::_exit(2);
    ::_exit(::open(paths().image.c_str(), O_RDONLY) < 0 && errno == EACCES ? 0 : 3);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(Survival, no_mount_there_is_said_so) {
  const auto missing = fuse::unmount(runtime_, "/no/such/mount", false);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace shoal::survival
