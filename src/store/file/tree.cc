// SPDX-License-Identifier: Apache-2.0
#include "store/file/tree.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/limits.h"
#include "store/file/tree_error.h"

namespace shoal::store {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

std::vector<std::string> components_of(std::string_view key) {
  std::vector<std::string> components;
  for (;;) {
    const auto slash = key.find('/');
    components.emplace_back(key.substr(0, slash));
    if (slash == std::string_view::npos) return components;
    key.remove_prefix(slash + 1);
  }
}

bool is_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.size() <= limits::kNameBytesMax &&
         name.find('\0') == std::string_view::npos;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

ObjectInfo info_of(std::string key, const struct stat& status) {
  ObjectInfo info;
  info.key = std::move(key);
  info.size = static_cast<std::uint64_t>(status.st_size);
  info.mtime = status.st_mtim.tv_sec;
  info.etag =
      fmt::format("{:x}-{:x}{:08x}", info.size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  return info;
}

std::string Tree::what(const char* doing, std::string_view key) const {
  return fmt::format("{} file://{}/{}", doing, root_.string(), key);
}

Result<Descriptor> Tree::open_root() const {
  Descriptor root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (root.is_open()) return root;
  if (errno == ENOENT)
    return fail(ErrorCode::not_found, "directory " + root_.string() + " does not exist",
                "Check the path behind file://.");
  return fail(tree_error(errno, "open directory " + root_.string()));
}

// The open directory that holds the key's last component.
Result<Tree::Place> Tree::place_of(const char* doing, const std::string& key,
                                   Missing missing) const {
  SHOAL_CHECK_OK(check_key("file://" + root_.string(), key));
  auto components = components_of(key);
  const bool is_writable = missing == Missing::is_made;
  if (!std::ranges::all_of(components, is_file_name) || components.front() == kStaging)
    return is_writable
               ? fail(ErrorCode::bad_input, what(doing, key) + ": no file can have this name",
                      "Names must not be empty, '.' or '..', nor longer than 255 bytes.")
               : fail(ErrorCode::not_found, what(doing, key) + ": no such object");
  SHOAL_TRY(Descriptor directory, open_root());
  for (std::size_t i = 0; i + 1 < components.size(); ++i) {
    const char* name = components[i].c_str();
    if (is_writable && ::mkdirat(directory.get(), name, 0777) != 0 && errno != EEXIST)
      return fail(tree_error(errno, what(doing, key)));
    Descriptor below(::openat(directory.get(), name, kDirectoryFlags));
    if (!below.is_open() && is_writable && (errno == ENOTDIR || errno == ELOOP))
      return fail(ErrorCode::bad_input,
                  what(doing, key) + ": a file or link is where a directory must be",
                  "In a directory a name is a file or a directory, not both as in a bucket.");
    if (!below.is_open()) return fail(tree_error(errno, what(doing, key)));
    directory = std::move(below);
  }
  return Place{std::move(directory), std::move(components.back())};
}

Result<Descriptor> Tree::open_directory(const std::string& prefix) const {
  SHOAL_TRY(Descriptor directory, open_root());
  if (prefix.empty()) return directory;
  for (const auto& name : components_of(std::string_view(prefix).substr(0, prefix.size() - 1))) {
    if (!is_file_name(name))
      return fail(ErrorCode::not_found, what("list", prefix) + ": no such directory");
    Descriptor below(::openat(directory.get(), name.c_str(), kDirectoryFlags));
    if (!below.is_open()) return fail(tree_error(errno, what("list", prefix)));
    directory = std::move(below);
  }
  return directory;
}

Result<OpenObject> Tree::open_object(const std::string& key) const {
  SHOAL_TRY(const Place place, place_of("open", key, Missing::fails));
  // O_NONBLOCK: opening a named pipe must not wait for a writer.
  Descriptor file(::openat(place.directory.get(), place.leaf.c_str(),
                           O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open()) return fail(tree_error(errno, what("open", key)));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail(tree_error(errno, what("open", key)));
  if (!S_ISREG(status.st_mode))
    return fail(ErrorCode::not_found, what("open", key) + ": no such object (not a regular file)");
  return OpenObject{std::move(file), info_of(key, status)};
}

Result<void> Tree::read(const OpenObject& object, std::uint64_t offset,
                        MutableByteSpan target) const {
  while (!target.empty()) {
    const auto got =
        ::pread(object.file.get(), target.data(), target.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(tree_error(errno, what("read", object.info.key)));
    if (got == 0)
      return fail(ErrorCode::precondition,
                  what("read", object.info.key) + ": the file was cut short while it was read");
    target = target.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<AppendResult> Tree::append(const std::string& key, std::uint64_t position,
                                  ByteSpan body) const {
  SHOAL_TRY(const Place place, place_of("append to", key, Missing::is_made));
  const Descriptor file(::openat(place.directory.get(), place.leaf.c_str(),
                                 O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666));
  if (!file.is_open()) return fail(tree_error(errno, what("append to", key)));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail(tree_error(errno, what("append to", key)));
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != position)
    return fail(ErrorCode::precondition,
                fmt::format("{}: the object has {} bytes, not {}", what("append to", key),
                            status.st_size, position));
  SHOAL_CHECK_OK(write_all(file.get(), position, body, what("append to", key)));
  if (::fdatasync(file.get()) != 0) return fail(tree_error(errno, what("append to", key)));
  return AppendResult{position + body.size()};
}

Result<void> Tree::remove(const std::string& key) const {
  auto place = place_of("remove", key, Missing::fails);
  if (!place) {
    // Neither is a missing key an error nor one below a file.
    if (place.error().code() == ErrorCode::not_found) return {};
    return fail(std::move(place).error());
  }
  struct stat status {};
  const int directory = place->directory.get();
  const char* leaf = place->leaf.c_str();
  if (::fstatat(directory, leaf, &status, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? Result<void>() : fail(tree_error(errno, what("remove", key)));
  if (!S_ISREG(status.st_mode)) return {};
  if (::unlinkat(directory, leaf, 0) != 0 && errno != ENOENT)
    return fail(tree_error(errno, what("remove", key)));
  prune(key);
  return {};
}

// Removes the directories that the key's removal left empty; a bucket has no directories.
void Tree::prune(const std::string& key) const {
  for (auto slash = key.rfind('/'); slash != std::string::npos && slash > 0;
       slash = key.rfind('/', slash - 1)) {
    const std::string directory = key.substr(0, slash);
    auto place = place_of("remove", directory, Missing::fails);
    if (!place || ::unlinkat(place->directory.get(), place->leaf.c_str(), AT_REMOVEDIR) != 0)
      return;
  }
}

}  // namespace shoal::store
