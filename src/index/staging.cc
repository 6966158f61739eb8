// SPDX-License-Identifier: Apache-2.0
#include "index/staging.h"

#include "format/path_rules.h"

namespace shoal::index {

using format::ObjectRecord;
using format::SpecialReason;

void stage_special(const format::SpecialRecord& record, SortedRun& run) {
  run.add(std::string(kSpecialStaging) + record.key, format::encode(record));
}

void stage(const store::ObjectInfo& object, std::string_view prefix, SortedRun& run) {
  const std::string_view path = std::string_view(object.key).substr(prefix.size());
  const bool is_root = path.empty();  // the marker of the dataset's own directory
  const bool is_directory = is_root || path.ends_with('/');
  if (!is_root) {
    if (const auto problem = format::path_problem(path)) {
      stage_special({.key = object.key, .reason = *problem, .size = object.size}, run);
      return;
    }
  }
  if (is_directory && object.size > 0) {
    stage_special(
        {.key = object.key, .reason = SpecialReason::directory_with_bytes, .size = object.size},
        run);
  } else if (!is_directory && format::is_archived(object.storage_class)) {
    stage_special({.key = object.key, .reason = SpecialReason::archived, .size = object.size}, run);
  }
  if (is_root) return;
  const ObjectRecord record{
      .kind = is_directory ? ObjectRecord::Kind::directory : ObjectRecord::Kind::file,
      .size = is_directory ? 0 : object.size,
      .mtime = object.mtime,
      .etag = object.etag,
      .storage_class = object.storage_class};
  run.add(format::walk_key(path), format::encode(record));
}

}  // namespace shoal::index
