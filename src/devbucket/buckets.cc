// SPDX-License-Identifier: Apache-2.0
#include "devbucket/buckets.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "devbucket/invented_cursor.h"
#include "devbucket/object_names.h"

namespace shoal::devbucket {
namespace {

namespace fs = std::filesystem;

std::unexpected<ApiError> refuse_disk(std::string_view doing, std::string_view why) {
  return refuse(500, "InternalError", std::string(doing) + ": " + std::string(why));
}

// Temporary files of a server that was killed: no body takes an hour between two of its pieces.
void remove_stale_files(const std::string& bucket) {
  std::error_code error;
  const auto oldest = fs::file_time_type::clock::now() - std::chrono::hours(1);
  for (fs::directory_iterator it(fs::path(bucket) / kStateDirectory, error), end;
       !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->path().filename().string().starts_with("put-") && it->last_write_time(ignored) < oldest)
      fs::remove(it->path(), ignored);
  }
}

}  // namespace

std::unique_ptr<KeyCursor> BucketRef::cursor() const {
  if (disk != nullptr) return disk->cursor();
  return std::make_unique<InventedCursor>(*invented);
}

Result<std::unique_ptr<Buckets>> Buckets::open(const std::string& directory,
                                               std::vector<InventedSet> invented) {
  UniqueFd root(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.is_open())
    return fail(ErrorCode::not_found,
                "serve the directory " + directory + ": " + std::strerror(errno),
                "Give a directory that exists; each directory in it is served as a bucket.");
  for (std::size_t i = 0; i < invented.size(); ++i) {
    struct stat stat {};
    const std::string& name = invented[i].bucket;
    const bool is_twice = std::any_of(invented.begin(), invented.begin() + static_cast<long>(i),
                                      [&](const auto& other) { return other.bucket == name; });
    if (is_twice || ::fstatat(root.get(), name.c_str(), &stat, 0) == 0)
      return fail(ErrorCode::bad_input, "invent the bucket " + name + ": there is one of that name",
                  "Choose another name for the invented bucket.");
  }
  return std::unique_ptr<Buckets>(new Buckets(directory, std::move(root), std::move(invented)));
}

BucketRef Buckets::find(std::string_view name) {
  for (const InventedSet& set : invented_)
    if (set.bucket == name) return {nullptr, &set};
  if (!is_served_bucket_name(name)) return {};
  std::shared_ptr<DiskBucket> known;
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = open_.find(name); found != open_.end()) known = found->second;
  }
  // The bucket itself may be a symbolic link: that is how a user serves a tree that is elsewhere.
  struct stat stat {};
  const std::string text(name);
  if (::fstatat(root_.get(), text.c_str(), &stat, 0) != 0 || !S_ISDIR(stat.st_mode)) {
    if (known != nullptr) {
      const std::unique_lock lock(mutex_);
      open_.erase(text);
    }
    return {};
  }
  if (known != nullptr && known->is_same(stat)) return {known, nullptr};
  UniqueFd fd(::openat(root_.get(), text.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open() || ::fstat(fd.get(), &stat) != 0) return {};
  const std::string path = directory_ + "/" + text;
  remove_stale_files(path);
  auto opened = std::make_shared<DiskBucket>(path, std::move(fd), stat);
  const std::unique_lock lock(mutex_);
  auto& kept = open_[text];
  if (kept == nullptr || !kept->is_same(stat)) kept = std::move(opened);
  return {kept, nullptr};
}

std::vector<Buckets::Named> Buckets::list() const {
  std::vector<Named> names;
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    struct stat stat {};
    if (is_served_bucket_name(name) && ::fstatat(root_.get(), name.c_str(), &stat, 0) == 0 &&
        S_ISDIR(stat.st_mode))
      names.push_back({name, stat.st_mtim.tv_sec});
  }
  for (const InventedSet& set : invented_) names.push_back({set.bucket, 1'704'067'200});
  std::ranges::sort(names, {}, &Named::name);
  return names;
}

ApiResult<bool> Buckets::create(const std::string& name) {
  if (find(name)) return false;
  if (!is_new_bucket_name(name))
    return refuse(400, "InvalidBucketName", "The specified bucket is not valid.");
  if (::mkdirat(root_.get(), name.c_str(), 0755) == 0) return true;
  if (errno == EEXIST) return false;
  return refuse_disk("make the bucket's directory", std::strerror(errno));
}

ApiResult<void> Buckets::remove(const std::string& name) {
  const BucketRef bucket = find(name);
  if (!bucket) return refuse(404, "NoSuchBucket", "The specified bucket does not exist.");
  if (bucket.invented != nullptr)
    return refuse(403, "AccessDenied", "An invented bucket cannot be removed.");
  const std::string path = directory_ + "/" + name;
  std::error_code error;
  if (fs::is_symlink(path, error))
    return refuse(403, "AccessDenied", "The bucket is a symbolic link; remove it on disk.");
  const auto not_empty = [] {
    return refuse(409, "BucketNotEmpty", "The bucket you tried to delete is not empty.");
  };
  if (bucket.disk->has_keys()) return not_empty();
  fs::remove_all(path + "/" + std::string(kStateDirectory), error);
  std::vector<fs::path> directories;
  for (fs::recursive_directory_iterator it(path, error), end; !error && it != end;
       it.increment(error)) {
    if (!it->is_directory() || it->is_symlink())
      return not_empty();  // no key, yet not ours to remove
    directories.push_back(it->path());
  }
  for (const auto& directory : std::vector(directories.rbegin(), directories.rend()))
    if (!fs::remove(directory, error)) return not_empty();
  if (!fs::remove(path, error)) return not_empty();
  const std::unique_lock lock(mutex_);
  open_.erase(name);
  return {};
}

}  // namespace shoal::devbucket
