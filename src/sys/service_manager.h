// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/file.h"

namespace shoal::sys {

// The service manager (systemd, or whoever speaks its protocol) this process was started by:
// sd_notify(3) and the descriptor store, without its library. Where there is none, every call does
// nothing and succeeds.
//
// Thread model: immutable after of_process(), but for take_descriptors(); calls may overlap.
class ServiceManager {
 public:
  ServiceManager() = default;
  // From $NOTIFY_SOCKET, $WATCHDOG_USEC, $LISTEN_FDS and their like, which are removed from the
  // environment: children must not speak for this process. Call once, before threads start.
  [[nodiscard]] static ServiceManager of_process();

  [[nodiscard]] bool present() const noexcept { return !address_.empty(); }

  // Lines as in sd_notify(3): "READY=1\nSTATUS=12 volumes". unavailable, io.
  [[nodiscard]] Result<void> notify(std::string_view lines) const;
  // How often "WATCHDOG=1" must be sent at the latest; nothing: nobody waits for it.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval() const noexcept {
    return watchdog_;
  }

  // Keeps a descriptor for the next process of this service, under a name of at most 255 bytes
  // without ':' and control characters. The manager drops it by itself when it hangs up.
  [[nodiscard]] Result<void> store(std::string_view name, const Fd& descriptor) const;
  [[nodiscard]] Result<void> forget(std::string_view name) const;

  struct Stored {
    std::string name;
    Fd descriptor;
  };
  // What an earlier process of this service stored, close-on-exec. Once.
  [[nodiscard]] std::vector<Stored> take_descriptors() { return std::exchange(stored_, {}); }

 private:
  Result<void> send(std::string_view lines, int descriptor) const;

  std::string address_;  // of the socket, as in the environment; empty: there is no manager
  std::optional<std::chrono::microseconds> watchdog_;
  std::vector<Stored> stored_;
};

}  // namespace shoal::sys
