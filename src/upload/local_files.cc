// SPDX-License-Identifier: Apache-2.0
#include "upload/local_files.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace shoal::upload {
namespace {

using Kind = sys::FileStatus::Kind;
using Reason = SkippedFile::Reason;

std::string_view name_of_kind(Kind kind) {
  switch (kind) {
    case Kind::file:
      return "file";
    case Kind::directory:
      return "directory";
    case Kind::link:
      return "symbolic link";
    case Kind::socket:
      return "socket";
    case Kind::fifo:
      return "fifo";
    case Kind::device:
      return "device";
  }
  return "?";
}

// Why a file of this name is not sent; nothing when it is.
std::optional<SkippedFile> reason_to_skip(const LocalOptions& options, const std::string& key,
                                          Kind kind) {
  const auto path = options.root / key;
  if (!options.filter.includes(key))
    return SkippedFile{Reason::excluded, key, path.string() + ": excluded"};
  if (kind != Kind::file)
    return SkippedFile{kind == Kind::link ? Reason::link : Reason::special, key,
                       path.string() + ": a " + std::string(name_of_kind(kind))};
  if (key.size() > options.key_bytes_max)
    return SkippedFile{Reason::bad_name, key,
                       path.string() +
                           ": as a key it would be longer than the 1024 bytes a service takes; "
                           "use a shorter path or prefix"};
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Reason reason) {
  switch (reason) {
    case Reason::link:
      return "symbolic links";
    case Reason::special:
      return "sockets, fifos and devices";
    case Reason::excluded:
      return "excluded";
    case Reason::bad_name:
      return "no valid keys";
    case Reason::unreadable:
      return "unreadable";
    case Reason::loop:
      return "links to a directory above";
  }
  return "?";
}

Result<LocalFiles> LocalFiles::open(const LocalOptions& options, OnSkipped on_skipped,
                                    std::string below) {
  const auto directory = below.empty() ? options.root : options.root / below;
  SHOAL_TRY(const auto status, sys::file_status(directory, /*follow=*/true));
  if (status.kind != Kind::directory)
    return fail(
        ErrorCode::bad_input,
        directory.string() + ": not a directory, but a " + std::string(name_of_kind(status.kind)),
        "Name the directory whose files are to be sent.");
  LocalFiles files(options, std::move(on_skipped));
  SHOAL_CHECK_OK(files.enter(std::move(below), status));
  return files;
}

void LocalFiles::skip(Reason reason, std::string key, std::string text) {
  on_skipped_({reason, std::move(key), std::move(text)});
}

bool LocalFiles::is_open(const sys::FileStatus& directory) const {
  return std::ranges::any_of(levels_, [&](const Level& level) {
    return level.status.inode == directory.inode && level.status.device == directory.device;
  });
}

// The name as an entry, or nothing when it is skipped.
std::optional<LocalFiles::Entry> LocalFiles::look_at(const std::string& prefix,
                                                     const std::string& name) {
  const std::string key = prefix + name;
  const auto path = options_.root / key;
  auto status = sys::file_status(path, /*follow=*/false);
  const bool is_link = status && status->kind == Kind::link;
  if (is_link && options_.follow_links) status = sys::file_status(path, /*follow=*/true);
  if (!status) {
    // Gone since it was listed; but a link that leads nowhere is there.
    if (status.error().code() != ErrorCode::not_found || is_link)
      skip(Reason::unreadable, key, status.error().to_string());
    return std::nullopt;
  }
  if (status->kind == Kind::directory) {
    if (is_link && is_open(*status)) {
      skip(Reason::loop, key + "/", path.string() + ": a link to a directory above it");
      return std::nullopt;
    }
    return Entry{name + "/", *status};
  }
  if (const auto reason = reason_to_skip(options_, key, status->kind)) {
    on_skipped_(*reason);
    return std::nullopt;
  }
  return Entry{name, *status};
}

Result<void> LocalFiles::enter(std::string prefix, const sys::FileStatus& status) {
  SHOAL_TRY(const auto names, sys::directory_names(options_.root / prefix));
  Level level{std::move(prefix), status, {}};
  for (const std::string& name : names)
    if (auto entry = look_at(level.prefix, name)) level.entries.push_back(std::move(*entry));
  std::ranges::sort(level.entries, std::greater{}, &Entry::name);
  levels_.push_back(std::move(level));
  return {};
}

bool LocalFiles::is_readable(const std::string& key) {
  const auto path = options_.root / key;
  if (access(path.c_str(), R_OK) == 0) return true;
  if (errno != ENOENT)
    skip(Reason::unreadable, key, path.string() + ": may not be read; check its owner and mode");
  return false;
}

std::optional<LocalFile> LocalFiles::next() {
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (level.entries.empty()) {
      levels_.pop_back();
      continue;
    }
    const Entry entry = std::move(level.entries.back());
    level.entries.pop_back();
    std::string key = level.prefix + entry.name;
    if (!entry.is_directory()) {
      if (is_readable(key)) return LocalFile{std::move(key), entry.status};
      continue;
    }
    if (const auto entered = enter(key, entry.status);
        !entered && entered.error().code() != ErrorCode::not_found)
      skip(Reason::unreadable, std::move(key), entered.error().to_string());
  }
  return std::nullopt;
}

std::optional<LocalFile> local_file(const LocalOptions& options, const std::string& key,
                                    const LocalFiles::OnSkipped& on_skipped) {
  auto status = sys::file_status(options.root / key, options.follow_links);
  if (!status) return std::nullopt;
  if (const auto reason = reason_to_skip(options, key, status->kind)) {
    on_skipped(*reason);
    return std::nullopt;
  }
  return LocalFile{key, *status};
}

}  // namespace shoal::upload
