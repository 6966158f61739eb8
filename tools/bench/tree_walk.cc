// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/tree_walk.h"

#include <algorithm>
#include <utility>

namespace shoal::tools::bench {
namespace {

struct Level {
  std::string prefix;  // of the names: "a/b/", or "" at the top
  std::vector<TreeEntry> entries;
  std::size_t next = 0;
};

}  // namespace

Result<ListCounts> walk_tree(const ReadDirectory& read_directory, const ListVisit& visit) {
  ListCounts counts;
  std::vector<Level> open;
  const auto enter = [&](const std::string& path) -> Result<void> {
    SHOAL_TRY(auto entries, read_directory(path));
    std::ranges::sort(entries, {}, &TreeEntry::name);
    open.push_back({path.empty() ? "" : path + "/", std::move(entries)});
    ++counts.directories;
    return {};
  };
  SHOAL_CHECK_OK(enter(""));
  while (!open.empty()) {
    if (visit.stop != nullptr && visit.stop->load()) return counts;
    Level& level = open.back();
    if (level.next == level.entries.size()) {
      open.pop_back();
      continue;
    }
    TreeEntry& entry = level.entries[level.next++];
    std::string path = level.prefix + entry.name;
    switch (entry.kind) {
      case TreeEntry::Kind::file:
        if (!visit.on_file({std::move(path), entry.size, entry.place})) return counts;
        break;
      case TreeEntry::Kind::directory:
        if (const auto entered = enter(path); !entered) visit.on_error(path, entered.error());
        break;
      case TreeEntry::Kind::other:
        ++counts.skipped;
        break;
    }
  }
  return counts;
}

}  // namespace shoal::tools::bench
