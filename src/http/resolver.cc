// SPDX-License-Identifier: Apache-2.0
#include "http/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

namespace shoal::http {
namespace {

// What a lookup's thread shares with a resolver that may be gone before it. synchronized.
struct Mailbox {
  std::mutex mutex;
  Executor* executor = nullptr;  // guarded by mutex; null once the resolver is gone
};

Result<std::vector<Address>> look_up(const std::string& host, std::uint16_t port) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (error != 0) {
    const char* why = error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error);
    return fail(Error(ErrorCode::unavailable, "cannot resolve " + host + ": " + why,
                      "Check the endpoint's name, the proxy settings and DNS")
                    .with_retry(Retry::yes));
  }
  std::vector<Address> addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    Address address;
    if (entry->ai_addrlen > sizeof address.storage) continue;
    std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.size = entry->ai_addrlen;
    addresses.push_back(address);
  }
  freeaddrinfo(found);
  return addresses;
}

class SystemResolver final : public Resolver {
 public:
  explicit SystemResolver(Executor& executor)
      : mailbox_(std::make_shared<Mailbox>()), calls_(std::make_shared<Calls>()) {
    mailbox_->executor = &executor;
  }
  ~SystemResolver() override {
    const std::lock_guard lock(mailbox_->mutex);
    mailbox_->executor = nullptr;
    calls_->clear();
  }

  void resolve(const std::string& host, std::uint16_t port, Done done) override {
    const std::uint64_t id = ++last_id_;
    calls_->emplace(id, std::move(done));
    try {
      std::thread([mailbox = mailbox_, calls = std::weak_ptr(calls_), id, host, port] {
        post(*mailbox, calls, id, look_up(host, port));
      }).detach();
    } catch (const std::system_error& error) {
      post(*mailbox_, calls_, id,
           fail(Error(ErrorCode::limit, "resolve " + host + ": no thread: " + error.what(),
                      "Raise the limit of processes (ulimit -u).")
                    .with_retry(Retry::yes)));
    }
  }

 private:
  using Calls = std::unordered_map<std::uint64_t, Done>;

  static void post(Mailbox& mailbox, std::weak_ptr<Calls> calls, std::uint64_t id,
                   Result<std::vector<Address>> result) {
    const std::lock_guard lock(mailbox.mutex);
    if (mailbox.executor == nullptr) return;
    mailbox.executor->post([calls = std::move(calls), id, result = std::move(result)]() mutable {
      const auto alive = calls.lock();
      if (!alive) return;
      auto call = alive->extract(id);
      if (!call.empty()) call.mapped()(std::move(result));
    });
  }

  std::shared_ptr<Mailbox> mailbox_;
  std::uint64_t last_id_ = 0;
  std::shared_ptr<Calls> calls_;  // of the executor's thread; the others only carry the pointer
};

}  // namespace

std::string Address::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &storage, sizeof v6);
  inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
}

bool Address::operator==(const Address& other) const {
  return size == other.size && std::memcmp(&storage, &other.storage, size) == 0;
}

std::optional<Address> parse_address(const std::string& host, std::uint16_t port) {
  Address address;
  sockaddr_in v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&address.storage, &v4, sizeof v4);
    address.size = sizeof v4;
    return address;
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&address.storage, &v6, sizeof v6);
    address.size = sizeof v6;
    return address;
  }
  return std::nullopt;
}

std::unique_ptr<Resolver> make_system_resolver(Executor& executor) {
  return std::make_unique<SystemResolver>(executor);
}

}  // namespace shoal::http
