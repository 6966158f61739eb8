// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/file_status.h"
#include "upload/name_filter.h"

namespace shoal::upload {

struct LocalFile {
  std::string key;  // path below the root
  sys::FileStatus status;
};

// What is in a directory and is not sent, and why. Nothing is left out without one of these.
struct SkippedFile {
  enum class Reason : std::uint8_t {
    link,        // symbolic link, and links are not followed
    special,     // socket, fifo or device
    excluded,    // by the filter
    bad_name,    // as a key it would be too long, or end in nothing
    unreadable,  // file, directory or target of a link cannot be looked at: an error
    loop,        // a link to a directory above it
  };
  Reason reason = Reason::link;
  std::string key;   // of a directory: everything below it
  std::string text;  // for people: what and why
  [[nodiscard]] bool is_error() const {
    return reason == Reason::unreadable || reason == Reason::bad_name;
  }
};
[[nodiscard]] std::string_view name_of(SkippedFile::Reason reason);

struct LocalOptions {
  std::filesystem::path root;  // absolute
  NameFilter filter{};
  bool follow_links = false;
  std::size_t key_bytes_max = 1024;  // without the bucket's prefix
};

// The regular files below a directory, in byte order of their keys ('/' included: "a.b" before
// "a/b"). Holds the names of one directory per level. Files that vanish between the listing and
// the look are as if they had never been there. confined.
class LocalFiles {
 public:
  using OnSkipped = std::function<void(const SkippedFile&)>;
  // Fails when the root itself cannot be read. `below`: only the files in this directory ("" or
  // ending in '/').
  [[nodiscard]] static Result<LocalFiles> open(const LocalOptions& options, OnSkipped on_skipped,
                                               std::string below = {});
  [[nodiscard]] std::optional<LocalFile> next();

 private:
  struct Entry {
    std::string name;  // of directories with a '/'
    sys::FileStatus status;
    [[nodiscard]] bool is_directory() const { return name.ends_with('/'); }
  };
  struct Level {
    std::string prefix;          // key of the directory, "" or ending in '/'
    sys::FileStatus status;      // of the directory
    std::vector<Entry> entries;  // descending: the next one is the last
  };

  LocalFiles(const LocalOptions& options, OnSkipped on_skipped)
      : options_(options), on_skipped_(std::move(on_skipped)) {}
  Result<void> enter(std::string prefix, const sys::FileStatus& status);
  std::optional<Entry> look_at(const std::string& prefix, const std::string& name);
  bool is_readable(const std::string& key);
  [[nodiscard]] bool is_open(const sys::FileStatus& directory) const;
  void skip(SkippedFile::Reason reason, std::string key, std::string text);

  LocalOptions options_;
  OnSkipped on_skipped_;
  std::vector<Level> levels_;
};

// One file by its key, as the walk would see it: nothing when it is not there, or skipped.
[[nodiscard]] std::optional<LocalFile> local_file(const LocalOptions& options,
                                                  const std::string& key,
                                                  const LocalFiles::OnSkipped& on_skipped);

}  // namespace shoal::upload
