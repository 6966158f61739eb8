// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sys/inotify.h"
#include "upload/local_files.h"

namespace shoal::upload {

// What happened to the files below a directory.
struct TreeEvent {
  enum class Kind : std::uint8_t {
    written,         // somebody writes the file
    closed,          // it was closed after writing, or came by rename or as another name
    found,           // seen by a scan
    gone,            // deleted or renamed away
    directory_gone,  // with everything below; `key` ends in '/'
    lost,            // events were lost: only a look at everything tells what happened
    root_gone,       // the directory itself was deleted, renamed or unmounted
  };
  Kind kind = Kind::found;
  std::string key{};
};

// The directories below a root, each watched, as they come and go. A new directory is watched first
// and scanned then, so that nothing in it is missed. A directory that cannot be watched, for the
// user has no watches left, is scanned from time to time. confined.
class WatchedTree {
 public:
  // A directory that is scanned instead of watched from here on, or cannot be read at all, and why.
  using OnProblem = std::function<void(const std::string& key, const Error&)>;
  // `watches` is borrowed.
  WatchedTree(const LocalOptions& local, sys::DirectoryWatches& watches, OnProblem on_problem)
      : local_(local), watches_(watches), on_problem_(std::move(on_problem)) {}

  // Watches every directory that is there; again after events were lost. Fails when the root
  // cannot be watched for another reason than the limit.
  [[nodiscard]] Result<void> watch_all();
  // What happened, at most `wait_max` of waiting.
  [[nodiscard]] Result<std::vector<TreeEvent>> read(Duration wait_max);
  // Looks at the directories that are not watched.
  [[nodiscard]] std::vector<TreeEvent> scan_unwatched();
  [[nodiscard]] bool has_unwatched() const { return !unwatched_.empty(); }
  [[nodiscard]] std::size_t watched() const { return prefix_of_.size(); }

 private:
  using Seen = std::map<std::string, sys::FileStatus>;

  Result<void> watch(const std::string& prefix);
  // Watches everything below; files found on the way are appended unless `events` is null.
  Result<void> watch_below(const std::string& prefix, std::vector<TreeEvent>* events);
  void add_subdirectories(const std::string& prefix, std::vector<std::string>& pending,
                          std::vector<TreeEvent>* events);
  void stop_watching_below(const std::string& prefix);
  void leave_unwatched(const std::string& prefix, const Error& why);
  [[nodiscard]] Seen look_below(const std::string& prefix) const;
  void scan(const std::string& prefix, Seen& seen, std::vector<TreeEvent>& events);
  void translate(const sys::DirectoryEvent& event, std::vector<TreeEvent>& events);
  void on_directory(const sys::DirectoryEvent& event, const std::string& key,
                    std::vector<TreeEvent>& events);
  void on_file(const sys::DirectoryEvent& event, const std::string& key,
               std::vector<TreeEvent>& events);

  LocalOptions local_;
  sys::DirectoryWatches& watches_;
  OnProblem on_problem_;
  // Invariant: the two are inverse. A prefix is "" or ends in '/'.
  std::unordered_map<int, std::string> prefix_of_;
  std::map<std::string, int> watch_of_;
  // Directories that stand for everything below them, with what was last seen there.
  std::map<std::string, Seen> unwatched_;
};

}  // namespace shoal::upload
