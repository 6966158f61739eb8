// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "store/object_store.h"
#include "store/paging.h"

// A directory seen as a bucket: keys are the paths of the regular files below it. Every step down
// is made with O_NOFOLLOW from an open directory, so no key and no symbolic link leads outside.

namespace shoal::store {

// An open descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

struct OpenObject {
  Descriptor file;
  ObjectInfo info;
};

// Every call blocks. synchronized: it holds nothing but the path (and a counter); the kernel does
// the rest. Nothing is made or checked before the first call.
class Tree {
 public:
  explicit Tree(std::filesystem::path root) : root_(std::move(root)) {}

  [[nodiscard]] Result<OpenObject> open_object(const std::string& key) const;
  // Exactly target.size() bytes.
  [[nodiscard]] Result<void> read(const OpenObject& object, std::uint64_t offset,
                                  MutableByteSpan target) const;
  // Makes the object from what `write` puts into the staging file, with a rename at the end:
  // readers see the old object or the new one, and after a crash too. if_absent is atomic; if_match
  // is looked at right before the rename, so two writers can both pass it.
  [[nodiscard]] Result<ETag> replace(const std::string& key, const WriteCondition& condition,
                                     const std::function<Result<void>(int file)>& write) const;
  [[nodiscard]] Result<AppendResult> append(const std::string& key, std::uint64_t position,
                                            ByteSpan body) const;
  [[nodiscard]] Result<void> remove(const std::string& key) const;

  // Parts lie in the staging folder until the upload is completed or aborted.
  [[nodiscard]] Result<UploadId> create_upload(const std::string& key) const;
  [[nodiscard]] Result<UploadedPart> write_part(const UploadId& upload, std::uint32_t number,
                                                ByteSpan body) const;
  [[nodiscard]] Result<ETag> complete(const CompleteRequest& request) const;
  [[nodiscard]] Result<void> abort_upload(const UploadId& upload) const;
  // In any order; an upload whose folder is half made or half gone is passed over.
  [[nodiscard]] Result<std::vector<UploadInfo>> uploads() const;

  // For the cursor.
  [[nodiscard]] Result<Descriptor> open_directory(const std::string& prefix) const;
  void count_skipped() const { ++skipped_; }
  // Links, devices and too long names met while listing, counted each time they are met.
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }

  [[nodiscard]] std::string what(const char* doing, std::string_view key) const;

  // Folder below the root for unfinished writes; not part of the bucket.
  static constexpr std::string_view kStaging = ".shoal-staging";

 private:
  struct Place {
    Descriptor directory;
    std::string leaf;
  };
  enum class Missing { fails, is_made };
  [[nodiscard]] Result<Descriptor> open_root() const;
  [[nodiscard]] Result<Place> place_of(const char* doing, const std::string& key,
                                       Missing missing) const;
  [[nodiscard]] Result<std::filesystem::path> make_staging() const;
  [[nodiscard]] Result<ETag> publish(const std::string& key, const WriteCondition& condition,
                                     const std::filesystem::path& staged, int file) const;
  [[nodiscard]] Result<void> check_version(const std::string& key,
                                           const WriteCondition& condition) const;
  [[nodiscard]] Result<std::filesystem::path> upload_folder(const UploadId& upload) const;
  void prune(const std::string& key) const;

  std::filesystem::path root_;
  mutable std::atomic<std::uint64_t> skipped_{0};
};

// Walks the keys of a tree in byte order. Holds the names of the directories on the way down to the
// present key, not more. confined; survives changes of the tree (what vanished is passed over).
class TreeCursor final : public KeyCursor {
 public:
  explicit TreeCursor(const Tree& tree) : tree_(tree) {}
  Result<void> seek(const std::string& from) override;
  Result<std::optional<ObjectInfo>> next() override;

 private:
  struct Level {
    std::string prefix;  // "" or "a/b/"
    Descriptor directory;
    std::vector<std::string> names;  // sorted; a directory's ends in '/', as in its keys
    std::size_t next = 0;
  };
  // False: there is no such directory (any more).
  Result<bool> descend(std::string prefix);
  Result<std::vector<std::string>> read_names(const Level& level) const;

  const Tree& tree_;
  std::vector<Level> levels_;
};

}  // namespace shoal::store
