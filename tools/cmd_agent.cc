// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <thread>

#include "agent/agent.h"
#include "agent/metrics.h"
#include "agent/service.h"
#include "base/log.h"
#include "commands.h"
#include "log_flags.h"
#include "places.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/service_manager.h"
#include "volume/prepare.h"

namespace shoal::tools {
namespace {

struct AgentFlags {
  std::filesystem::path socket = "/run/shoal/agent.sock";
  std::filesystem::path state_directory = "/var/lib/shoal/agent";
  std::filesystem::path volumes_directory;
  std::string metrics_address;
  std::filesystem::path keeper_cgroup;
  std::size_t volumes_max = agent::limits::kVolumesDefault;
};

// What is under way at the end (a mount being made) goes on by itself, and the next agent finds it.
constexpr auto kEndPatience = std::chrono::seconds(5);

Result<agent::Agent::Options> options_of(const AgentFlags& flags) {
  agent::Agent::Options options;
  options.volumes_max = flags.volumes_max;
  SHOAL_TRY(options.places.program, sys::self_executable());
  options.places.runtime_directory = runtime_directory();
  options.places.state_directory = flags.state_directory;
  options.places.volumes_directory = flags.volumes_directory;
  options.places.keeper_cgroup = flags.keeper_cgroup;
  return options;
}

// Ends the process if the orderly end takes too long: nothing is lost by it.
class EndGuard {
 public:
  EndGuard() : thread_([this] { wait(); }) {}
  ~EndGuard() {
    ended_ = true;
    thread_.join();
  }

 private:
  void wait() {
    const auto deadline = std::chrono::steady_clock::now() + kEndPatience;
    while (!ended_ && std::chrono::steady_clock::now() < deadline) poll(nullptr, 0, 20);
    if (!ended_) _exit(kExitOk);
  }
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

Result<void> run_until_stopped(const AgentFlags& flags, const Io& io) {
  switch_log_level_on_signal();
  auto manager = sys::ServiceManager::of_process();
  SHOAL_TRY(const auto options, options_of(flags));
  SHOAL_TRY(auto agent, agent::Agent::start(options, manager));
  agent::Service service(*agent, [&agent] { return metrics_text(*agent, SHOAL_VERSION); });
  SHOAL_CHECK_OK(sys::make_directories(flags.socket.parent_path()));
  SHOAL_TRY(auto server,
            control::HttpServer::on_socket(flags.socket,
                                           {.threads = agent::limits::kHttpThreads,
                                            .body_bytes_max = agent::limits::kBodyBytesMax,
                                            .read_timeout = agent::limits::kRequestTimeout},
                                           [&service](const control::HttpQuestion& question) {
                                             return service.answer(question);
                                           }));
  std::unique_ptr<control::HttpServer> metrics;
  if (!flags.metrics_address.empty()) {
    SHOAL_TRY(metrics,
              control::HttpServer::on_address(flags.metrics_address, {},
                                              [&service](const control::HttpQuestion& question) {
                                                return service.answer_public(question);
                                              }));
  }
  log_event(LogLevel::info, "agent.ready", {{"socket", flags.socket.string()}});
  if (const auto told = manager.notify("READY=1\nSTATUS=answering on " + flags.socket.string());
      !told)
    log_event(LogLevel::warning, "agent.manager_deaf", {{"error", told.error().to_string()}});
  while (!io.stop->load()) poll(nullptr, 0, 100);
  ignore(manager.notify("STOPPING=1"), "it sees the end anyway");
  log_event(LogLevel::info, "agent.stopping", {{"mounts", "stay"}});
  const EndGuard guard;
  metrics.reset();
  server.reset();
  agent.reset();  // waits for a mount that is being made
  return {};
}

int run_agent(const AgentFlags& flags, const Io& io) {
  catch_signals();
  const auto done = run_until_stopped(flags, io);
  if (done) return kExitOk;
  complain(io, done.error());
  return kExitFailed;
}

}  // namespace

void add_agent(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<AgentFlags>();
  flags->socket = runtime_directory() / "agent.sock";
  flags->volumes_directory = volume::default_volumes_directory();
  CLI::App* command =
      app.add_subcommand("agent", "Keep the volumes of a node; for the CSI driver and its like");
  command->footer(R"(Examples:
  shoal agent
  shoal agent --metrics-address 127.0.0.1:9464
  curl --unix-socket /run/shoal/agent.sock http://agent/volumes

Lists, mounts and shows volumes at target directories for whoever asks on its socket (HTTP and JSON,
root only), and brings back what dies. Mounts do not depend on it: when it ends they stay, and the
next agent takes them over. With a service manager that keeps descriptors (systemd's FDSTORE) they
outlive even the death of all processes behind them. Volumes end by being detached only.)");
  command->add_option("--socket", flags->socket, "Where it answers; only root can connect")
      ->type_name("PATH")
      ->capture_default_str();
  command
      ->add_option("--state-dir", flags->state_directory,
                   "What must survive a reboot: records of volumes (without keys), mount points")
      ->type_name("DIR")
      ->capture_default_str();
  command->add_option("--volumes-dir", flags->volumes_directory, "Indexes and caches of volumes")
      ->type_name("DIR")
      ->capture_default_str();
  command
      ->add_option("--metrics-address", flags->metrics_address,
                   "Also answer GET /metrics and /healthz there (default: not)")
      ->type_name("HOST:PORT");
  command
      ->add_option("--keeper-cgroup", flags->keeper_cgroup,
                   "cgroup v2 directory for the processes behind mounts and for listings, so that "
                   "they outlive the container this runs in (default: the agent's own)")
      ->type_name("DIR");
  add_log_flags(*command);
  command->add_option("--max-volumes", flags->volumes_max, "Volumes attached at the same time")
      ->check(CLI::Range(1u, 65536u))
      ->type_name("N")
      ->capture_default_str();
  command->callback([flags, &io, &exit_code] { exit_code = run_agent(*flags, io); });
}

}  // namespace shoal::tools
