// SPDX-License-Identifier: Apache-2.0
// Goal: the suite has servers that check signatures.
// Method: start the dev bucket on a port of its choice and read its address from its first lines.
#include "dev_bucket.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace shoal::store {
namespace {

namespace fs = std::filesystem;

fs::path program() {
  if (const char* path = std::getenv("SHOAL_DEVBUCKET")) return path;
  return fs::read_symlink("/proc/self/exe").parent_path() / "shoal-devbucket";
}

// Waits for a line with an address; empty when the program ends or says nothing for ten seconds.
std::string read_endpoint(int output) {
  std::string text;
  std::array<char, 512> buffer{};
  for (;;) {
    pollfd ready{.fd = output, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, 10'000) <= 0) return {};
    const auto got = ::read(output, buffer.data(), buffer.size());
    if (got <= 0) return {};
    text.append(buffer.data(), static_cast<std::size_t>(got));
    const auto start = text.find("http://");
    const auto end = text.find_first_of(" \n\r", start);
    if (start == std::string::npos || end == std::string::npos) continue;
    std::string endpoint = text.substr(start, end - start);
    while (endpoint.ends_with('/')) endpoint.pop_back();
    return endpoint;
  }
}

}  // namespace

std::unique_ptr<DevBucket> DevBucket::start(const std::vector<std::string>& options,
                                            std::string& why) {
  const fs::path path = program();
  if (::access(path.c_str(), X_OK) != 0) {
    why = path.string() + " is not built (or set SHOAL_DEVBUCKET)";
    return nullptr;
  }
  std::string directory = (fs::temp_directory_path() / "shoal-conformance-XXXXXX").string();
  if (::mkdtemp(directory.data()) == nullptr ||
      !fs::create_directory(fs::path(directory) / kDevBucket)) {
    why = "cannot make a temporary directory";
    return nullptr;
  }
  std::vector<std::string> words = {path.string(), directory, "--port", "0"};
  words.insert(words.end(), options.begin(), options.end());
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    why = "cannot make a pipe";
    return nullptr;
  }
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    for (const char* name : {"AWS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_ID"})
      ::setenv(name, kDevAccessKey, 1);
    for (const char* name : {"AWS_SECRET_ACCESS_KEY", "OSS_ACCESS_KEY_SECRET"})
      ::setenv(name, kDevSecretKey, 1);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(pipe[1]);
  const std::string endpoint = read_endpoint(pipe[0]);
  // Not closed: the child may go on writing. One descriptor per server, until the end of the tests.
  auto server = std::unique_ptr<DevBucket>(new DevBucket(pid, directory, endpoint));
  if (endpoint.empty()) {
    why = path.string() + " did not say its address";
    return nullptr;
  }
  return server;
}

DevBucket::~DevBucket() {
  ::kill(pid_, SIGTERM);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  std::error_code error;
  fs::remove_all(directory_, error);
}

}  // namespace shoal::store
