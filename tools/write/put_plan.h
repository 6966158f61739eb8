// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "tools/write/object_address.h"

namespace shoal::tools::write {

struct PlannedFile {
  std::string key;             // whole
  std::filesystem::path file;  // absolute
  std::uint64_t bytes = 0;
};

// Something below a directory that cannot be an object.
struct LeftOut {
  std::filesystem::path path;
  Error why;
};

struct PutPlan {
  std::vector<PlannedFile> files;
  std::vector<LeftOut> left_out;
  std::uint64_t bytes = 0;
  std::uint64_t empty_directories = 0;  // a bucket has none
};

// Adds `source` to the plan: a file under `target` (its own name behind a directory's), a directory
// with everything below it; as with rsync a '/' at the source's end leaves out its own name. Files
// may be named by links; links to directories are followed at the top only. Fails when `source`
// itself cannot be sent.
[[nodiscard]] Result<void> plan_source(const std::string& source, const ObjectAddress& target,
                                       bool recursive, PutPlan& plan);

}  // namespace shoal::tools::write
