// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string_view>

#include "base/result.h"
#include "format/records.h"
#include "index/index.h"

namespace shoal::image {

// Receives the tree of an index depth-first, names ascending in byte order inside each directory.
// Names are borrowed for the call. An error ends the walk.
class TreeVisitor {
 public:
  virtual ~TreeVisitor() = default;
  // Begins a directory inside the one that is open; first of all the root, with an empty name.
  [[nodiscard]] virtual Result<void> open_directory(std::string_view name) = 0;
  // The directory just opened exists as a key of its own.
  [[nodiscard]] virtual Result<void> marker(const format::ObjectRecord& record) = 0;
  [[nodiscard]] virtual Result<void> file(std::string_view name,
                                          const format::ObjectRecord& record) = 0;
  [[nodiscard]] virtual Result<void> close_directory() = 0;
};

// Turns the index's entries, in which directories are implied by paths, into a tree. corrupt: an
// entry out of walk order, twice, a file where a directory is, a component no file can have, or too
// many levels. canceled: `stop` (may be null) became true.
[[nodiscard]] Result<void> walk_tree(const index::Index& index, TreeVisitor& visitor,
                                     const std::atomic<bool>* stop);

}  // namespace shoal::image
