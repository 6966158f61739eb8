// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "shoal/uploader.h"

namespace shoal::tools::write {

// What the uploader says while a command waits. synchronized: written on the uploader's thread,
// read on the command's.
class EventLog {
 public:
  void add(const UploadEvent& event);

  // Work of this process that no patience will help: no permission, or no such bucket. To be
  // discarded by the command, which then owns its failure.
  struct Hopeless {
    std::uint64_t id = 0;
    std::string key;
    Error why;
  };
  [[nodiscard]] std::vector<Hopeless> take_hopeless();
  // Why something is being tried again, the first time that happens; nothing afterwards.
  [[nodiscard]] std::optional<Error> take_first_delay();

  // The first file that changed while it was sent, once.
  [[nodiscard]] std::optional<std::filesystem::path> take_first_changed();

  // To know when discarded work is off the journal: expect_end() before discard(), then wait.
  // False: not all of it within `timeout`.
  void expect_end(std::uint64_t id);
  void expect_nothing(std::uint64_t id);  // the discard failed
  [[nodiscard]] bool wait_for_ends(std::chrono::milliseconds timeout);

  struct Recovered {  // outcomes of work that an earlier process accepted
    std::uint64_t sent = 0;
    std::uint64_t refused = 0;
    std::uint64_t waiting = 0;
  };
  [[nodiscard]] Recovered recovered() const;
  // Key and error of recovered work that failed.
  [[nodiscard]] std::vector<std::pair<std::string, Error>> take_recovered_failures();

 private:
  void add_failure_locked(const UploadEvent& event);
  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable ended_;
  std::set<std::uint64_t> expected_;  // ids of work that was discarded and has no outcome yet
  std::vector<Hopeless> hopeless_;
  std::optional<Error> first_delay_;
  bool delay_was_taken_ = false;
  std::optional<std::filesystem::path> first_changed_;
  bool changed_was_taken_ = false;
  Recovered recovered_;
  std::vector<std::pair<std::string, Error>> recovered_failures_;
};

}  // namespace shoal::tools::write
