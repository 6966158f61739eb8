// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>

#include "base/log.h"
#include "frontend/fuse/adoption.h"
#include "frontend/fuse/bounds.h"
#include "frontend/fuse/carrier.h"
#include "frontend/fuse/connection.h"
#include "frontend/fuse/host_check.h"
#include "frontend/fuse/keeper_impl.h"
#include "frontend/fuse/mount_table.h"
#include "frontend/fuse/session.h"
#include "sys/cgroup.h"
#include "sys/mount.h"
#include "sys/oom_score.h"

namespace shoal::fuse {
namespace {

namespace fs = std::filesystem;

// The kernel's memory killer should prefer the server: it is bigger and can be restarted.
constexpr int kProtectedOomScore = -500;

Error os_error(int error, const std::string& what) {
  return sys::errno_error(error, what);
}

}  // namespace

Result<MountState> Keeper::start() {
  const auto steps = [this]() -> Result<void> {
    SHOAL_CHECK_OK(prepare_process());
    SHOAL_CHECK_OK(check_kernel());
    SHOAL_CHECK_OK(take_lock());
    SHOAL_CHECK_OK(prepare_directories());
    SHOAL_CHECK_OK(check_host(options_.runtime_directory, options_.mount_point));
    SHOAL_CHECK_OK(mount_fuse());
    SHOAL_CHECK_OK(start_server());
    SHOAL_CHECK_OK(wait_until_ready());
    SHOAL_CHECK_OK(mount_image());
    // Away from the caller's terminal and its Ctrl-C. Not before: at an automount the kernel lets
    // only the process group of who asked for the mount (systemd's) reach the directory until it is
    // there; anybody else waits for it. A leader, who is refused, has a session of its own.
    ::setsid();
    return write_state();
  };
  if (auto started = steps(); !started) {
    undo();
    return fail(std::move(started).error().with_context("mount " + options_.mount_point.string()));
  }
  return state_;
}

Result<void> Keeper::prepare_process() {
  if (!options_.cgroup.empty()) SHOAL_CHECK_OK(sys::join_cgroup(options_.cgroup));
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGQUIT}) sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  signals_ = sys::Fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return fail(os_error(errno, "make a signalfd"));
  mount_table_ = sys::Fd(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  if (!mount_table_.valid()) return fail(os_error(errno, "open /proc/self/mountinfo"));
  // A working directory inside the mount, or in a directory to be unmounted, would hold it.
  if (::chdir("/") != 0) return fail(os_error(errno, "change to /"));
  // An agent is protected by its unit or its pod's priority. Its servers are not to be.
  const int inherited = sys::oom_score_adj(::getpid());
  server_oom_score_adj_ = std::max(inherited, 0);
  // Without the right to do so the keeper is as likely a victim as anybody.
  if (inherited > kProtectedOomScore) sys::set_oom_score_adj(::getpid(), kProtectedOomScore);
  return {};
}

Result<void> Keeper::take_lock() {
  SHOAL_CHECK_OK(sys::make_directories(paths_.state.parent_path()));
  auto lock = sys::LockFile::acquire(paths_.lock);
  if (!lock)
    return fail(std::move(lock).error().with_remedy(
        "It is being mounted or is mounted already; see `shoal status`."));
  lock_.emplace(std::move(*lock));
  return {};
}

Result<void> Keeper::prepare_directories() {
  SHOAL_CHECK_OK(clear_leftovers());
  directories_made_ = true;
  SHOAL_CHECK_OK(sys::make_directories(paths_.directory));
  // Whoever gets at the image sees every file in it, whatever its mode.
  if (::chmod(paths_.directory.c_str(), 0700) != 0)
    return fail(os_error(errno, "restrict " + paths_.directory.string()));
  SHOAL_CHECK_OK(sys::make_directories(paths_.fuse));
  return save_options(paths_, options_);
}

// What an earlier keeper and server, both killed, left behind. We hold the lock, so no keeper
// lives.
Result<void> Keeper::clear_leftovers() {
  if (const auto old = load_mount_state(paths_.state)) {
    if (is_alive(old->server))
      return fail(ErrorCode::precondition,
                  "it is mounted already and served by process " + std::to_string(old->server.pid) +
                      ", whose keeper died",
                  "Unmount it first: shoal umount " + options_.mount_point.string());
    // Somebody may still hold its descriptor: readers it left get their error now.
    if (sys::is_mount_point(paths_.fuse).value_or(false)) detach(paths_.fuse, sys::Unmount::abort);
    const auto left = image_mount(paths_, *old);
    if (left && *left &&
        check_uncovered(static_cast<std::uint64_t>((*left)->id), options_.mount_point))
      detach(options_.mount_point);
    log_event(LogLevel::warning, "mount.leftovers_removed",
              {{"mount_point", options_.mount_point.string()}});
  }
  if (sys::is_mount_point(paths_.fuse).value_or(false)) {
    detach(paths_.fuse);
    if (sys::is_mount_point(paths_.fuse).value_or(true))
      return fail(
          ErrorCode::precondition,
          "a FUSE mount of an earlier keeper at " + paths_.fuse.string() + " cannot be detached",
          "Run umount -l " + paths_.fuse.string());
  }
  std::error_code missing;
  fs::remove_all(paths_.directory, missing);
  fs::remove(paths_.state, missing);
  return {};
}

Result<void> Keeper::mount_fuse() {
  // Non-blocking for the server, whose loop polls it.
  fuse_ = sys::Fd(::open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!fuse_.valid()) return fail(os_error(errno, "open /dev/fuse"));
  // EROFS reads with the mounter's rights; nobody else needs the image (see ImageTree).
  SHOAL_CHECK_OK(sys::mount_fuse(
      fuse_.get(), paths_.fuse, options_.source,
      {.allow_other = false, .max_read_bytes = bounds::kReadBytes, .subtype = "shoal"}));
  fuse_mounted_ = true;
  SHOAL_TRY(const auto mounted, mount_at(paths_.fuse));
  if (!mounted)
    return fail(ErrorCode::io, "find the FUSE mount in /proc/self/mountinfo: it is gone already");
  state_.fuse_device = mounted->device;
  owns_connection_ = true;
  return {};
}

Result<void> Keeper::start_server() {
  SHOAL_TRY(auto server, ServerProcess::start({.command = options_.server_command,
                                               .fuse_fd = fuse_.get(),
                                               .session_file = paths_.session,
                                               .oom_score_adj = server_oom_score_adj_}));
  server_ = std::move(server);
  state_.server = server_->id();
  log_event(LogLevel::info, "server.started", {{"pid", state_.server.pid}});
  return {};
}

Result<void> Keeper::wait_for(int fd, std::string_view what, Duration limit) {
  const TimePoint deadline = system_clock().now() + limit;
  for (;;) {
    std::array<pollfd, 3> wait{{{.fd = fd, .events = POLLIN, .revents = 0},
                                {.fd = signals_.get(), .events = POLLIN, .revents = 0},
                                {.fd = server_->death_fd(), .events = POLLIN, .revents = 0}}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - system_clock().now());
    if (left.count() <= 0)
      return fail(ErrorCode::timeout,
                  std::string(what) + ": not done within " +
                      std::to_string(std::chrono::ceil<std::chrono::seconds>(limit).count()) + " s",
                  "See the log " + options_.log_file.string());
    if (::poll(wait.data(), wait.size(), static_cast<int>(left.count())) < 0) continue;
    if (wait[0].revents != 0) return {};
    if (wait[1].revents != 0)
      return fail(ErrorCode::canceled, std::string(what) + ": interrupted by a signal");
    if (wait[2].revents != 0)
      return fail(ErrorCode::unavailable,
                  std::string(what) + ": the server died (" + server_->reap().to_string() + ")",
                  options_.log_file.empty() ? "" : "See the log " + options_.log_file.string());
  }
}

Result<void> Keeper::wait_until_ready() {
  SHOAL_CHECK_OK(wait_for(server_->report_fd(), "start the server", bounds::kServerStartTimeout));
  auto ready = server_->take_report();
  if (ready) return {};
  if (ready.error().code() != ErrorCode::closed) return ready;
  // The pipe closed without a word; the process's end tells more.
  SHOAL_CHECK_OK(wait_for(-1, "start the server", bounds::kServerStopTimeout));
  return ready;
}

Result<void> Keeper::mount_image() {
  SHOAL_TRY(ChildTask task,
            ChildTask::start("mount EROFS", private_fds(), [this]() -> Result<std::string> {
              return mount_erofs(paths_.image, options_.mount_point, options_.carrier);
            }));
  image_mounted_ = true;  // perhaps, from now on
  auto done = wait_for(task.fd(), "mount EROFS", bounds::kMountTimeout);
  if (done) {
    SHOAL_TRY(state_.carrier, task.take_result());
    return {};
  }
  // The child may wait for the server inside the kernel, where only the end of the connection wakes
  // it: end that first, then the task's destructor can reap the child.
  if (server_) {
    server_->kill();
    server_->stop(bounds::kServerStopTimeout);
  }
  fuse_ = sys::Fd();
  return done;
}

Result<void> Keeper::write_state() {
  SHOAL_TRY(const auto mounted, mount_at(options_.mount_point));
  if (!mounted)
    return fail(ErrorCode::io, "find the new mount in /proc/self/mountinfo: it is gone already");
  SHOAL_TRY(const Session session, load_session(paths_.session));
  state_.id = paths_.id;
  state_.mount_point = options_.mount_point;
  state_.volume = options_.volume;
  state_.source = options_.source;
  state_.control_socket = paths_.control_socket;
  state_.log_file = options_.log_file;
  state_.keeper = process_id_of(::getpid());
  state_.frontend = "fuse";
  state_.resend = session.resend();
  state_.mounted_at =
      std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall_now().time_since_epoch())
          .count();
  state_.mount_id = static_cast<std::uint64_t>(mounted->id);
  state_.erofs_device = mounted->device;
  log_event(
      LogLevel::info, "mount.ready",
      {{"mount_point", options_.mount_point.string()},
       {"carrier", state_.carrier},
       {"resend", state_.resend ? "true" : "false"},
       {"after_server_death", state_.resend ? "the kernel sends requests again"
                                            : "the next server answers what is in the slots"}});
  return save_mount_state(paths_.state, state_);
}

bool Keeper::still_mounted() const {
  return has_mount(state_.mount_id, options_.mount_point);
}

std::vector<int> Keeper::private_fds() const {
  return {fuse_.get(), signals_.get(), mount_table_.get(), server_ ? server_->report_fd() : -1};
}

void Keeper::detach(const fs::path& mount_point, sys::Unmount how) {
  auto task = ChildTask::start("detach " + mount_point.string(), private_fds(),
                               [&]() -> Result<std::string> {
                                 SHOAL_CHECK_OK(sys::unmount(mount_point, how));
                                 return std::string();
                               });
  const auto result = task ? task->wait(bounds::kUnmountTimeout) : fail(task.error());
  if (!result && result.error().code() != ErrorCode::not_found)
    log_event(LogLevel::warning, "detach.failed", {{"error", result.error().to_string()}});
}

// Whoever holds another descriptor keeps the connection alive, and with it readers that nobody
// answers; also those who see the mount through a bind mount or in another mount namespace.
void Keeper::end_connection() {
  if (!std::exchange(owns_connection_, false)) return;
  if (const auto ended = abort_connection(fuse_.get(), state_.fuse_device); !ended)
    log_event(LogLevel::warning, "connection.not_aborted", {{"error", ended.error().to_string()}});
}

void Keeper::undo() {
  // A mount whose task was cut off may exist or not; somebody else's at the same place must stay.
  if (std::exchange(image_mounted_, false)) {
    const auto seen = mount_at(options_.mount_point);
    const bool ours =
        seen && *seen && (*seen)->fs_type == "erofs" &&
        (state_.mount_id == 0 || state_.mount_id == static_cast<std::uint64_t>((*seen)->id));
    if (ours) detach(options_.mount_point);
  }
  if (std::exchange(fuse_mounted_, false)) detach(paths_.fuse);
  if (server_) server_->stop(bounds::kServerStopTimeout);
  server_.reset();
  end_connection();
  fuse_ = sys::Fd();
  if (std::exchange(directories_made_, false)) {
    std::error_code missing;
    fs::remove(paths_.state, missing);
    fs::remove_all(paths_.directory, missing);
    fs::remove(paths_.lock, missing);
  }
  lock_.reset();
}

}  // namespace shoal::fuse
