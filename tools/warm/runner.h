// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>

#include "base/result.h"
#include "control/warm_run.h"
#include "shoal/volume.h"

namespace shoal::tools::warm {

// Carries one batch out, in this process or by the server of a mount.
class Runner {
 public:
  using OnProgress = std::function<void(const control::WarmProgress&)>;

  virtual ~Runner() = default;
  // Blocks until the run is over, and returns how it ended; when `stop` is set meanwhile it is
  // canceled. The paths of `spec` have one syntax. Fails when it could not be carried out at all.
  [[nodiscard]] virtual Result<control::WarmProgress> run(const control::WarmSpec& spec,
                                                          control::PathPattern::Syntax syntax,
                                                          const OnProgress& on_progress) = 0;
};

// `volume` must outlive the runner and be closed before it is used otherwise: a canceled run leaves
// requests under way.
[[nodiscard]] std::unique_ptr<Runner> make_local_runner(Volume& volume,
                                                        const std::atomic<bool>& stop);

// Goes on when the server dies and its successor answers: `note` is told once.
[[nodiscard]] std::unique_ptr<Runner> make_remote_runner(
    std::filesystem::path socket, const std::atomic<bool>& stop,
    std::function<void(const std::string&)> note);

}  // namespace shoal::tools::warm
