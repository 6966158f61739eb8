// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "base/log.h"
#include "commands.h"
#include "control/metrics.h"
#include "control/metrics_endpoint.h"
#include "control/server.h"
#include "flags.h"
#include "frontend/fuse/mount_state.h"
#include "frontend/fuse/server.h"
#include "hint_flags.h"
#include "log_flags.h"
#include "shoal/volume.h"

namespace shoal::tools {
namespace {

struct ServeFlags {
  fuse::ServerOptions server;
  std::filesystem::path volume;
  std::filesystem::path control_socket;
  std::string metrics_address;  // empty: none
  ReadFlags read;
  HintFlags hints;
  VolumeCredentials credentials;
};

// The keeper counts them, and a server asks it by its file: /run/shoal/mounts/ID.json beside
// /run/shoal/ID/session. 0 before the mount is there.
std::uint64_t restarts_of(const std::filesystem::path& session_file) {
  const auto directory = session_file.parent_path();
  const auto state = fuse::load_mount_state(directory.parent_path() / "mounts" /
                                            (directory.filename().string() + ".json"));
  return state ? state->server_restarts : 0;
}

control::Status status_of(const Volume& volume, const fuse::Server& server,
                          const std::filesystem::path& session_file) {
  control::Status status;
  status.volume = volume.info();
  status.stats = volume.stats();
  status.prefetch = volume.prefetch_status();
  status.recent_errors = volume.recent_errors();
  status.version = SHOAL_VERSION;
  status.bucket = volume.store_activity();
  status.server_restarts = restarts_of(session_file);
  const fuse::ServerStats frontend = server.stats();
  status.frontend = {.kind = "fuse",
                     .requests = frontend.requests,
                     .recovered = frontend.resent + frontend.restored,
                     .paused = frontend.paused,
                     .in_flight = frontend.in_flight,
                     .read_durations = frontend.read_durations};
  return status;
}

// A hint that cannot be followed costs speed, not the mount: a server that takes over later may
// find the list gone.
void announce_order(Volume& volume, const HintFlags& hints) {
  const auto order = hints.to_order();
  if (!order) return;
  if (auto set = volume.set_order(*order); !set)
    log_event(LogLevel::warning, "order.unusable", {{"error", set.error().to_string()}});
}

// Likewise without its metrics.
std::unique_ptr<control::MetricsEndpoint> start_metrics(const std::string& address,
                                                        control::StatusSource status) {
  if (address.empty()) return nullptr;
  auto endpoint = control::MetricsEndpoint::start(
      address, [status = std::move(status)] { return control::server_metrics(status()); });
  if (endpoint) return std::move(*endpoint);
  log_event(LogLevel::warning, "metrics.unavailable", {{"error", endpoint.error().to_string()}});
  return nullptr;
}

Result<int> run_serve(ServeFlags& flags) {
  SHOAL_TRY(auto options, flags.read.to_options());
  flags.hints.apply(options);
  SHOAL_TRY(const auto volume, open_volume(flags.volume, flags.credentials, options));
  announce_order(*volume, flags.hints);
  flags.server.io_timeout = flags.read.io_timeout();
  SHOAL_TRY(flags.server.buffer_bytes_max,
            flags.read.frontend_bytes(flags.server.buffer_bytes_max));
  SHOAL_TRY(const auto server, fuse::Server::create(*volume, flags.server));
  const auto status = [&] { return status_of(*volume, *server, flags.server.session_file); };
  // A mount without its status is better than no mount.
  auto control = control::Server::start(flags.control_socket, *volume, status);
  if (!control)
    log_event(LogLevel::warning, "control.unavailable", {{"error", control.error().to_string()}});
  const auto metrics = start_metrics(flags.metrics_address, status);
  switch_log_level_on_signal();
  return fuse::serve(*server);
}

}  // namespace

void add_serve(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* command = app.add_subcommand("serve", "Answers one mount; started by its keeper");
  command->group("");  // not in --help
  command->add_option("--volume", flags->volume)->required();
  command->add_option("--control-socket", flags->control_socket)->required();
  command->add_option("--metrics-address", flags->metrics_address);
  command->add_option("--fuse-fd", flags->server.fuse_fd)->required();
  command->add_option("--session", flags->server.session_file)->required();
  command->add_option("--ready-fd", flags->server.ready_fd)->required();
  command->add_option("--profile", flags->credentials.profile);
  command->add_option("--credentials-file", flags->credentials.credentials_file);
  add_read_flags(*command, flags->read);
  add_hint_flags(*command, flags->hints);
  command->callback([flags, &io, &exit_code] {
    auto served = run_serve(*flags);
    if (!served) {
      fuse::report_start_failure(flags->server.ready_fd, served.error());
      complain(io, served.error());
    }
    exit_code = served ? *served : fuse::kExitFailed;
  });
}

}  // namespace shoal::tools
