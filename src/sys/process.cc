// SPDX-License-Identifier: Apache-2.0
#include "sys/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/assert.h"
#include "sys/pidfd.h"

namespace shoal::sys {
namespace {

// posix_spawn's two attribute objects, destroyed whatever happens.
struct SpawnPlan {
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

void plan_signals(SpawnPlan& plan, bool new_session) {
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&plan.attributes, &none);
  posix_spawnattr_setsigdefault(&plan.attributes, &all);
  int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (new_session) flags |= POSIX_SPAWN_SETSID;
  posix_spawnattr_setflags(&plan.attributes, static_cast<short>(flags));
}

// A child number may be the number of another descriptor to be handed over, so all are first copied
// above the highest child number. The copies close with the returned vector.
Result<std::vector<Fd>> plan_descriptors(SpawnPlan& plan, const SpawnOptions& options) {
  posix_spawn_file_actions_addopen(&plan.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (!options.output_file.empty()) {
    // Opened here first: posix_spawn would call a missing directory a missing program.
    const Fd probe(
        open(options.output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!probe.valid())
      return fail(errno_error(errno, "open output file " + options.output_file.string()));
    posix_spawn_file_actions_addopen(&plan.actions, STDOUT_FILENO, options.output_file.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&plan.actions, STDOUT_FILENO, STDERR_FILENO);
  }
  int highest = STDERR_FILENO;
  for (const auto& inherited : options.inherited_fds)
    highest = std::max(highest, inherited.child_fd);
  std::vector<Fd> copies;
  for (const auto& inherited : options.inherited_fds) {
    SHOAL_ASSERT(inherited.child_fd > STDERR_FILENO);
    Fd copy(fcntl(inherited.fd, F_DUPFD_CLOEXEC, highest + 1));
    if (!copy.valid())
      return fail(errno_error(errno, "duplicate descriptor " + std::to_string(inherited.fd)));
    posix_spawn_file_actions_adddup2(&plan.actions, copy.get(), inherited.child_fd);
    copies.push_back(std::move(copy));
  }
  // Libraries open descriptors that are not close-on-exec: a child that held a client's connection
  // would keep that client waiting for an answer after our death.
  posix_spawn_file_actions_addclosefrom_np(&plan.actions, highest + 1);
  return copies;
}

}  // namespace

std::string ExitStatus::to_string() const {
  if (signal == 0) return "exit code " + std::to_string(code);
  return "signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
}

Result<Process> Process::spawn(const SpawnOptions& options) {
  SHOAL_ASSERT(!options.arguments.empty());
  SpawnPlan plan;
  plan_signals(plan, options.new_session);
  SHOAL_TRY(const auto copies, plan_descriptors(plan, options));
  std::vector<char*> arguments;
  for (const std::string& argument : options.arguments)
    arguments.push_back(const_cast<char*>(argument.c_str()));  // POSIX: exec does not change them
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, arguments[0], &plan.actions, &plan.attributes, arguments.data(), environ);
  if (error != 0) return fail(errno_error(error, "start " + options.arguments[0]));
  // The child is ours and unreaped, so its id cannot mean another process.
  Fd pidfd = open_pidfd(pid);
  if (!pidfd.valid()) {
    const int pidfd_error = errno;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return fail(errno_error(pidfd_error, "pidfd_open of " + options.arguments[0]));
  }
  return Process(pid, std::move(pidfd));
}

Result<std::optional<ExitStatus>> Process::wait(Duration patience) {
  if (status_) return status_;
  SHOAL_TRY(const bool ended, has_ended(pidfd_.get(), patience));
  if (!ended) return std::optional<ExitStatus>();
  int raw = 0;
  if (waitpid(pid_, &raw, 0) != pid_)
    return fail(errno_error(errno, "wait for process " + std::to_string(pid_)));
  if (WIFSIGNALED(raw))
    status_ = ExitStatus{.code = 0, .signal = WTERMSIG(raw)};
  else
    status_ = ExitStatus{.code = WEXITSTATUS(raw), .signal = 0};
  return status_;
}

Result<void> Process::signal(int number) const {
  return send_signal(pidfd_.get(), pid_, number);
}

Result<std::filesystem::path> self_executable() {
  std::error_code error;
  std::string path = std::filesystem::read_symlink("/proc/self/exe", error).string();
  if (error) return fail(errno_error(error.value(), "readlink /proc/self/exe"));
  // The kernel's mark for a program whose file was removed or replaced while it runs.
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
  return std::filesystem::path(path);
}

bool pid_alive(pid_t pid) {
  if (pid <= 0) return false;
  const Fd pidfd = open_pidfd(pid);
  if (pidfd.valid()) return !has_ended(pidfd.get(), Duration::zero()).value_or(false);
  // EPERM, EMFILE and the like: there is such a process, or we cannot tell; ESRCH: there is none.
  return errno != ESRCH && (kill(pid, 0) == 0 || errno == EPERM);
}

}  // namespace shoal::sys
