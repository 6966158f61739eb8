// SPDX-License-Identifier: Apache-2.0
#include "volume/tree.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "format/layout.h"

namespace shoal::volume {
namespace {

std::string_view trimmed(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

DirectoryEntry to_entry(std::string_view name, const format::ObjectRecord& record) {
  DirectoryEntry entry;
  entry.name = name;
  entry.is_directory = record.kind == format::ObjectRecord::Kind::directory;
  entry.mtime = record.mtime;
  if (!entry.is_directory) {
    entry.size = record.size;
    entry.image_offset = format::kDataRegionStart + record.address.value;
  }
  return entry;
}

std::string_view last_component(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

Error missing(std::string_view path) {
  return Error(ErrorCode::not_found, fmt::format("no file or directory \"{}\" in the volume", path),
               "Paths are relative to the prefix of the dataset; `shoal ls` shows what is there.");
}

}  // namespace

Result<DirectoryEntry> find_entry(const index::Index& index, std::string_view raw_path) {
  const std::string_view path = trimmed(raw_path);
  if (path.empty()) {
    DirectoryEntry root;
    root.is_directory = true;
    return root;
  }
  if (path.find('\0') != std::string_view::npos) return fail(missing(path));
  SHOAL_TRY(const auto record, index.find(path));
  if (!record) return fail(missing(path));
  return to_entry(last_component(path), *record);
}

Result<void> list_directory(const index::Index& index, std::string_view raw_path,
                            const std::function<bool(const DirectoryEntry&)>& visit) {
  const std::string_view path = trimmed(raw_path);
  SHOAL_TRY(const DirectoryEntry directory, find_entry(index, path));
  if (!directory.is_directory)
    return fail(ErrorCode::bad_input, fmt::format("\"{}\" is a file, not a directory", path),
                "Read it, or list the directory it is in.");
  SHOAL_TRY(const auto cursor, index.walk(path));
  const std::size_t start = path.empty() ? 0 : path.size() + 1;
  index::Entry entry;
  for (;;) {
    SHOAL_TRY(const bool more, cursor->next(entry));
    if (!more) return {};
    if (entry.path.size() <= start) continue;  // the directory's own key
    const std::string_view below = std::string_view(entry.path).substr(start);
    const std::size_t slash = below.find('/');
    const bool is_file =
        slash == std::string_view::npos && entry.record.kind == format::ObjectRecord::Kind::file;
    if (is_file) {
      if (!visit(to_entry(below, entry.record))) return {};
      continue;
    }
    // A directory, with a key of its own or implied by what is in it: shown once, then passed over.
    DirectoryEntry child;
    child.name = below.substr(0, slash);
    child.is_directory = true;
    if (slash == std::string_view::npos) child.mtime = entry.record.mtime;
    if (!visit(child)) return {};
    SHOAL_CHECK_OK(cursor->skip_directory(entry.path.substr(0, start + child.name.size())));
  }
}

}  // namespace shoal::volume
