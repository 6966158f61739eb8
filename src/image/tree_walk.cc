// SPDX-License-Identifier: Apache-2.0
#include "image/tree_walk.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/limits.h"

namespace shoal::image {
namespace {

using Kind = format::ObjectRecord::Kind;

std::unexpected<Error> damaged(std::string_view path, std::string_view why) {
  return fail(ErrorCode::corrupt, fmt::format("index entry \"{}\": {}", path, why),
              "The index is damaged; build it again (shoal index build --rebuild).");
}

// Why no file can have this name; empty when one can.
std::string_view fault_of(std::string_view name) {
  if (name.empty()) return "it has an empty component";
  if (name == "." || name == "..") return "it has a component \".\" or \"..\"";
  if (name.size() > limits::kNameBytesMax) return "it has a component over 255 bytes";
  if (name.find('\0') != std::string_view::npos) return "it has a NUL byte";
  return {};
}

// Invariant: last_names_[i] is the last name met in the open directory of level i (0 is the root);
// for every level but the deepest it is the name of the open directory one level below.
class TreeWalk {
 public:
  TreeWalk(TreeVisitor& visitor, const std::atomic<bool>* stop) : visitor_(visitor), stop_(stop) {}

  Result<void> run(index::Cursor& cursor) {
    index::Entry entry;
    SHOAL_CHECK_OK(open(""));
    for (bool first = true;; first = false) {
      if (stop_ != nullptr && stop_->load(std::memory_order_relaxed))
        return fail(ErrorCode::canceled, "write the image: stopped on request");
      SHOAL_TRY(const bool more, cursor.next(entry));
      if (!more) break;
      // The dataset's own marker ("prefix/") has the empty path and sorts before everything.
      const bool root_marker = first && entry.path.empty() && entry.record.kind == Kind::directory;
      SHOAL_CHECK_OK(root_marker ? visitor_.marker(entry.record) : step(entry));
    }
    return close_to(0);
  }

 private:
  Result<void> step(const index::Entry& entry) {
    SHOAL_CHECK_OK(split(entry.path));
    std::size_t shared = 0;  // leading components that are open directories already
    while (shared + 1 < last_names_.size() && shared < names_.size() &&
           last_names_[shared] == names_[shared])
      ++shared;
    if (shared == names_.size())
      return damaged(entry.path, "it comes again, or behind its own content");
    SHOAL_CHECK_OK(close_to(shared + 1));
    if (last_names_.back() >= names_[shared])
      return damaged(entry.path,
                     fmt::format("it is out of walk order behind \"{}\"", last_names_.back()));
    for (std::size_t i = shared; i + 1 < names_.size(); ++i) SHOAL_CHECK_OK(open(names_[i]));
    if (entry.record.kind == Kind::directory) {
      SHOAL_CHECK_OK(open(names_.back()));
      return visitor_.marker(entry.record);
    }
    last_names_.back() = names_.back();
    return visitor_.file(names_.back(), entry.record);
  }

  Result<void> split(std::string_view path) {
    names_.clear();
    for (std::size_t begin = 0; begin <= path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      names_.push_back(path.substr(begin, end - begin));
      if (const std::string_view fault = fault_of(names_.back()); !fault.empty())
        return damaged(path, fault);
      begin = end + 1;
    }
    if (names_.size() > limits::kDirectoryDepthMax) return damaged(path, "it has too many levels");
    return {};
  }

  Result<void> open(std::string_view name) {
    if (!last_names_.empty()) last_names_.back() = name;
    last_names_.emplace_back();
    return visitor_.open_directory(name);
  }

  // Closes directories until `levels` are open.
  Result<void> close_to(std::size_t levels) {
    while (last_names_.size() > levels) {
      last_names_.pop_back();
      SHOAL_CHECK_OK(visitor_.close_directory());
    }
    return {};
  }

  TreeVisitor& visitor_;
  const std::atomic<bool>* const stop_;
  std::vector<std::string> last_names_;
  std::vector<std::string_view> names_;  // components of the entry at hand
};

}  // namespace

Result<void> walk_tree(const index::Index& index, TreeVisitor& visitor,
                       const std::atomic<bool>* stop) {
  SHOAL_TRY(const auto cursor, index.walk(""));
  return TreeWalk(visitor, stop).run(*cursor);
}

}  // namespace shoal::image
