// SPDX-License-Identifier: Apache-2.0
// The test program is also the two programs under test: `survival_test keeper ...` is the keeper
// and `survival_test serve ...` the server, as `shoal keeper` and `shoal serve` are.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <string_view>

#include "e2e/survival/file_volume.h"
#include "frontend/fuse/keeper.h"
#include "frontend/fuse/server.h"

namespace shoal::survival {
namespace {

// "--name value" pairs after the verb.
std::string option(int argc, char** argv, std::string_view name, std::string fallback) {
  for (int i = 2; i + 1 < argc; i += 2)
    if (argv[i] == name) return argv[i + 1];
  return fallback;
}

// For a test that wants a server to say the file system is gone while it is not.
extern "C" void end_as_if_disconnected(int) {
  ::_exit(fuse::kExitDisconnected);
}

int serve_verb(int argc, char** argv) {
  std::signal(SIGUSR1, end_as_if_disconnected);
  const auto number = [&](const char* name, const char* fallback) {
    return std::stoi(option(argc, argv, name, fallback));
  };
  fuse::ServerOptions options;
  options.fuse_fd = number("--fuse-fd", "-1");
  options.session_file = option(argc, argv, "--session", "");
  options.ready_fd = number("--ready-fd", "-1");
  options.allow_resend = number("--resend", "1") != 0;
  options.buffer_bytes_max = static_cast<std::uint64_t>(number("--buffer-mib", "64")) << 20;
  const auto volume = FileVolume::open(option(argc, argv, "--image", ""),
                                       std::chrono::microseconds(number("--delay-us", "0")));
  if (!volume) {
    fuse::report_start_failure(options.ready_fd, volume.error());
    return fuse::kExitFailed;
  }
  const auto server = fuse::Server::create(**volume, options);
  if (!server) {
    fuse::report_start_failure(options.ready_fd, server.error());
    return fuse::kExitFailed;
  }
  return fuse::serve(**server);
}

}  // namespace
}  // namespace shoal::survival

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "serve") return shoal::survival::serve_verb(argc, argv);
  if (verb == "keeper") {
    const auto fd = [&](const char* name) {
      return std::stoi(shoal::survival::option(argc, argv, name, "-1"));
    };
    return shoal::fuse::keeper_main(fd("--options-fd"), fd("--report-fd"), fd("--adopt-fd"));
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
