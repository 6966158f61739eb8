// SPDX-License-Identifier: Apache-2.0
#include "devbucket/disk_bucket.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "devbucket/meta_attribute.h"
#include "devbucket/object_names.h"

namespace shoal::devbucket {
namespace {

std::string join(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.empty()) path += '/';
  path += name;
  return path;
}

std::unexpected<ApiError> refuse_errno(std::string_view doing) {
  const int error = errno;
  if (error == ENOSPC || error == EDQUOT)
    return refuse(507, "InsufficientStorage", "The disk of the dev bucket is full.");
  return refuse(500, "InternalError", std::string(doing) + ": " + std::strerror(error));
}

bool is_regular_at(int directory, const char* name) {
  struct stat stat {};
  return ::fstatat(directory, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(stat.st_mode);
}

}  // namespace

UniqueFd open_below(int directory, const std::string& path, int flags) {
  struct open_how how {};
  how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags | O_CLOEXEC));
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  return UniqueFd(
      static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how)));
}

DiskBucket::DiskBucket(std::string path, UniqueFd root, const struct stat& identity)
    : path_(std::move(path)), root_(std::move(root)), identity_(identity) {}

ApiResult<DiskBucket::OpenObject> DiskBucket::open(std::string_view key, int flags) const {
  if (is_storable_key(key)) {
    const KeyPath path = split_key(key);
    for (const Beside beside : {Beside::nothing, Beside::directory}) {
      OpenObject object;
      // O_NONBLOCK: opening a FIFO somebody left here must not wait for its other end.
      object.file = open_below(root_.get(),
                               join(path.directory, disk_name(path.name, NameKind::file, beside)),
                               flags | O_NONBLOCK);
      if (!object.file.is_open() && (errno == EMFILE || errno == ENFILE || errno == EACCES))
        return refuse_errno("open the object's file");
      if (!object.file.is_open() || ::fstat(object.file.get(), &object.stat) != 0) continue;
      if (!S_ISREG(object.stat.st_mode)) continue;
      std::string record;
      auto meta = read_attribute(object.file.get(), record) ? decode_meta(record, object.stat)
                                                            : std::nullopt;
      if (meta)
        object.meta = std::move(*meta);
      else
        object.meta.etag = weak_etag(object.stat);
      return object;
    }
  }
  return refuse(404, "NoSuchKey", "The specified key does not exist.");
}

ApiResult<DiskBucket::Staged> DiskBucket::stage() {
  static std::atomic<std::uint64_t> number = 0;  // relaxed: only has to differ
  Staged staged;
  staged.path = std::string(kStateDirectory) + "/put-" + std::to_string(::getpid()) + "-" +
                std::to_string(number.fetch_add(1, std::memory_order_relaxed));
  constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
  staged.file = UniqueFd(::openat(root_.get(), staged.path.c_str(), kFlags, 0644));
  if (!staged.file.is_open() && errno == ENOENT) {
    const std::string state(kStateDirectory);
    if (::mkdirat(root_.get(), state.c_str(), 0755) != 0 && errno != EEXIST)
      return refuse_errno("make the bucket's state directory");
    staged.file = UniqueFd(::openat(root_.get(), staged.path.c_str(), kFlags, 0644));
  }
  if (!staged.file.is_open()) return refuse_errno("make a file for the body");
  return staged;
}

void DiskBucket::discard(const Staged& staged) {
  ::unlinkat(root_.get(), staged.path.c_str(), 0);
}

ApiResult<std::string> DiskBucket::commit(std::string_view key, Staged staged,
                                          const ObjectMeta& meta, const Condition& condition) {
  struct stat stat {};
  if (::fstat(staged.file.get(), &stat) != 0) return refuse_errno("look at the body's file");
  const bool is_kept = write_attribute(staged.file.get(), encode_meta(meta, stat));
  if (!is_kept && errno != ENOTSUP) {
    auto error = refuse_errno("store the object's metadata");
    discard(staged);
    return error;
  }
  const std::lock_guard lock(names_mutex_);
  if (condition) {
    const auto present = open(key);
    auto allowed = condition(present ? &*present : nullptr);
    if (!allowed) {
      discard(staged);
      return refuse(std::move(allowed).error());
    }
  }
  if (auto placed = rename_locked(staged.path, key); !placed) {
    discard(staged);
    return refuse(std::move(placed).error());
  }
  return is_kept ? meta.etag : weak_etag(stat);
}

ApiResult<void> DiskBucket::rename_locked(const std::string& staged, std::string_view key) {
  const KeyPath path = split_key(key);
  const auto path_of = [&](Beside beside) {
    return join(path.directory, disk_name(path.name, NameKind::file, beside));
  };
  const std::string own = path_of(Beside::nothing);
  const std::string aside =
      path_of(Beside::directory);  // the same for names that are escaped anyway
  auto place = make_place_locked(own);
  if (!place) return refuse(std::move(place).error());
  if (::renameat(root_.get(), staged.c_str(), place->directory.get(), place->name.c_str()) == 0) {
    if (aside != own) unlink_locked(aside);  // the object's place while a directory was there
    return {};
  }
  if (errno != EISDIR && errno != ENOTEMPTY && errno != EEXIST)
    return refuse_errno("give the object its name");
  auto beside = make_place_locked(aside);
  if (!beside) return refuse(std::move(beside).error());
  if (::renameat(root_.get(), staged.c_str(), beside->directory.get(), beside->name.c_str()) != 0)
    return refuse_errno("give the object its name");
  return {};
}

ApiResult<DiskBucket::Place> DiskBucket::make_place_locked(const std::string& path) {
  Place place;
  std::string_view rest = path;
  const std::string top = ".";
  place.directory = open_below(root_.get(), top, O_PATH | O_DIRECTORY);
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  for (std::size_t slash = rest.find('/'); slash != std::string_view::npos;
       slash = rest.find('/')) {
    const std::string name(rest.substr(0, slash));
    rest.remove_prefix(slash + 1);
    const int parent = place.directory.get();
    UniqueFd child(::openat(parent, name.c_str(), kFlags));
    if (!child.is_open() && errno == ENOTDIR) {
      if (auto moved = move_aside_locked(parent, name); !moved)
        return refuse(std::move(moved).error());
      errno = ENOENT;
    }
    if (!child.is_open() && errno == ENOENT) {
      if (::mkdirat(parent, name.c_str(), 0755) != 0 && errno != EEXIST)
        return refuse_errno("make a directory for the key");
      child = UniqueFd(::openat(parent, name.c_str(), kFlags));
    }
    if (!child.is_open()) return refuse_errno("open a directory of the key");
    place.directory = std::move(child);
  }
  place.name = rest;
  return place;
}

// The file `name` gives its place to a directory of that name.
ApiResult<void> DiskBucket::move_aside_locked(int directory, const std::string& name) {
  if (!is_regular_at(directory, name.c_str())) {
    errno = ENOTDIR;
    return refuse_errno("make a directory in the place of something else than a file");
  }
  std::string escaped = disk_name(name, NameKind::file, Beside::directory);
  for (std::size_t slash = escaped.find('/'); slash != std::string::npos;
       slash = escaped.find('/', slash + 1)) {
    if (::mkdirat(directory, escaped.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST)
      return refuse_errno("make a directory for a long name");
  }
  if (::renameat(directory, name.c_str(), directory, escaped.c_str()) != 0)
    return refuse_errno("make room for a directory");
  return {};
}

ApiResult<void> DiskBucket::update_meta(const OpenObject& object, const ObjectMeta& meta) {
  struct stat stat {};
  if (::fstat(object.file.get(), &stat) != 0) return refuse_errno("look at the object's file");
  if (!write_attribute(object.file.get(), encode_meta(meta, stat)))
    return refuse_errno("store the object's metadata");
  return {};
}

bool DiskBucket::unlink_locked(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const UniqueFd parent = open_below(root_.get(), directory, O_PATH | O_DIRECTORY);
  return parent.is_open() && is_regular_at(parent.get(), name.c_str()) &&
         ::unlinkat(parent.get(), name.c_str(), 0) == 0;
}

ApiResult<void> DiskBucket::remove(std::string_view key) {
  if (!is_storable_key(key)) return {};
  const std::lock_guard lock(names_mutex_);
  const KeyPath path = split_key(key);
  for (const Beside beside : {Beside::nothing, Beside::directory}) {
    std::string file = join(path.directory, disk_name(path.name, NameKind::file, beside));
    if (!unlink_locked(file)) continue;
    // Directories exist because keys need them; those the key leaves empty go with it.
    for (std::size_t slash = file.rfind('/'); slash != std::string::npos; slash = file.rfind('/')) {
      file.resize(slash);
      if (::unlinkat(root_.get(), file.c_str(), AT_REMOVEDIR) != 0) break;
    }
    return {};
  }
  return {};
}

std::unique_ptr<KeyCursor> DiskBucket::cursor() {
  return std::make_unique<DirectoryCursor>(listings_, root_.get(), path_);
}

bool DiskBucket::has_keys() {
  return cursor()->seek("");
}

}  // namespace shoal::devbucket
