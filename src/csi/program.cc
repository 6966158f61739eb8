// SPDX-License-Identifier: Apache-2.0
#include "csi/program.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>

#include "base/log.h"
#include "base/metrics.h"
#include "control/http_server.h"
#include "csi/check_attributes.h"
#include "csi/endpoint.h"
#include "csi/limits.h"
#include "csi/registration.h"
#include "csi/server.h"

namespace shoal::csi {
namespace {

constexpr const char* kAbout =
    "The CSI driver of Shoal: answers kubelet and asks the node's agent (`shoal agent`), which "
    "does "
    "all the work. Started again or replaced, it touches no mount.";

constexpr const char* kFooter = R"(Examples:
  shoal-csi --endpoint unix:///csi/csi.sock --node-id $(hostname)
  shoal-csi --mode controller --endpoint unix:///csi/csi.sock
  shoal-csi --register-with-kubelet /var/lib/kubelet/plugins_registry \
      --endpoint unix:///var/lib/kubelet/plugins/csi.shoal.dev/csi.sock --node-id node-7

Every flag can be set in the environment as well; the flag counts more. Logs go to standard error;
SIGUSR2 turns debug lines on, and off again.
Exit codes: 0 stopped by SIGTERM, 1 failed, 2 wrong usage.)";

struct ProgramOptions {
  std::string endpoint;
  std::string node_id;
  std::string driver_name = "csi.shoal.dev";
  std::string mode = "node";
  std::string agent_socket = "/run/shoal/agent.sock";
  std::uint32_t stage_wait_seconds = static_cast<std::uint32_t>(limits::kStageWaitDefault.count());
  std::uint32_t max_volumes = 0;
  std::string http_address;
  std::string registry;
  std::string kubelet_endpoint;
  std::string log_format = "text";
  std::string log_level = "info";
  std::string check_attributes;

  [[nodiscard]] bool serves_node() const { return mode != "controller"; }
  [[nodiscard]] bool serves_controller() const { return mode != "node"; }
};

void add_options(CLI::App& app, ProgramOptions& options) {
  app.add_option("--endpoint", options.endpoint, "Unix socket to serve, unix:///csi/csi.sock")
      ->envname("CSI_ENDPOINT")
      ->type_name("URL");
  app.add_option("--node-id", options.node_id, "Name of this node")
      ->envname("SHOAL_NODE_ID")
      ->type_name("NAME");
  app.add_option("--driver-name", options.driver_name, "Name under which volumes ask for us")
      ->envname("SHOAL_DRIVER_NAME")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--mode", options.mode, "Services to serve: node, controller, or all")
      ->envname("SHOAL_MODE")
      ->check(CLI::IsMember({"node", "controller", "all"}))
      ->type_name("MODE")
      ->capture_default_str();
  app.add_option("--agent-socket", options.agent_socket, "Socket of `shoal agent`")
      ->envname("SHOAL_AGENT_SOCKET")
      ->type_name("PATH")
      ->capture_default_str();
  app.add_option("--stage-wait", options.stage_wait_seconds,
                 "Seconds a call waits for a volume before it says how far it is; less when the "
                 "caller has less time")
      ->envname("SHOAL_STAGE_WAIT")
      ->check(CLI::Range(0u, static_cast<std::uint32_t>(limits::kStageWaitMax.count())))
      ->type_name("SECONDS")
      ->capture_default_str();
  app.add_option("--max-volumes", options.max_volumes,
                 "Volumes Kubernetes may place on this node; 0: no bound of ours")
      ->envname("SHOAL_MAX_VOLUMES")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--http-address", options.http_address,
                 "Serve GET /healthz and /metrics there, 127.0.0.1:9809 (default: nowhere)")
      ->envname("SHOAL_HTTP_ADDRESS")
      ->type_name("HOST:PORT");
  app.add_option("--register-with-kubelet", options.registry,
                 "kubelet's plugins_registry: tell kubelet of the driver, without a sidecar")
      ->envname("SHOAL_REGISTER_WITH_KUBELET")
      ->type_name("DIR");
  app.add_option("--kubelet-endpoint", options.kubelet_endpoint,
                 "Path of the endpoint as kubelet sees it, where it is not ours (default: ours)")
      ->envname("SHOAL_KUBELET_ENDPOINT")
      ->type_name("PATH");
  app.add_option("--log-format", options.log_format, "text, or json: a line of JSON for each event")
      ->envname("SHOAL_LOG_FORMAT")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  app.add_option("--log-level", options.log_level, "debug, info, warning or error")
      ->envname("SHOAL_LOG_LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->type_name("LEVEL")
      ->capture_default_str();
}

// For the tests of examples, and for whoever looks for a fault: not in --help.
void add_hidden_options(CLI::App& app, ProgramOptions& options) {
  app.add_option("--check-attributes", options.check_attributes,
                 "Read a volume as JSON from FILE (- is standard input), print what it would be")
      ->group("");
}

int run_check(const std::string& path) {
  std::stringstream document;
  if (path == "-")
    document << std::cin.rdbuf();
  else
    document << std::ifstream(path).rdbuf();
  const auto answer = check_attributes(document.str());
  if (!answer) {
    std::fprintf(stderr, "shoal-csi: %s: %s\n", std::string(name_of(answer.error().code)).c_str(),
                 answer.error().message.c_str());
    return 1;
  }
  std::printf("%s\n", answer->c_str());
  return 0;
}

// What is wrong with the options as a whole; found before anything is begun.
Result<std::filesystem::path> checked_endpoint(const ProgramOptions& options) {
  if (options.serves_node() && options.node_id.empty())
    return fail(ErrorCode::bad_input, "--node-id is missing",
                "Give it, or set SHOAL_NODE_ID (in a pod: fieldRef spec.nodeName).");
  if (options.node_id.size() > limits::kNodeIdBytesMax)
    return fail(ErrorCode::bad_input,
                "--node-id is longer than " + std::to_string(limits::kNodeIdBytesMax) + " bytes");
  // The specification's rule for names of plugins.
  const auto is_name_byte = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  };
  if (options.driver_name.empty() || options.driver_name.size() > 63 ||
      !std::ranges::all_of(options.driver_name, is_name_byte))
    return fail(ErrorCode::bad_input, "--driver-name '" + options.driver_name + "' is no name",
                "Write at most 63 letters, digits, '-' and '.', like csi.shoal.dev.");
  return parse_endpoint(options.endpoint);
}

control::HttpAnswer answer_http(const control::HttpQuestion& question, const Server& server,
                                const RpcMetrics& metrics) {
  if (question.method == "GET" && question.path == "/metrics")
    return {.body = metrics.text(), .content_type = kMetricsContentType};
  if (question.method == "GET" && question.path == "/healthz") {
    const bool well = server.answers();
    return {.status = well ? 200 : 503,
            .body = well ? "ok\n" : "calls of the CSI services are not answered\n",
            .content_type = "text/plain; charset=utf-8"};
  }
  return control::answer_of(Error(ErrorCode::not_found,
                                  question.method + " " + question.path + ": not answered here",
                                  "Ask GET /metrics or GET /healthz."));
}

sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return signals;
}

// The signal that ends the process. SIGUSR2 only changes what is logged.
int wait_for_end(const sigset_t& signals) {
  const LogLevel configured = log_level();
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal != SIGUSR2) return signal;
    const LogLevel level = log_level() == LogLevel::debug && configured != LogLevel::debug
                               ? configured
                               : LogLevel::debug;
    const LogLevel before = log_level();
    set_log_level(std::min(level, LogLevel::info));  // the change is said at any level
    log_event(LogLevel::info, "log.level", {{"before", name_of(before)}, {"now", name_of(level)}});
    set_log_level(level);
  }
}

Result<std::unique_ptr<Registration>> start_registration(const ProgramOptions& options,
                                                         const std::filesystem::path& endpoint,
                                                         std::atomic<bool>& refused) {
  if (options.registry.empty()) return std::unique_ptr<Registration>();
  return Registration::start(
      {.directory = options.registry,
       .driver_name = options.driver_name,
       .endpoint = options.kubelet_endpoint.empty() ? endpoint.string() : options.kubelet_endpoint,
       .on_status = [&refused](const std::string& error) {
         if (error.empty()) {
           log_event(LogLevel::info, "csi.registered");
           return;
         }
         log_event(LogLevel::error, "csi.registration_refused", {{"error", error}});
         refused.store(true);
         kill(getpid(), SIGTERM);  // taken by sigwait in serve()
       }});
}

// Returns after SIGTERM; false when kubelet did not want the driver.
Result<bool> serve(const ProgramOptions& options) {
  SHOAL_TRY(const auto endpoint, checked_endpoint(options));
  const sigset_t signals = block_signals();
  umask(077);  // sockets are for root alone
  RpcMetrics metrics(SHOAL_VERSION);
  const AgentDoor door = agent_door(options.agent_socket);
  IdentityService identity({.driver_name = options.driver_name,
                            .version = SHOAL_VERSION,
                            .has_controller = options.serves_controller()},
                           options.serves_node() ? door : AgentDoor());
  std::optional<NodeService> node;
  if (options.serves_node())
    node.emplace(NodeOptions{.node_id = options.node_id,
                             .max_volumes = options.max_volumes,
                             .stage_wait = std::chrono::seconds(options.stage_wait_seconds)},
                 door);
  std::optional<ControllerService> controller;
  if (options.serves_controller()) controller.emplace();
  SHOAL_TRY(const auto server, Server::start(endpoint,
                                             {.identity = identity,
                                              .node = node ? &*node : nullptr,
                                              .controller = controller ? &*controller : nullptr},
                                             metrics));
  std::unique_ptr<control::HttpServer> http;
  if (!options.http_address.empty()) {
    SHOAL_TRY(http, control::HttpServer::on_address(
                        options.http_address, {}, [&](const control::HttpQuestion& question) {
                          return answer_http(question, *server, metrics);
                        }));
  }
  std::atomic<bool> refused{false};
  SHOAL_TRY(auto registration, start_registration(options, endpoint, refused));
  log_event(LogLevel::info, "csi.started",
            {{"version", SHOAL_VERSION},
             {"driver", options.driver_name},
             {"endpoint", endpoint.string()},
             {"mode", options.mode},
             {"http_port", http ? http->port() : 0}});
  const int signal = wait_for_end(signals);
  log_event(LogLevel::info, "csi.stopping", {{"signal", signal}});
  registration.reset();
  server->stop();
  return !refused.load();
}

}  // namespace

int run_program(int argc, char** argv) {
  ProgramOptions options;
  CLI::App app(kAbout, "shoal-csi");
  app.footer(kFooter);
  app.set_version_flag("--version", "shoal-csi " SHOAL_VERSION);
  add_options(app, options);
  add_hidden_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  if (auto format = log_format_named(options.log_format)) set_log_format(*format);
  if (auto level = log_level_named(options.log_level)) set_log_level(*level);
  if (!options.check_attributes.empty()) return run_check(options.check_attributes);
  const auto end = serve(options);
  if (!end) {
    log_event(LogLevel::error, "csi.failed", {{"error", end.error().to_string()}});
    return end.error().code() == ErrorCode::bad_input ? 2 : 1;
  }
  return *end ? 0 : 1;
}

}  // namespace shoal::csi
