// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "devbucket/api_error.h"
#include "devbucket/directory_listing.h"
#include "devbucket/object_meta.h"
#include "devbucket/unique_fd.h"

namespace shoal::devbucket {

// A bucket that is a directory: finds, replaces and removes the files that hold its objects. Below
// the bucket's own directory no symbolic link is followed, so no key leads out of it.
// synchronized: changes of names take one lock; reading takes none.
class DiskBucket {
 public:
  // `path`: the bucket's directory; `root` is open on it.
  DiskBucket(std::string path, UniqueFd root, const struct stat& identity);

  struct OpenObject {
    UniqueFd file;
    struct stat stat = {};
    ObjectMeta meta;
  };
  // Opens an object for reading, or as `flags` (O_RDWR ...) say. NoSuchKey when there is none.
  [[nodiscard]] ApiResult<OpenObject> open(std::string_view key, int flags = 0) const;

  // A temporary file in this bucket's own directory, and its path below the bucket.
  struct Staged {
    UniqueFd file;
    std::string path;
  };
  [[nodiscard]] ApiResult<Staged> stage();
  // Judges the object that is to be replaced (null: there is none) while no other write can.
  using Condition = std::function<ApiResult<void>(const OpenObject* present)>;
  // Gives a staged file its record and its place, replacing what is there if `condition` (none:
  // always) has nothing against it. Returns the ETag: meta's, or one of size and time where the
  // file system cannot keep the record.
  [[nodiscard]] ApiResult<std::string> commit(std::string_view key, Staged staged,
                                              const ObjectMeta& meta, const Condition& condition);
  // Removes a staged file that is not wanted.
  void discard(const Staged& staged);
  // Stores the record of a file whose bytes changed in place.
  [[nodiscard]] ApiResult<void> update_meta(const OpenObject& object, const ObjectMeta& meta);
  // Removes an object and the directories it leaves empty; fine when it does not exist.
  [[nodiscard]] ApiResult<void> remove(std::string_view key);

  // A cursor over all keys; the bucket must outlive it.
  [[nodiscard]] std::unique_ptr<KeyCursor> cursor();
  [[nodiscard]] bool has_keys();
  // Taken by operations that read, change and write back an object.
  [[nodiscard]] std::mutex& append_mutex() { return append_mutex_; }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int root() const { return root_.get(); }
  // Whether this is (still) the directory `other` describes.
  [[nodiscard]] bool is_same(const struct stat& other) const {
    return other.st_dev == identity_.st_dev && other.st_ino == identity_.st_ino;
  }

 private:
  // A directory and a name in it.
  struct Place {
    UniqueFd directory;
    std::string name;
  };
  [[nodiscard]] ApiResult<Place> make_place_locked(const std::string& path);
  [[nodiscard]] ApiResult<void> move_aside_locked(int directory, const std::string& name);
  [[nodiscard]] ApiResult<void> rename_locked(const std::string& staged, std::string_view key);
  bool unlink_locked(const std::string& path);

  const std::string path_;
  const UniqueFd root_;
  const struct stat identity_;
  ListingCache listings_;
  std::mutex names_mutex_;
  std::mutex append_mutex_;
};

// Opens `path` below `directory` without following any symbolic link; -1 and errno when it fails.
[[nodiscard]] UniqueFd open_below(int directory, const std::string& path, int flags);

}  // namespace shoal::devbucket
