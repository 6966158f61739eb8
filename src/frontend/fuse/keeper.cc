// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "base/log.h"
#include "frontend/fuse/bounds.h"
#include "frontend/fuse/keeper_impl.h"
#include "frontend/fuse/log_file.h"
#include "frontend/fuse/mount_table.h"
#include "frontend/fuse/report.h"
#include "frontend/fuse/server.h"

namespace shoal::fuse {
namespace {

namespace fs = std::filesystem;

constexpr auto kSecondSignalWithin = std::chrono::seconds(10);

}  // namespace

Keeper::Keeper(const KeeperOptions& options)
    : options_(options), paths_(mount_paths(options.runtime_directory, options.mount_point)) {}

int Keeper::keep() {
  for (;;) {
    std::array<pollfd, 4> wait{
        {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
         {.fd = mount_table_.get(), .events = POLLPRI, .revents = 0},
         {.fd = server_ ? server_->death_fd() : -1, .events = POLLIN, .revents = 0},
         {.fd = server_ ? server_->report_fd() : -1, .events = POLLIN, .revents = 0}}};
    const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(next_timeout()).count();
    if (::poll(wait.data(), wait.size(), static_cast<int>(timeout)) < 0 && errno != EINTR)
      return end(Ending::aborted);
    const auto is_ready = [&](std::size_t i) { return wait[i].revents != 0; };
    // The table first: a server that ended because of an unmount is not a death.
    if (is_ready(1) && !still_mounted()) return end(Ending::detached);
    if (is_ready(0))
      if (const auto code = on_signal()) return *code;
    if (is_ready(3)) on_server_report();
    if (is_ready(2))
      if (const auto code = on_server_death()) return *code;
    restart_if_due();
    bound_log();
  }
}

void Keeper::bound_log() {
  const TimePoint now = system_clock().now();
  if (now < log_looked_at_ + bounds::kLogLookEvery || options_.log_file.empty()) return;
  log_looked_at_ = now;
  if (bound_log_file(options_.log_file, bounds::kLogBytesMax))
    log_event(LogLevel::info, "log.cut", {{"before", options_.log_file.string() + ".1"}});
}

Duration Keeper::next_timeout() const {
  const TimePoint now = system_clock().now();
  constexpr Duration kLook = bounds::kLogLookEvery;
  if (restart_at_) return std::clamp<Duration>(*restart_at_ - now, Duration::zero(), kLook);
  if (server_ && server_->report_fd() >= 0)
    return std::clamp<Duration>(server_->started_at() + bounds::kServerStartTimeout - now,
                                Duration::zero(), kLook);
  return kLook;
}

// ---- the server

void Keeper::on_server_report() {
  const auto ready = server_->take_report();
  if (ready)
    log_event(LogLevel::info, "server.ready", {{"pid", server_->id().pid}});
  else
    log_event(LogLevel::error, "server.start_failed", {{"error", ready.error().to_string()}});
}

std::optional<int> Keeper::on_server_death() {
  const TimePoint now = system_clock().now();
  const Duration lived = now - server_->started_at();
  const int pid = server_->id().pid;
  const auto death = server_->reap();
  server_.reset();
  if (!still_mounted()) return end(Ending::detached);
  if (death.signal == 0 && death.code == kExitDisconnected) {
    log_event(LogLevel::error, "mount.aborted",
              {{"mount_point", options_.mount_point.string()},
               {"error", "the kernel's FUSE connection was aborted; readers get I/O errors"}});
    return end(Ending::aborted);
  }
  const auto delay = restarts_.delay_after_death(now, lived);
  log_event(LogLevel::warning, "server.died",
            {{"pid", pid},
             {"how", death.to_string()},
             {"restarts", state_.server_restarts},
             {"quick_deaths", restarts_.quick_deaths()}});
  if (!delay) {
    log_event(LogLevel::error, "server.given_up",
              {{"mount_point", options_.mount_point.string()},
               {"quick_deaths", restarts_.quick_deaths()},
               {"remedy", "see why servers die above; then mount again"}});
    return end(Ending::aborted);
  }
  state_.server = {};
  restart_at_ = now + *delay;
  return std::nullopt;
}

void Keeper::restart_if_due() {
  const TimePoint now = system_clock().now();
  if (server_ && server_->report_fd() >= 0 &&
      now >= server_->started_at() + bounds::kServerStartTimeout) {
    log_event(LogLevel::error, "server.start_timeout",
              {{"pid", server_->id().pid}});
    ignore(server_->take_report(), "it says nothing; its death is handled like any other");
    server_->kill();
  }
  if (!restart_at_ || now < *restart_at_) return;
  restart_at_.reset();
  if (const auto started = start_server(); !started) {
    log_event(LogLevel::error, "server.start_failed", {{"error", started.error().to_string()}});
    restart_at_ = now + bounds::kRestartDelayDegraded;
    return;
  }
  ++state_.server_restarts;
  save_state();
}

void Keeper::save_state() {
  if (const auto saved = save_mount_state(paths_.state, state_); !saved)
    log_event(LogLevel::warning, "state.not_saved", {{"error", saved.error().to_string()}});
}

// ---- the end

std::optional<int> Keeper::on_signal() {
  signalfd_siginfo signal{};
  if (::read(signals_.get(), &signal, sizeof signal) != sizeof signal) return std::nullopt;
  const TimePoint now = system_clock().now();
  if (signal.ssi_signo == SIGQUIT || (forced_until_ && now < *forced_until_))
    return end(Ending::forced);
  return try_unmount();
}

std::optional<int> Keeper::try_unmount() {
  auto attempt = ChildTask::start(
      "unmount " + options_.mount_point.string(), private_fds(), [this]() -> Result<std::string> {
        SHOAL_CHECK_OK(unmount_exactly(state_.mount_id, options_.mount_point));
        return std::string();
      });
  auto result = attempt ? attempt->wait(bounds::kUnmountTimeout) : fail(attempt.error());
  if (result || !still_mounted()) return end(Ending::unmounted);
  forced_until_ = system_clock().now() + kSecondSignalWithin;
  log_event(LogLevel::warning, "unmount.failed", {{"error", result.error().to_string()}});
  ++state_.unmount_tries;
  state_.unmount_error = encode_failure(result.error());
  save_state();
  return std::nullopt;
}

int Keeper::end(Ending ending) {
  // Nobody answers any more: what waits would make the next steps wait.
  if (ending == Ending::aborted) end_connection();
  if (ending == Ending::forced || ending == Ending::aborted) detach(options_.mount_point);
  image_mounted_ = false;
  detach(paths_.fuse);
  fuse_mounted_ = false;
  if (server_ && ending != Ending::aborted) {
    // Once nobody holds the image the kernel ends the connection and the server ends by itself; who
    // has files open after a lazy unmount may finish reading them until the grace is over.
    const auto grace = ending == Ending::forced ? bounds::kForcedGrace : bounds::kDetachedGrace;
    pollfd death{.fd = server_->death_fd(), .events = POLLIN, .revents = 0};
    ::poll(&death, 1, static_cast<int>(std::chrono::milliseconds(grace).count()));
  }
  undo();
  log_event(LogLevel::info, "mount.ended",
            {{"mount_point", options_.mount_point.string()},
             {"how", ending == Ending::unmounted  ? "unmounted"
                     : ending == Ending::detached ? "unmounted from outside"
                     : ending == Ending::forced   ? "detached by force"
                                                  : "aborted"},
             {"server_restarts", state_.server_restarts}});
  return ending == Ending::aborted ? 1 : 0;
}

// ---- entry points

namespace {

int report_and_keep(Keeper& keeper, const fs::path& mount_point, Result<MountState> state,
                    Started started) {
  started(state);
  if (!state) {
    log_event(LogLevel::error, "mount.failed",
              {{"mount_point", mount_point.string()}, {"error", state.error().to_string()}});
    return 1;
  }
  return keeper.keep();
}

}  // namespace

int run_keeper(const KeeperOptions& options, Started started) {
  Keeper keeper(options);
  return report_and_keep(keeper, options.mount_point, keeper.start(), std::move(started));
}

int keeper_main(int options_fd, int report_fd, int adopt_fd) {
  std::signal(SIGPIPE, SIG_IGN);
  sys::Fd report(report_fd);
  sys::Fd adopted(adopt_fd);
  // Inherited, so they are not close-on-exec yet; the server gets a copy of its own.
  for (const int fd : {report_fd, adopt_fd})
    if (fd >= 0) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  const auto text = sys::read_text_file("/proc/self/fd/" + std::to_string(options_fd), 1u << 20);
  ::close(options_fd);
  auto options = text ? decode_keeper_options(*text) : fail(text.error());
  if (!options) {
    report_failure(report.get(), options.error());
    return 1;
  }
  Started started = [pipe = std::move(report)](const Result<MountState>& state) mutable {
    if (state)
      report_success(pipe.get(), encode_mount_state(*state));
    else
      report_failure(pipe.get(), state.error());
    pipe = sys::Fd();
  };
  if (!adopted.valid()) return run_keeper(*options, std::move(started));
  Keeper keeper(*options);
  return report_and_keep(keeper, options->mount_point, keeper.adopt(std::move(adopted)),
                         std::move(started));
}

}  // namespace shoal::fuse
