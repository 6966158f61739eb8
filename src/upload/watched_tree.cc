// SPDX-License-Identifier: Apache-2.0
#include "upload/watched_tree.h"

#include <utility>

namespace shoal::upload {
namespace {

using Kind = sys::DirectoryEvent::Kind;
using FileKind = sys::FileStatus::Kind;

bool is_same_directory(const std::filesystem::path& a, const std::filesystem::path& b) {
  const auto first = sys::file_status(a, /*follow=*/true);
  const auto second = sys::file_status(b, /*follow=*/true);
  return first && second && first->inode == second->inode && first->device == second->device;
}

}  // namespace

Result<void> WatchedTree::watch_all() {
  return watch_below("", nullptr);
}

Result<void> WatchedTree::watch(const std::string& prefix) {
  SHOAL_TRY(const int id, watches_.add(local_.root / prefix));
  const auto known = prefix_of_.find(id);
  if (known != prefix_of_.end() && known->second != prefix) {
    // One directory by two names: renamed, which an event will tell, or reached through a link.
    if (local_.follow_links && is_same_directory(local_.root / known->second, local_.root / prefix))
      return fail(ErrorCode::limit, "watch " + (local_.root / prefix).string() +
                                        ": it is watched as " +
                                        (local_.root / known->second).string() + " already");
    watch_of_.erase(known->second);
  }
  prefix_of_[id] = prefix;
  watch_of_[prefix] = id;
  unwatched_.erase(prefix);
  return {};
}

Result<void> WatchedTree::watch_below(const std::string& prefix, std::vector<TreeEvent>* events) {
  std::vector<std::string> pending{prefix};
  while (!pending.empty()) {
    const std::string directory = std::move(pending.back());
    pending.pop_back();
    const auto watched = watch(directory);
    if (!watched && watched.error().code() == ErrorCode::limit) {
      leave_unwatched(directory, watched.error());
      for (const auto& [key, status] : unwatched_[directory])
        if (events != nullptr) events->push_back({TreeEvent::Kind::found, key});
      continue;
    }
    if (!watched && directory.empty()) return watched;
    if (!watched) {
      // Gone meanwhile is no problem.
      if (watched.error().code() != ErrorCode::not_found) on_problem_(directory, watched.error());
      continue;
    }
    add_subdirectories(directory, pending, events);
  }
  return {};
}

void WatchedTree::add_subdirectories(const std::string& prefix, std::vector<std::string>& pending,
                                     std::vector<TreeEvent>* events) {
  const auto names = sys::directory_names(local_.root / prefix);
  if (!names) {
    if (names.error().code() != ErrorCode::not_found) on_problem_(prefix, names.error());
    return;
  }
  for (const std::string& name : *names) {
    const std::string key = prefix + name;
    auto status = sys::file_status(local_.root / key, /*follow=*/false);
    if (status && status->kind == FileKind::link && local_.follow_links) {
      status = sys::file_status(local_.root / key, /*follow=*/true);
      // A link to a directory above it would lead round for ever.
      bool is_loop = false;
      for (std::string above = prefix; status && status->kind == FileKind::directory;) {
        is_loop = is_loop || is_same_directory(local_.root / above, local_.root / key);
        if (above.empty()) break;
        above.resize(above.rfind('/', above.size() - 2) + 1);
      }
      if (is_loop) continue;
    }
    if (!status) continue;
    if (status->kind == FileKind::directory)
      pending.push_back(key + "/");
    else if (status->kind == FileKind::file && events != nullptr)
      events->push_back({TreeEvent::Kind::found, key});
  }
}

void WatchedTree::leave_unwatched(const std::string& prefix, const Error& why) {
  const bool is_new = !unwatched_.contains(prefix);
  unwatched_[prefix] = look_below(prefix);
  if (is_new) on_problem_(prefix, why);
}

void WatchedTree::stop_watching_below(const std::string& prefix) {
  for (auto at = watch_of_.lower_bound(prefix);
       at != watch_of_.end() && at->first.starts_with(prefix);) {
    watches_.remove(at->second);
    prefix_of_.erase(at->second);
    at = watch_of_.erase(at);
  }
  std::erase_if(unwatched_, [&](const auto& entry) { return entry.first.starts_with(prefix); });
}

WatchedTree::Seen WatchedTree::look_below(const std::string& prefix) const {
  Seen seen;
  auto files = LocalFiles::open(
      local_, [](const SkippedFile&) {}, prefix);
  while (files) {
    auto file = files->next();
    if (!file) break;
    seen.emplace(std::move(file->key), file->status);
  }
  return seen;
}

std::vector<TreeEvent> WatchedTree::scan_unwatched() {
  std::vector<TreeEvent> events;
  auto before = std::exchange(unwatched_, {});
  for (auto& [prefix, seen] : before) {
    // There may be watches left by now.
    const auto watched = watch(prefix);
    scan(prefix, seen, events);
    if (watched) {
      ignore(watch_below(prefix, &events), "only the root's own failure is returned");
    } else if (watched.error().code() == ErrorCode::limit) {
      unwatched_[prefix] = std::move(seen);
    }
  }
  return events;
}

void WatchedTree::scan(const std::string& prefix, Seen& seen, std::vector<TreeEvent>& events) {
  Seen now = look_below(prefix);
  for (const auto& [key, status] : now) {
    const auto before = seen.find(key);
    if (before == seen.end() || !before->second.is_same_content(status))
      events.push_back({TreeEvent::Kind::found, key});
  }
  for (const auto& [key, status] : seen)
    if (!now.contains(key)) events.push_back({TreeEvent::Kind::gone, key});
  seen = std::move(now);
}

Result<std::vector<TreeEvent>> WatchedTree::read(Duration wait_max) {
  SHOAL_TRY(const auto raw, watches_.read(wait_max));
  std::vector<TreeEvent> events;
  for (const sys::DirectoryEvent& event : raw) translate(event, events);
  return events;
}

void WatchedTree::translate(const sys::DirectoryEvent& event, std::vector<TreeEvent>& events) {
  if (event.kind == Kind::overflow) {
    events.push_back({TreeEvent::Kind::lost, {}});
    return;
  }
  const auto known = prefix_of_.find(event.watch);
  if (known == prefix_of_.end()) return;  // of a watch that was given up
  const std::string prefix = known->second;
  switch (event.kind) {
    case Kind::gone:
    case Kind::moved_away:
      // Of other directories the one above tells, which knows the new name, too.
      if (prefix.empty()) events.push_back({TreeEvent::Kind::root_gone, {}});
      return;
    case Kind::watch_ended:
      prefix_of_.erase(event.watch);
      watch_of_.erase(prefix);
      // Deleted directories end this way; one that is there has lost its watch.
      if (sys::file_status(local_.root / prefix, /*follow=*/true))
        events.push_back({TreeEvent::Kind::lost, {}});
      return;
    default:
      break;
  }
  const std::string key = prefix + event.name;
  if (event.is_directory)
    on_directory(event, key + "/", events);
  else
    on_file(event, key, events);
}

void WatchedTree::on_directory(const sys::DirectoryEvent& event, const std::string& key,
                               std::vector<TreeEvent>& events) {
  switch (event.kind) {
    case Kind::created:
    case Kind::moved_in:
      ignore(watch_below(key, &events), "only the root's own failure is returned");
      return;
    case Kind::moved_out:
    case Kind::deleted:
      stop_watching_below(key);
      events.push_back({TreeEvent::Kind::directory_gone, key});
      return;
    default:
      return;
  }
}

void WatchedTree::on_file(const sys::DirectoryEvent& event, const std::string& key,
                          std::vector<TreeEvent>& events) {
  switch (event.kind) {
    case Kind::created: {
      // The second name of a file comes whole; a new file is about to be written. A link may lead
      // to a directory.
      const auto status = sys::file_status(local_.root / key, /*follow=*/false);
      if (!status) return;
      if (status->kind == FileKind::link && local_.follow_links) {
        const auto target = sys::file_status(local_.root / key, /*follow=*/true);
        if (target && target->kind == FileKind::directory) {
          ignore(watch_below(key + "/", &events), "only the root's own failure is returned");
          return;
        }
      }
      const bool is_whole = status->links > 1 || status->kind == FileKind::link;
      events.push_back({is_whole ? TreeEvent::Kind::closed : TreeEvent::Kind::written, key});
      return;
    }
    case Kind::modified:
      events.push_back({TreeEvent::Kind::written, key});
      return;
    case Kind::closed:
    case Kind::moved_in:
      events.push_back({TreeEvent::Kind::closed, key});
      return;
    case Kind::moved_out:
    case Kind::deleted:
      events.push_back({TreeEvent::Kind::gone, key});
      return;
    default:
      return;
  }
}

}  // namespace shoal::upload
