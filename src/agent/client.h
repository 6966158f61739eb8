// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "agent/volume_spec.h"
#include "base/result.h"

// Asks the agent behind its socket (HTTP + JSON, README.md). Each call blocks, for `patience` at
// most per step of the exchange. Every call may be repeated.
//
// Errors of all: unavailable (no agent listens), timeout, corrupt (an agent of another version),
// bad_input (what was asked cannot mean anything), io. What a call adds stands beside it.
//
// Thread model: immutable; calls may run on any thread at the same time.

namespace shoal::agent {

class Client {
 public:
  // `request_id`: written into the agent's log beside everything this client's calls cause.
  Client(std::filesystem::path socket, std::chrono::milliseconds patience,
         std::string request_id = {});

  struct Attach {
    std::string id;  // the caller's name of the volume, 1 to 256 bytes
    VolumeSpec spec;
    std::optional<Keys> keys;  // nothing: those the agent has of it, else the node's own
    std::filesystem::path staging_path = {};
    bool detach_with_last_target = false;
    // How long to wait for the volume to become ready or fail; zero: only begins it.
    std::chrono::milliseconds wait{0};
  };
  // Begins to bring the volume up, or says how far it is. The report's phase tells; a volume that
  // `failed` is an answer, not an error, and is tried again by this call. Volumes of equal spec and
  // keys share one mount. Keys given for a volume that is up take the place of its old ones,
  // without a remount. precondition: the id is attached with another spec.
  [[nodiscard]] Result<VolumeReport> attach(const Attach& request) const;

  // Ends the volume and, with its last user, the mount; index and cache stay on disk. An id nobody
  // knows is no error. precondition: it has targets still (named), or files of it are open.
  [[nodiscard]] Result<void> detach(const std::string& id) const;

  struct Publish {
    std::string id;
    std::filesystem::path target;  // made as a directory if it is missing; its parent must exist
    bool read_only = true;
    std::string fingerprint = {};
  };
  // Shows the volume at `target` by a bind mount. Never leaves a plain directory in place of the
  // mount: on failure what was made is removed. not_found: no such volume; unavailable: it is not
  // ready; precondition: the target shows this volume with another fingerprint, or something else
  // is mounted there, or it is not an empty directory.
  [[nodiscard]] Result<void> publish(const Publish& request) const;
  // Takes the mount away, also a dead one, and removes the directory. Targets and ids nobody knows
  // are no error; a target on which somebody else's file system is mounted is: precondition.
  [[nodiscard]] Result<void> unpublish(const std::string& id,
                                       const std::filesystem::path& target) const;

  // Answered from what the agent knows; touches no mount. not_found.
  [[nodiscard]] Result<VolumeReport> report(const std::string& id) const;
  [[nodiscard]] Result<std::vector<VolumeReport>> list() const;

  // Whether the agent is there and well.
  [[nodiscard]] Result<void> ping() const;

 private:
  Result<std::string> call(const char* method, const std::string& path, std::string body,
                           std::chrono::milliseconds patience) const;

  std::filesystem::path socket_;
  std::chrono::milliseconds patience_;
  std::string request_id_;
};

}  // namespace shoal::agent
