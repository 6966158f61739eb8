// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace shoal::csi {

// Tells kubelet of the driver, in place of the node-driver-registrar sidecar: a socket
// DIRECTORY/NAME-reg.sock on which kubelet asks what is there.
//
// Thread model: synchronized.
class Registration {
 public:
  struct Options {
    std::filesystem::path directory;  // kubelet's plugins_registry
    std::string driver_name;
    std::filesystem::path endpoint;  // of the driver, as kubelet sees it: a path on the host
    // kubelet took the driver (""), or why not. Called on a thread of gRPC's.
    std::function<void(const std::string& error)> on_status;
  };
  // Errors as check_can_listen().
  [[nodiscard]] static Result<std::unique_ptr<Registration>> start(Options options);
  ~Registration();  // kubelet forgets the driver when the socket is gone

 private:
  class Impl;
  explicit Registration(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::csi
