// SPDX-License-Identifier: Apache-2.0
#include "devbucket/directory_listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/xattr.h>

#include <algorithm>
#include <ctime>

#include "base/limits.h"
#include "devbucket/disk_bucket.h"
#include "devbucket/meta_attribute.h"
#include "devbucket/object_names.h"

namespace shoal::devbucket {
namespace {

// The kernel stamps changes with the time of its last tick (at most 10 ms apart), so a change this
// soon after a listing may leave the same stamp.
constexpr std::int64_t kRacyNs = 20'000'000;

bool is_same_time(const struct timespec& a, const struct timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool is_recent(const struct timespec& mtime) {
  struct timespec now {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t age_ns =
      (now.tv_sec - mtime.tv_sec) * 1'000'000'000 + (now.tv_nsec - mtime.tv_nsec);
  return age_ns < kRacyNs;
}

std::string join(const std::string& directory, std::string_view name) {
  std::string path = directory;
  if (!path.empty()) path += '/';
  path += name;
  return path;
}

enum class Type { file, directory, other };
Type type_of(int directory, const struct dirent& entry) {
  if (entry.d_type == DT_REG) return Type::file;
  if (entry.d_type == DT_DIR) return Type::directory;
  if (entry.d_type != DT_UNKNOWN) return Type::other;
  struct stat stat {};
  if (::fstatat(directory, entry.d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0) return Type::other;
  if (S_ISREG(stat.st_mode)) return Type::file;
  return S_ISDIR(stat.st_mode) ? Type::directory : Type::other;
}

}  // namespace

std::shared_ptr<const DirectoryListing> DirectoryListing::read(int root, const std::string& path) {
  auto listing = std::make_shared<DirectoryListing>();
  listing->read_into(root, path, "", 0);
  listing->sort();
  return listing;
}

void DirectoryListing::read_into(int root, const std::string& path, const std::string& start,
                                 int depth) {
  constexpr int kPiecesMax = 5;  // 1024 bytes of key in pieces of 240
  UniqueFd fd = open_below(root, path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
  struct stat stat {};
  if (depth > kPiecesMax || !fd.is_open() || ::fstat(fd.get(), &stat) != 0) return;
  sources_.push_back({path, stat.st_mtim});
  is_racy_ = is_racy_ || is_recent(stat.st_mtim);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd.get()), &::closedir);
  if (stream == nullptr) return;
  const int directory = fd.release();  // the stream owns it
  while (const struct dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    const Type type = type_of(directory, *entry);
    const DiskName meant = read_disk_name(name);
    using enum DiskName::Meaning;
    if (meant.meaning == plain && type != Type::other)
      add(meant.component, type == Type::directory, false, start);
    else if (meant.meaning == escaped_file && type == Type::file)
      add(meant.component, false, true, start);
    else if (meant.meaning == escaped_directory && type == Type::directory &&
             disk_name(meant.component, NameKind::directory) == name)
      add(meant.component, true, true, start);
    else if (meant.meaning == piece && type == Type::directory)
      read_into(root, join(path, name), start + std::string(meant.component), depth + 1);
  }
}

void DirectoryListing::add(std::string_view name, bool is_directory, bool is_escaped,
                           std::string_view start) {
  const std::size_t offset = names_.size();
  names_ += start;
  names_ += name;
  const std::string_view whole = std::string_view(names_).substr(offset);
  if (whole.size() >= limits::kKeyBytesMax) {  // no key can reach it
    names_.resize(offset);
    return;
  }
  // Escaped although the name alone would not need it: its plain name is taken.
  const bool is_beside =
      !is_directory && is_escaped && disk_name(name, NameKind::file) == std::string(name);
  if (is_directory) names_ += '/';
  entries_.push_back(
      {offset, static_cast<std::uint16_t>(names_.size() - offset), is_directory, is_beside});
}

void DirectoryListing::sort() {
  const std::string_view names = names_;
  const auto name_of_entry = [names](const Entry& entry) {
    return names.substr(entry.name_offset, entry.name_bytes);
  };
  std::ranges::sort(entries_, [&](const Entry& a, const Entry& b) {
    const auto order = name_of_entry(a).compare(name_of_entry(b));
    return order != 0 ? order < 0 : a.is_beside < b.is_beside;  // the plain file wins
  });
  const auto twice = std::ranges::unique(entries_, {}, name_of_entry);
  entries_.erase(twice.begin(), twice.end());
}

std::string DirectoryListing::disk_name_of(std::size_t index) const {
  const Entry& found = entries_[index];
  std::string_view component = name(index);
  if (found.is_directory) component.remove_suffix(1);
  return disk_name(component, found.is_directory ? NameKind::directory : NameKind::file,
                   found.is_beside ? Beside::directory : Beside::nothing);
}

std::size_t DirectoryListing::lower_bound(std::string_view wanted) const {
  const auto found = std::ranges::lower_bound(entries_, wanted, {}, [this](const Entry& entry) {
    return std::string_view(names_).substr(entry.name_offset, entry.name_bytes);
  });
  return static_cast<std::size_t>(found - entries_.begin());
}

bool DirectoryListing::is_current(int root, const std::string& path) const {
  if (is_racy_) return false;
  struct stat stat {};
  if (sources_.empty())
    return ::fstatat(root, path.empty() ? "." : path.c_str(), &stat, AT_SYMLINK_NOFOLLOW) != 0;
  return std::ranges::all_of(sources_, [&](const Source& source) {
    const char* name = source.path.empty() ? "." : source.path.c_str();
    return ::fstatat(root, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
           is_same_time(stat.st_mtim, source.mtime);
  });
}

std::shared_ptr<const DirectoryListing> ListingCache::get(int root, const std::string& path) {
  std::shared_ptr<const DirectoryListing> listing;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = kept_.find(path); found != kept_.end()) {
      listing = found->second.listing;
      uses_.splice(uses_.begin(), uses_, found->second.use);
    }
  }
  if (listing != nullptr && listing->is_current(root, path)) return listing;
  listing = DirectoryListing::read(root, path);
  const std::lock_guard lock(mutex_);
  if (const auto old = kept_.find(path); old != kept_.end()) drop_locked(old);
  uses_.push_front(path);
  kept_[path] = {listing, uses_.begin()};
  entries_ += listing->size() + 1;  // an empty directory costs something too
  while (entries_ > kEntriesMax && uses_.size() > 1) drop_locked(kept_.find(uses_.back()));
  return listing;
}

void ListingCache::forget(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (const auto found = kept_.find(path); found != kept_.end()) drop_locked(found);
}

void ListingCache::drop_locked(std::unordered_map<std::string, Kept>::iterator kept) {
  entries_ -= kept->second.listing->size() + 1;
  uses_.erase(kept->second.use);
  kept_.erase(kept);
}

void DirectoryCursor::push(std::string path, std::size_t key_bytes) {
  Frame frame;
  frame.listing = cache_.get(root_, path);
  frame.key_bytes = key_bytes;
  frame.path = std::move(path);
  frames_.push_back(std::move(frame));
}

void DirectoryCursor::push_child(Frame& parent) {
  key_.resize(parent.key_bytes);
  key_ += parent.listing->name(parent.index);
  push(join(parent.path, parent.listing->disk_name_of(parent.index)), key_.size());
}

bool DirectoryCursor::seek(std::string_view target) {
  frames_.clear();
  key_.clear();
  push("", 0);
  while (true) {
    Frame& frame = frames_.back();
    const std::string_view rest = target.substr(frame.key_bytes);
    frame.index = frame.listing->lower_bound(rest);
    if (frame.index == 0) break;
    // A directory whose name starts `rest` sorts immediately before it, yet holds keys above it.
    const std::size_t before = frame.index - 1;
    if (!frame.listing->entry(before).is_directory ||
        !rest.starts_with(frame.listing->name(before)))
      break;
    frame.index = before;
    push_child(frame);
  }
  return settle();
}

bool DirectoryCursor::next() {
  ++frames_.back().index;
  return settle();
}

bool DirectoryCursor::settle() {
  while (!frames_.empty()) {
    Frame& frame = frames_.back();
    if (frame.index >= frame.listing->size()) {
      frames_.pop_back();
      if (!frames_.empty()) ++frames_.back().index;
      continue;
    }
    // A key longer than the services allow cannot be asked for, so it is not listed either.
    if (frame.key_bytes + frame.listing->name(frame.index).size() > limits::kKeyBytesMax) {
      ++frame.index;
      continue;
    }
    if (frame.listing->entry(frame.index).is_directory) {
      push_child(frame);
      continue;
    }
    key_.resize(frame.key_bytes);
    key_ += frame.listing->name(frame.index);
    return true;
  }
  return false;
}

bool DirectoryCursor::describe(ListedObject& object) {
  Frame& frame = frames_.back();
  if (!frame.directory.is_open())
    frame.directory =
        open_below(root_, frame.path.empty() ? "." : frame.path, O_PATH | O_DIRECTORY);
  if (!frame.directory.is_open()) return false;
  const std::string name = frame.listing->disk_name_of(frame.index);
  struct stat stat {};
  if (::fstatat(frame.directory.get(), name.c_str(), &stat, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISREG(stat.st_mode))
    return false;
  object.size_bytes = static_cast<std::uint64_t>(stat.st_size);
  object.mtime_seconds = stat.st_mtim.tv_sec;
  object.oss_type = "Normal";
  const std::string path = join(bucket_path_, join(frame.path, name));
  if (read_attribute(path, attribute_)) {
    if (const auto brief = decode_meta_brief(attribute_, stat)) {
      object.etag = brief->etag;
      object.oss_type = oss_name(brief->type);
      return true;
    }
  }
  etag_ = weak_etag(stat);
  object.etag = etag_;
  return true;
}

}  // namespace shoal::devbucket
