// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rocksdb/status.h>

#include <string_view>

#include "base/result.h"

// The one place where RocksDB's words for failure become ours. Private to index/.

namespace shoal::index {

// `doing` names the operation and the index: "read chunk 7 of index /v/index". Precondition: not
// ok.
[[nodiscard]] Error error_of(const rocksdb::Status& status, std::string_view doing);

[[nodiscard]] inline Result<void> check(const rocksdb::Status& status, std::string_view doing) {
  if (status.ok()) return {};
  return fail(error_of(status, doing));
}

}  // namespace shoal::index
