// SPDX-License-Identifier: Apache-2.0
// Goal: children get exactly the descriptors, output and session asked for, and their end is seen.
// Method: /bin/sh as the child; its output goes to a file that the test reads.

#include "sys/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "sys/loop.h"
#include "sys/oom_score.h"
#include "temporary_directory.h"

namespace shoal::sys {
namespace {

using namespace std::chrono_literals;
using testing::TemporaryDirectory;

SpawnOptions shell(const std::string& script) {
  return {.arguments = {"sh", "-c", script}};
}

ExitStatus end_of(Process& process) {
  const auto status = process.wait(1min);
  EXPECT_TRUE(status && *status);
  return status && *status ? **status : ExitStatus{.code = -1};
}

TEST(Process, exit_code_and_signal_are_told_apart) {
  auto exits = Process::spawn(shell("exit 3"));
  ASSERT_TRUE(exits);
  EXPECT_EQ(end_of(*exits).to_string(), "exit code 3");
  EXPECT_EQ(end_of(*exits).code, 3);  // the status stays known
  auto killed = Process::spawn(shell("kill -9 $$"));
  ASSERT_TRUE(killed);
  EXPECT_EQ(end_of(*killed).signal, SIGKILL);
  EXPECT_FALSE(end_of(*killed).success());
}

TEST(Process, a_program_that_does_not_exist_is_not_found_and_named) {
  const auto process = Process::spawn({.arguments = {"/no/such/program"}});
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().code(), ErrorCode::not_found);
  EXPECT_NE(process.error().message().find("/no/such/program"), std::string::npos);
}

TEST(Process, an_output_file_that_cannot_be_opened_is_named_not_the_program) {
  const auto spawned =
      Process::spawn({.arguments = {"true"}, .output_file = "/nonexistent-directory/log"});
  ASSERT_FALSE(spawned);
  EXPECT_NE(spawned.error().message().find("/nonexistent-directory/log"), std::string::npos);
}

TEST(Process, descriptors_arrive_at_their_numbers_even_when_the_numbers_cross) {
  const TemporaryDirectory directory;
  const auto make = [&](const char* name) {
    auto file = File::open(directory / name, File::Mode::create);
    EXPECT_TRUE(file);
    return std::move(*file);
  };
  const File a = make("a");
  const File b = make("b");
  SpawnOptions options =
      shell("echo to-a >&" + std::to_string(b.fd()) + "; echo to-b >&" + std::to_string(a.fd()));
  options.inherited_fds = {{a.fd(), b.fd()}, {b.fd(), a.fd()}};
  auto process = Process::spawn(options);
  ASSERT_TRUE(process);
  EXPECT_TRUE(end_of(*process).success());
  EXPECT_EQ(read_text_file(directory / "a", 100).value_or(""), "to-a\n");
  EXPECT_EQ(read_text_file(directory / "b", 100).value_or(""), "to-b\n");
}

TEST(Process, a_descriptor_not_handed_over_does_not_reach_the_child) {
  const TemporaryDirectory directory;
  const auto file = File::open(directory / "f", File::Mode::create);
  ASSERT_TRUE(file);
  auto process = Process::spawn(shell("test ! -e /proc/self/fd/" + std::to_string(file->fd())));
  ASSERT_TRUE(process);
  EXPECT_TRUE(end_of(*process).success());
}

TEST(Process, output_is_appended_to_the_file_and_a_new_session_has_a_new_leader) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(write_text_file(directory / "log", "before\n"));
  SpawnOptions options = shell("echo out; echo err >&2; cut -d' ' -f1,6 /proc/$$/stat");
  options.output_file = directory / "log";
  options.new_session = true;
  auto process = Process::spawn(options);
  ASSERT_TRUE(process);
  EXPECT_TRUE(end_of(*process).success());
  const std::string pid = std::to_string(process->pid());
  EXPECT_EQ(read_text_file(directory / "log", 1000).value_or(""),
            "before\nout\nerr\n" + pid + " " + pid + "\n");
}

TEST(Process, signals_blocked_or_ignored_here_work_in_the_child) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  auto process = Process::spawn(shell("kill -TERM $$; exit 0"));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(process);
  EXPECT_EQ(end_of(*process).signal, SIGTERM);
}

TEST(Process, its_end_wakes_a_loop_and_patience_runs_out_while_it_lives) {
  auto sleeper = Process::spawn(shell("exec sleep 1000"));
  ASSERT_TRUE(sleeper);
  const auto still_runs = sleeper->wait(1ms);
  ASSERT_TRUE(still_runs);
  EXPECT_FALSE(still_runs->has_value());
  EXPECT_TRUE(pid_alive(sleeper->pid()));
  auto loop = Loop::create({});
  ASSERT_TRUE(loop);
  bool ended = false;
  const auto watch = (*loop)->watch(sleeper->pidfd(), POLLIN, [&](std::uint32_t) { ended = true; });
  (*loop)->post([&] { EXPECT_TRUE(sleeper->signal(SIGKILL)); });
  (*loop)->run_until([&] { return ended; });
  (*loop)->unwatch(watch);
  EXPECT_FALSE(pid_alive(sleeper->pid()));  // a zombie has ended
  EXPECT_EQ(end_of(*sleeper).signal, SIGKILL);
  EXPECT_TRUE(sleeper->signal(SIGKILL));  // nobody there to get it: fine
  EXPECT_FALSE(pid_alive(sleeper->pid()));
}

TEST(Process, how_gladly_the_kernel_ends_it_can_be_read_and_raised) {
  auto child = Process::spawn(shell("exec sleep 1000"));
  ASSERT_TRUE(child);
  EXPECT_EQ(oom_score_adj(child->pid()), oom_score_adj(getpid()));  // inherited
  EXPECT_TRUE(set_oom_score_adj(child->pid(), 789));
  EXPECT_EQ(oom_score_adj(child->pid()), 789);
  EXPECT_FALSE(set_oom_score_adj(child->pid(), 1001)) << "no score";
  EXPECT_TRUE(child->signal(SIGKILL));
  EXPECT_EQ(end_of(*child).signal, SIGKILL);
  EXPECT_FALSE(set_oom_score_adj(-5, 0));
  EXPECT_EQ(oom_score_adj(-5), 0);
}

TEST(Process, this_program_knows_its_own_path_and_that_it_lives) {
  const auto path = self_executable();
  ASSERT_TRUE(path);
  EXPECT_EQ(path->filename(), "sys_test");
  EXPECT_TRUE(pid_alive(getpid()));
  EXPECT_FALSE(pid_alive(0));
  EXPECT_FALSE(pid_alive(-5));
}

TEST(Process, a_descriptor_that_is_not_close_on_exec_stays_here) {
  const int leaky = ::dup(STDIN_FILENO);
  ASSERT_GT(leaky, STDERR_FILENO);
  auto child =
      Process::spawn({.arguments = {"sh", "-c", "! test -e /proc/$$/fd/" + std::to_string(leaky)}});
  ::close(leaky);
  ASSERT_TRUE(child) << child.error().to_string();
  const auto status = child->wait(std::chrono::minutes(1));
  ASSERT_TRUE(status);
  ASSERT_TRUE(*status);
  EXPECT_TRUE((*status)->success());
}

}  // namespace
}  // namespace shoal::sys
