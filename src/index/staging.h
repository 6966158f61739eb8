// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "format/records.h"
#include "index/sorted_run.h"
#include "store/object_store.h"

// Keys of the staging family. A key that can be a path is stored under its walk key. Special ones
// are stored under a zero byte and the whole object key: no walk key begins with a zero byte (that
// would be a path that begins with a slash), so the two never collide, and all specials come first.
// An object that is shown and special (archived, a directory with bytes) is stored twice.
//
// Pure. Private to index/.

namespace shoal::index {

inline constexpr std::string_view kSpecialStaging{"\0", 1};
inline constexpr std::string_view kObjectStaging{"\x01", 1};  // first possible walk key

// Adds what a listing says about one object. Precondition: its key begins with `prefix`.
void stage(const store::ObjectInfo& object, std::string_view prefix, SortedRun& run);
void stage_special(const format::SpecialRecord& record, SortedRun& run);

}  // namespace shoal::index
