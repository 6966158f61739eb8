// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sys/file.h"

namespace shoal::sys {

// What happened in a watched directory, or to it.
struct DirectoryEvent {
  enum class Kind : std::uint8_t {
    created,      // a name was made: a file (perhaps a link to an old one) or a directory
    modified,     // bytes were written, or the file was cut
    closed,       // a file that was open for writing was closed
    moved_in,     // a name came by rename, from anywhere
    moved_out,    // a name went by rename, to anywhere
    deleted,      // a name went
    moved_away,   // the watched directory itself was renamed
    gone,         // the watched directory was deleted or unmounted
    watch_ended,  // last event of this watch
    overflow,     // events were lost, nobody knows of which watch; `watch` means nothing
  };
  Kind kind = Kind::created;
  bool is_directory = false;  // what `name` names
  int watch = -1;
  std::string name{};  // within the directory; empty for events of the directory itself
};

// Where events come from. An interface so that tests can lose events. confined, but for wake().
class DirectoryWatches {
 public:
  virtual ~DirectoryWatches() = default;
  // Watches the names in a directory (not those below its subdirectories). The id is the same for
  // the same directory, however it is named. Fails with limit when the user may have no more
  // watches.
  [[nodiscard]] virtual Result<int> add(const std::filesystem::path& directory) = 0;
  // Ends a watch; ids that have ended are ignored.
  virtual void remove(int watch) = 0;
  // The events that are there, in order; waits for the first one, for wake(), or for so long.
  [[nodiscard]] virtual Result<std::vector<DirectoryEvent>> read(Duration wait_max) = 0;
  // Ends a read() that waits, or the next one. synchronized; safe in a signal handler.
  virtual void wake() = 0;
};

class Inotify final : public DirectoryWatches {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Inotify>> create();
  Result<int> add(const std::filesystem::path& directory) override;
  void remove(int watch) override;
  Result<std::vector<DirectoryEvent>> read(Duration wait_max) override;
  void wake() override;

 private:
  Inotify(Fd events, Fd wakes) : events_(std::move(events)), wakes_(std::move(wakes)) {}
  Result<void> read_batch(std::vector<DirectoryEvent>& events);
  Fd events_;
  Fd wakes_;  // an eventfd
};

}  // namespace shoal::sys
