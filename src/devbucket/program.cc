// SPDX-License-Identifier: Apache-2.0
#include "devbucket/program.h"

#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "devbucket/server.h"

namespace shoal::devbucket {
namespace {

constexpr const char* kExamples = R"(Examples:
  mkdir -p /tmp/db/ticks && cp -r my-files/. /tmp/db/ticks/
  shoal-devbucket /tmp/db --port 9000
  AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=secret shoal-devbucket /tmp/db --port 9000
  shoal-devbucket /tmp/db --invent ticks10m:10000000:tree:1KiB-16KiB
  shoal-devbucket /tmp/db --get-latency-ms 20 --list-latency-ms 40 --get-error 0.01 --seed 7
  curl -s http://127.0.0.1:9000/-/stats

Each directory in DIR is a bucket, each file below it an object; clients can create buckets.
Accepted keys: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN) and OSS_ACCESS_KEY_ID,
OSS_ACCESS_KEY_SECRET (OSS_SESSION_TOKEN) from the environment; without them, unsigned requests only.)";

struct ProgramOptions {
  ServerOptions server;
  std::vector<std::string> invented;
  std::string port_file;
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

void add_key(std::vector<AccessKey>& keys, const char* id, const char* secret, const char* token) {
  if (environment(id).empty() || environment(secret).empty()) return;
  keys.push_back({environment(id), Secret(environment(secret)), Secret(environment(token))});
}

void add_fault_options(CLI::App& app, FaultOptions& faults) {
  const auto probability = CLI::Range(0.0, 1.0);
  for (std::size_t i = 0; i < kRequestClasses; ++i) {
    FaultPlan& plan = faults.plans[i];
    const std::string name(name_of(static_cast<RequestClass>(i)));
    const std::string flag = "--" + name;
    const std::string group = "Shaping and faults: " + name;
    app.add_option_function<std::uint32_t>(
           flag + "-latency-ms",
           [&plan](std::uint32_t ms) { plan.latency = std::chrono::milliseconds(ms); },
           "Wait this long before doing the request")
        ->group(group);
    app.add_option(flag + "-throttle-rate", plan.throttle_rate,
                   "Refuse what goes beyond this many requests per second (503 SlowDown)")
        ->check(CLI::NonNegativeNumber)
        ->group(group);
    app.add_option(flag + "-reset", plan.reset,
                   "Probability of a connection reset in place of the answer")
        ->check(probability)
        ->group(group);
    app.add_option(flag + "-truncate", plan.truncate, "Probability of half a body")
        ->check(probability)
        ->group(group);
    app.add_option(flag + "-corrupt", plan.corrupt, "Probability of one wrong bit in the body")
        ->check(probability)
        ->group(group);
    app.add_option(flag + "-error", plan.error, "Probability of HTTP 500 (nothing is done)")
        ->check(probability)
        ->group(group);
  }
  app.add_option("--list-empty-page", faults.list_empty_page,
                 "Probability that a page of a version 2 listing is empty and to be continued")
      ->check(probability)
      ->group("Shaping and faults: list");
  app.add_option("--complete-error", faults.complete_error,
                 "Probability that completing an upload is answered with 200 and an error in the "
                 "body, and does nothing")
      ->check(probability)
      ->group("Shaping and faults: other");
  app.add_option("--seed", faults.seed, "Repeats the same faults in the same order")
      ->capture_default_str();
}

void add_options(CLI::App& app, ProgramOptions& options) {
  app.add_option("DIR", options.server.directory, "Directory to serve")->required();
  app.add_option("--port", options.server.port, "Port; 0 takes a free one")->default_val(9000);
  app.add_option("--bind", options.server.bind_address, "Address to listen on")
      ->capture_default_str();
  app.add_option("--port-file", options.port_file, "Write the port number to this file when ready");
  app.add_option("--threads", options.server.thread_count, "Threads (default: one per processor)")
      ->check(CLI::Range(1, 256));
  app.add_option("--keys-file", options.server.auth.keys_file,
                 "Accept the keys in this file too: lines 'id secret [token]', read again when the "
                 "file changes; what stood there before is refused as expired");
  app.add_flag("--anonymous-read", options.server.auth.allow_anonymous_read,
               "Accept unsigned requests that only read");
  app.add_option("--region", options.server.auth.region, "Refuse signatures for another region");
  app.add_option("--clock-skew-s", options.server.clock_offset_seconds,
                 "Seconds to add to this server's clock");
  app.add_option(
      "--invent", options.invented,
      "BUCKET:COUNT:SHAPE[:SIZE]: a bucket of computed objects; SHAPE flat, tree or dirs=NUMBER "
      "(so many directories), SIZE 8KiB or 1KiB-16KiB");
  add_fault_options(app, options.server.faults);
  app.footer(kExamples);
}

int report(const Error& error) {
  std::fprintf(stderr, "shoal-devbucket: %s\n", error.to_string().c_str());
  return 1;
}

// Written under another name first: whoever waits for the file must not read half of it.
bool write_port_file(const std::string& path, std::uint16_t port) {
  const std::string temporary = path + ".tmp";
  std::ofstream file(temporary);
  file << port << '\n';
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(temporary, path, error);
  return file && !error;
}

int serve(ProgramOptions& options) {
  for (const std::string& text : options.invented) {
    auto set = parse_invented(text);
    if (!set) {
      report(set.error());
      return 2;
    }
    options.server.invented.push_back(std::move(*set));
  }
  add_key(options.server.auth.keys, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
          "AWS_SESSION_TOKEN");
  add_key(options.server.auth.keys, "OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET",
          "OSS_SESSION_TOKEN");
  // Blocked before the first thread starts, so that only sigwait below sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  auto server = Server::start(options.server);
  if (!server) return report(server.error());
  const std::string& keys_file = options.server.auth.keys_file;
  const std::size_t keys = options.server.auth.keys.size();
  if (keys == 0 && keys_file.empty())
    fmt::print(
        "shoal-devbucket: no keys in the environment: only anonymous (unsigned) requests are "
        "accepted, and all of those\n");
  fmt::print("shoal-devbucket: serving {} on http://{}:{} ({} key{} accepted{})\n",
             options.server.directory, options.server.bind_address, (*server)->port(), keys,
             keys == 1 ? "" : "s", keys_file.empty() ? "" : " and those in " + keys_file);
  std::fflush(stdout);
  if (!options.port_file.empty() && !write_port_file(options.port_file, (*server)->port()))
    return report(Error(ErrorCode::io, "write the port file " + options.port_file,
                        "Give a path in a directory that exists and can be written."));
  int signal = 0;
  sigwait(&signals, &signal);
  (*server)->stop();
  fmt::print("{}\n", (*server)->counts());
  std::fflush(stdout);
  return 0;
}

}  // namespace

int run_program(int argc, char** argv) {
  CLI::App app("An S3 and OSS server for a directory, for development and tests.",
               "shoal-devbucket");
  ProgramOptions options;
  try {
    add_options(app, options);
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return serve(options);
}

}  // namespace shoal::devbucket
