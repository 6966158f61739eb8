// SPDX-License-Identifier: Apache-2.0
#include "sys/directory_mount.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace shoal::sys {
namespace {

namespace fs = std::filesystem;

Error not_a_directory(const fs::path& path) {
  return Error(ErrorCode::precondition, path.string() + ": it is there, and no directory",
               "Remove it, or name another place.");
}

std::string link_of(const Fd& fd) {
  return "/proc/self/fd/" + std::to_string(fd.get());
}

}  // namespace

Result<NamedDirectory> NamedDirectory::open(const fs::path& path) {
  const std::string text = path.string();
  if (!path.is_absolute() || path.lexically_normal().string() != text || !path.has_filename() ||
      text.find('\0') != std::string::npos)
    return fail(ErrorCode::bad_input,
                "directory \"" + text.substr(0, 200) + "\": not an absolute path in normal form",
                "Write it from / on, without \"..\", \".\" or a / at its end.");
  Fd parent(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!parent.valid())
    return fail(errno_error(errno, "open " + path.parent_path().string())
                    .with_remedy("The directory above must exist."));
  std::error_code error;
  const fs::path above = fs::read_symlink(link_of(parent), error);
  if (error) return fail(errno_error(error.value(), "find " + path.parent_path().string()));
  std::string name = path.filename().string();
  fs::path canonical = above / name;
  return NamedDirectory(std::move(parent), std::move(name), std::move(canonical));
}

Result<bool> NamedDirectory::make() const {
  if (::mkdirat(parent_.get(), name_.c_str(), 0755) == 0) {
    // Whatever the umask: who may read is the file system's matter.
    ::fchmodat(parent_.get(), name_.c_str(), 0755, 0);
    return true;
  }
  if (errno != EEXIST) return fail(errno_error(errno, "make directory " + canonical_.string()));
  SHOAL_CHECK_OK(open_place("open"));
  return false;
}

Result<Fd> NamedDirectory::open_place(const char* doing) const {
  Fd place(::openat(parent_.get(), name_.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (place.valid()) return place;
  if (errno == ENOTDIR || errno == ELOOP) return fail(not_a_directory(canonical_));
  return fail(errno_error(errno, std::string(doing) + " " + canonical_.string()));
}

Result<bool> NamedDirectory::is_empty() const {
  Fd fd(::openat(parent_.get(), name_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) return false;
    if (errno == ENOTDIR || errno == ELOOP) return fail(not_a_directory(canonical_));
    return fail(errno_error(errno, "open " + canonical_.string()));
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(fd.get()), &::closedir);
  if (entries == nullptr) return fail(errno_error(errno, "list " + canonical_.string()));
  static_cast<void>(fd.release());  // closedir closes it
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return false;
  }
  return true;
}

bool NamedDirectory::exists() const {
  // Only looks the name up: what is mounted on it may be dead, and not answer.
  const Fd place(::openat(parent_.get(), name_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  return place.valid() || errno != ENOENT;
}

Result<void> NamedDirectory::remove() const {
  if (::unlinkat(parent_.get(), name_.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  const int error = errno;
  if (error == ENOTDIR) return fail(not_a_directory(canonical_));
  if (error == ENOTEMPTY || error == EEXIST)
    return fail(ErrorCode::precondition,
                "remove directory " + canonical_.string() + ": it holds files",
                "Nothing in it is ours: look at it, and remove it by hand.");
  if (error == EBUSY)
    return fail(ErrorCode::precondition,
                "remove directory " + canonical_.string() + ": something is mounted on it",
                "Unmount it first.");
  return fail(errno_error(error, "remove directory " + canonical_.string()));
}

Result<void> NamedDirectory::bind_read_only(const fs::path& source) const {
  const std::string what = "bind " + source.string() + " on " + canonical_.string();
  const Fd tree(::open_tree(AT_FDCWD, source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree.valid()) return fail(errno_error(errno, what + ": copy the mount"));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0)
    return fail(errno_error(errno, what + ": make it read-only"));
  SHOAL_TRY(const Fd place, open_place("bind on"));
  if (::move_mount(tree.get(), "", place.get(), "",
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
    return fail(errno_error(errno, what));
  return {};
}

Result<void> NamedDirectory::unmount() const {
  // By the parent, which no mount on the directory hides; the name is not followed as a link.
  const std::string place = link_of(parent_) + "/" + name_;
  if (::umount2(place.c_str(), UMOUNT_NOFOLLOW) == 0) return {};
  int error = errno;
  if (error == EBUSY) {
    if (::umount2(place.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH) == 0) return {};
    error = errno;
  }
  if (error == EINVAL || error == ENOENT)
    return fail(ErrorCode::not_found, "unmount " + canonical_.string() + ": nothing is mounted");
  return fail(errno_error(error, "unmount " + canonical_.string()));
}

}  // namespace shoal::sys
