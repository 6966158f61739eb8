// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace shoal::upload {

// The files of a watched directory that are to be sent, from the first event to the outcome:
//
//            touch()                 due()              hand_over()
//   (none) ----------> settling ------------> checked ------------> handed --finish()--> (none)
//                         ^  ^                   | postpone()          |
//                         |  +-------------------+                     |
//                         +--------------------------------------------+ touch()
//
// A file settles until `settle` has passed without an event. Bounded by the number of files.
// confined; time is the caller's.
class Candidates {
 public:
  explicit Candidates(Duration settle) : settle_(settle) {}

  enum class Touch : std::uint8_t {
    written,  // somebody writes it, and the end of that will be told
    closed,   // it was closed after writing, or came whole
    found,    // seen in a scan: nothing is known of writers
  };
  // True when the file was handed over: what was given away may be half of what is to come.
  bool touch(const std::string& key, TimePoint now, Touch how);

  // Files that have settled; each is named once, then one of the calls below follows.
  [[nodiscard]] std::vector<std::string> due(TimePoint now);
  // When due() has something to say next.
  [[nodiscard]] std::optional<TimePoint> next_due() const;
  // The file's writers have not closed it yet, as far as events tell.
  [[nodiscard]] bool is_being_written(const std::string& key) const;

  void hand_over(const std::string& key);
  // It is looked at again after `wait`. True once, when it has been postponed for `tell_after`.
  bool postpone(const std::string& key, TimePoint now, Duration wait, Duration tell_after);
  [[nodiscard]] bool is_handed(const std::string& key) const;
  [[nodiscard]] bool is_known(const std::string& key) const { return files_.contains(key); }
  void finish(const std::string& key);
  // The same for everything below a directory ("dir/"); returns what was handed over of it.
  std::vector<std::string> finish_below(const std::string& prefix);

  [[nodiscard]] std::size_t size() const { return files_.size(); }
  [[nodiscard]] std::size_t settling() const { return by_due_.size(); }

 private:
  struct File {
    bool is_handed = false;
    bool is_open = false;  // written, and not closed since
    bool is_told = false;
    TimePoint due{};                             // settling: when
    std::optional<TimePoint> postponed_since{};  // without an event in between
  };
  void schedule(const std::string& key, File& file, TimePoint due);
  void unschedule(const std::string& key, const File& file);

  Duration settle_;
  // Invariant: by_due_ holds (due, key) of exactly the settling files that due() has not named.
  std::map<std::string, File> files_;
  std::set<std::pair<TimePoint, std::string>> by_due_;
};

}  // namespace shoal::upload
