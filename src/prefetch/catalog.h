// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"

// What a policy may ask about the names of a dataset. Answers come from the index, never from the
// bucket.

namespace shoal::prefetch {

struct CatalogFile {
  std::string path;   // relative to the dataset's prefix
  DataAddress begin;  // empty files have no bytes: begin means nothing then
  std::uint64_t length = 0;
};

// Files that differ from each other in one component of their path: parent/X/suffix for every X.
struct AcrossQuery {
  std::string parent;  // "" is the root
  std::string after;   // X of the last one known; "" begins with the first
  std::string suffix;  // path below parent/X, e.g. "2026-01-05.csv" or "year=2026/data.parquet"
  std::uint32_t count = 0;
};
struct Across {
  std::vector<CatalogFile> files;  // in name order of X; those X without such a file are left out
  bool is_end = false;             // there is none behind the last
};

// confined: called and answered on the policies' executor; an answer never comes from inside the
// call. A question whose answer cannot be had (index error, volume closing) is answered with
// nothing.
class Catalog {
 public:
  virtual ~Catalog() = default;
  // The file whose bytes hold `address`.
  virtual void file_at(DataAddress address,
                       std::move_only_function<void(std::optional<CatalogFile>)> done) = 0;
  // Exactly these paths; what does not exist is left out.
  virtual void find(std::vector<std::string> paths,
                    std::move_only_function<void(std::vector<CatalogFile>)> done) = 0;
  virtual void across(AcrossQuery query, std::move_only_function<void(Across)> done) = 0;
  // The file behind `path` in walk order.
  virtual void next_file(std::string path,
                         std::move_only_function<void(std::optional<CatalogFile>)> done) = 0;
};

}  // namespace shoal::prefetch
