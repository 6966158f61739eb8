// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "devbucket/list_page.h"
#include "devbucket/unique_fd.h"

// Listings of directories, sorted as keys are, kept in memory until the directory changes. A page
// of a million-entry directory then costs a binary search and one stat per key, not a million
// reads.

namespace shoal::devbucket {

// The entries of one directory (with those of its .shoal~p pieces). immutable.
class DirectoryListing {
 public:
  struct Entry {
    std::uint64_t name_offset;
    std::uint16_t name_bytes;
    bool is_directory;
    bool is_beside;  // a file under its escaped name because its own is taken by a directory
  };
  // Reads the directory `path` below `root`; an empty listing when it is not there.
  static std::shared_ptr<const DirectoryListing> read(int root, const std::string& path);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  // The entry's part of the key; ends in '/' for directories, which sorts them where their keys
  // are.
  [[nodiscard]] std::string_view name(std::size_t index) const {
    return std::string_view(names_).substr(entries_[index].name_offset, entries_[index].name_bytes);
  }
  [[nodiscard]] const Entry& entry(std::size_t index) const { return entries_[index]; }
  // Path of the entry below the directory.
  [[nodiscard]] std::string disk_name_of(std::size_t index) const;
  // The first entry whose name is not below `name`.
  [[nodiscard]] std::size_t lower_bound(std::string_view name) const;
  // Whether the directory has not changed since.
  [[nodiscard]] bool is_current(int root, const std::string& path) const;

 private:
  struct Source {
    std::string path;  // below the bucket
    struct timespec mtime;
  };
  // `start`: what the pieces above say the names begin with.
  void read_into(int root, const std::string& path, const std::string& start, int depth);
  void add(std::string_view name, bool is_directory, bool is_escaped, std::string_view start);
  void sort();

  std::string names_;
  std::vector<Entry> entries_;
  std::vector<Source> sources_;
  bool is_racy_ = false;  // read so soon after a change that another one could go unseen
};

// The listings of one bucket, at most kEntriesMax entries in all, the least used dropped first.
// synchronized.
class ListingCache {
 public:
  static constexpr std::size_t kEntriesMax = 4'000'000;  // about 200 MB with usual names

  // A listing as current as this call.
  [[nodiscard]] std::shared_ptr<const DirectoryListing> get(int root, const std::string& path);
  void forget(const std::string& path);

 private:
  struct Kept {
    std::shared_ptr<const DirectoryListing> listing;
    std::list<std::string>::iterator use;
  };
  void drop_locked(std::unordered_map<std::string, Kept>::iterator kept);

  std::mutex mutex_;
  std::unordered_map<std::string, Kept> kept_;
  std::list<std::string> uses_;  // most recent first
  std::size_t entries_ = 0;
};

// Walks the keys of a bucket's directory tree. confined; cache and root outlive it.
class DirectoryCursor final : public KeyCursor {
 public:
  DirectoryCursor(ListingCache& cache, int root, std::string bucket_path)
      : cache_(cache), root_(root), bucket_path_(std::move(bucket_path)) {}

  bool seek(std::string_view key) override;
  bool next() override;
  [[nodiscard]] std::string_view key() const override { return key_; }
  bool describe(ListedObject& object) override;

 private:
  struct Frame {
    std::shared_ptr<const DirectoryListing> listing;
    std::size_t index = 0;
    std::size_t key_bytes = 0;  // length of the directory's part of the key
    std::string path;           // of the directory, below the bucket
    UniqueFd directory;         // opened when the first object is described
  };
  void push(std::string path, std::size_t key_bytes);
  void push_child(Frame& parent);
  // Moves on to a file from wherever the top frame stands.
  bool settle();

  ListingCache& cache_;
  const int root_;
  const std::string bucket_path_;
  std::vector<Frame> frames_;
  std::string key_;
  std::string etag_;
  std::string attribute_;
};

}  // namespace shoal::devbucket
