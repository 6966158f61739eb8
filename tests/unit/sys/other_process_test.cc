// SPDX-License-Identifier: Apache-2.0
// Goal: of a process that is no child of ours we learn its end and get its descriptors, and a
// number that means another process by now is never taken for it. Method: children of this process,
// treated as strangers; a pipe is the descriptor.
#include "sys/other_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "sys/cgroup.h"
#include "sys/mount.h"
#include "temporary_directory.h"

namespace shoal::sys {
namespace {

using namespace std::chrono_literals;

pid_t start_sleeper() {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::pause();
    ::_exit(0);
  }
  return pid;
}

TEST(OtherProcess, its_end_is_seen_and_signals_after_it_reach_nobody) {
  const pid_t pid = start_sleeper();
  const auto process = OtherProcess::open(pid);
  ASSERT_TRUE(process) << process.error().to_string();
  EXPECT_EQ(process->pid(), pid);
  EXPECT_FALSE(process->wait(Duration::zero()));
  EXPECT_TRUE(process->signal(SIGKILL));
  EXPECT_TRUE(process->wait(1min));
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  EXPECT_TRUE(process->signal(SIGKILL));
  const auto gone = OtherProcess::open(pid);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code(), ErrorCode::not_found);
  EXPECT_EQ(OtherProcess::open(-1).error().code(), ErrorCode::not_found);
}

TEST(OtherProcess, a_child_that_has_ended_is_reaped_and_nobody_else) {
  const pid_t pid = start_sleeper();
  const auto process = OtherProcess::open(pid);
  ASSERT_TRUE(process);
  process->reap();
  EXPECT_FALSE(process->wait(Duration::zero())) << "it lives";
  ASSERT_TRUE(process->signal(SIGKILL));
  ASSERT_TRUE(process->wait(1min));
  process->reap();
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), -1) << "a zombie is left";
  process->reap();
  const auto parent = OtherProcess::open(::getppid());
  ASSERT_TRUE(parent);
  parent->reap();
  EXPECT_FALSE(parent->wait(Duration::zero()));
}

TEST(OtherProcess, a_descriptor_copied_from_it_is_the_same_open_file) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  const pid_t pid = start_sleeper();
  const int number = write_end.get();
  write_end = Fd();
  const auto process = OtherProcess::open(pid);
  ASSERT_TRUE(process);
  auto copy = process->copy_descriptor(number);
  if (!copy && copy.error().code() == ErrorCode::permission) GTEST_SKIP() << "may not trace";
  ASSERT_TRUE(copy) << copy.error().to_string();
  EXPECT_NE(::fcntl(copy->get(), F_GETFD) & FD_CLOEXEC, 0);
  ASSERT_EQ(::write(copy->get(), "x", 1), 1);
  char c = 0;
  EXPECT_EQ(::read(read_end.get(), &c, 1), 1);
  EXPECT_EQ(process->copy_descriptor(1000).error().code(), ErrorCode::not_found);
  EXPECT_TRUE(process->signal(SIGKILL));
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  EXPECT_EQ(process->copy_descriptor(number).error().code(), ErrorCode::not_found);
}

TEST(Cgroup, another_directory_is_refused_and_nothing_is_made_in_it) {
  const testing::TemporaryDirectory directory;
  const auto refused = join_cgroup(directory / "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::bad_input);
  EXPECT_FALSE(std::filesystem::exists(directory / "x"));
}

TEST(UnmountWithin, says_of_its_child_what_the_kernel_said) {
  const testing::TemporaryDirectory directory;
  const auto nothing = unmount_within(directory.path(), Unmount::now, 1min);
  ASSERT_FALSE(nothing);
  const ErrorCode code = nothing.error().code();
  EXPECT_TRUE(code == ErrorCode::not_found || (::geteuid() != 0 && code == ErrorCode::permission))
      << nothing.error().to_string();
}

}  // namespace
}  // namespace shoal::sys
