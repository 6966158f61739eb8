// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mount_plan.h"
#include "agent/volume_spec.h"
#include "base/result.h"
#include "frontend/fuse/mount_state.h"
#include "sys/process.h"

namespace shoal::agent {

// What is known of the dataset once it is indexed.
struct IndexFacts {
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t object_bytes = 0;
  std::int64_t listed_at = 0;  // seconds since 1970
};

// A `shoal index build` child. It writes into files, not to us, and has a session of its own: when
// the agent dies it goes on, and the next agent finds it by the same files. confined.
class IndexBuild {
 public:
  struct Files {
    std::filesystem::path output;   // what it says: JSON lines
    std::filesystem::path process;  // who it is
  };
  [[nodiscard]] static Files files_of(const Places& places, const std::string& mount);
  // Removes them: there is no build.
  static void forget(const Files& files);
  // `command` is the argv. Replaces what an earlier build left in the files.
  [[nodiscard]] static Result<IndexBuild> start(const std::vector<std::string>& command,
                                                const Files& files);
  // The one that an earlier agent started, if it still runs.
  [[nodiscard]] static std::optional<IndexBuild> find(const Files& files);

  struct State {
    bool over = false;
    IndexProgress progress;           // so far
    std::optional<IndexFacts> facts;  // over, and it went well
    std::optional<Error> error;       // over, and it did not
  };
  [[nodiscard]] State look();
  // Asks it to stop; what it has listed is kept. Waits a little, then kills it.
  void stop();

 private:
  IndexBuild(Files files, std::optional<sys::Process> child, fuse::ProcessId process)
      : files_(std::move(files)), child_(std::move(child)), process_(process) {}
  [[nodiscard]] bool has_ended(std::string& how);

  Files files_;
  std::optional<sys::Process> child_;  // nothing: of an earlier agent
  fuse::ProcessId process_;
};

// The last thing said in the lines of a build's output, and the progress before it. Pure. Lines
// that are no JSON (what it says to people) are passed over; without a last word `facts` and
// `error` are empty.
[[nodiscard]] IndexBuild::State read_build_output(std::string_view text);

}  // namespace shoal::agent
