// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/result.h"

namespace shoal::http {

// An IP address with a port. A value.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
  [[nodiscard]] std::string to_string() const;  // "127.0.0.1:80", "[::1]:80"
  [[nodiscard]] bool operator==(const Address& other) const;
};
// Nothing when the text is a name.
[[nodiscard]] std::optional<Address> parse_address(const std::string& host, std::uint16_t port);

// Turns names into addresses. confined.
class Resolver {
 public:
  using Done = std::move_only_function<void(Result<std::vector<Address>>)>;
  virtual ~Resolver() = default;
  // At least one address, or unavailable. `done` runs later, on the executor of the resolver; not
  // at all once the resolver is gone.
  virtual void resolve(const std::string& host, std::uint16_t port, Done done) = 0;
};

// getaddrinfo(3), each call in a thread of its own: it blocks for seconds when a name server is
// silent, there is one per host and minute, and it cannot be interrupted, so nobody waits for its
// end. confined to `executor`, which outlives the resolver.
[[nodiscard]] std::unique_ptr<Resolver> make_system_resolver(Executor& executor);

}  // namespace shoal::http
