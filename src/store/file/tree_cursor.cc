// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/limits.h"
#include "store/file/tree.h"
#include "store/file/tree_error.h"

namespace shoal::store {
namespace {

struct DirectoryClose {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

enum class Kind { file, directory, other, vanished };

Kind kind_of(int directory, const dirent& entry) {
  if (entry.d_type == DT_REG) return Kind::file;
  if (entry.d_type == DT_DIR) return Kind::directory;
  if (entry.d_type != DT_UNKNOWN) return Kind::other;
  struct stat status {};
  if (::fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return Kind::vanished;
  if (S_ISREG(status.st_mode)) return Kind::file;
  return S_ISDIR(status.st_mode) ? Kind::directory : Kind::other;
}

}  // namespace

Result<std::vector<std::string>> TreeCursor::read_names(const Level& level) const {
  const std::string doing = tree_.what("list", level.prefix);
  // A descriptor of its own, because the stream moves the position.
  Descriptor own(::openat(level.directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own.is_open()) return fail(tree_error(errno, doing));
  const std::unique_ptr<DIR, DirectoryClose> stream(::fdopendir(own.get()));
  if (!stream) return fail(tree_error(errno, doing));
  static_cast<void>(own.release());  // the stream closes it
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) return fail(tree_error(errno, doing));
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (level.prefix.empty() && name == Tree::kStaging) continue;
    const Kind kind = kind_of(level.directory.get(), *entry);
    if (kind == Kind::vanished) continue;
    if (kind == Kind::other || level.prefix.size() + name.size() + 1 > limits::kKeyBytesMax) {
      tree_.count_skipped();
      continue;
    }
    if (kind == Kind::directory) name += '/';
    names.push_back(std::move(name));
  }
  // By the keys they stand for: "a.txt" < "a/" < "a0", since '.' < '/' < '0'.
  std::ranges::sort(names);
  return names;
}

Result<bool> TreeCursor::descend(std::string prefix) {
  Level level;
  level.prefix = std::move(prefix);
  auto directory = tree_.open_directory(level.prefix);
  if (!directory) {
    // Gone since its parent was read. The root itself must be there.
    if (directory.error().code() == ErrorCode::not_found && !level.prefix.empty()) return false;
    return fail(std::move(directory).error());
  }
  level.directory = std::move(*directory);
  SHOAL_TRY(level.names, read_names(level));
  levels_.push_back(std::move(level));
  return true;
}

Result<void> TreeCursor::seek(const std::string& from) {
  if (levels_.empty()) SHOAL_CHECK_OK(descend(""));
  while (!from.starts_with(levels_.back().prefix)) levels_.pop_back();
  for (;;) {
    Level& level = levels_.back();
    const std::string_view rest = std::string_view(from).substr(level.prefix.size());
    const auto at = std::ranges::lower_bound(level.names, rest);
    level.next = static_cast<std::size_t>(at - level.names.begin());
    const auto slash = rest.find('/');
    if (slash == std::string_view::npos) return {};
    // Keys from `rest` on can lie in its first component's directory, which sorts before `rest`
    // unless they are equal.
    const std::string component(rest.substr(0, slash + 1));
    const auto directory = std::ranges::lower_bound(level.names, component);
    if (directory == level.names.end() || *directory != component) return {};
    level.next = static_cast<std::size_t>(directory - level.names.begin()) + 1;
    SHOAL_TRY(const bool is_there, descend(level.prefix + component));
    if (!is_there) return {};
  }
}

Result<std::optional<ObjectInfo>> TreeCursor::next() {
  if (levels_.empty()) SHOAL_CHECK_OK(descend(""));
  for (;;) {
    Level& level = levels_.back();
    if (level.next == level.names.size()) {
      if (levels_.size() == 1) return std::nullopt;
      levels_.pop_back();
      continue;
    }
    const std::string& name = level.names[level.next++];
    if (name.ends_with('/')) {
      SHOAL_CHECK_OK(descend(level.prefix + name));
      continue;
    }
    struct stat status {};
    if (::fstatat(level.directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      return fail(tree_error(errno, tree_.what("list", level.prefix + name)));
    }
    if (S_ISREG(status.st_mode)) return info_of(level.prefix + name, status);
    tree_.count_skipped();
  }
}

}  // namespace shoal::store
