// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "store/object_store.h"

struct stat;

namespace shoal::store {

// The error for a failed system call on `what` ("open file:///d/key").
[[nodiscard]] Error tree_error(int error, const std::string& what);
[[nodiscard]] Result<void> write_all(int file, std::uint64_t offset, ByteSpan bytes,
                                     const std::string& what);
// The ETag is made of size and modification time, so it changes with every write.
[[nodiscard]] ObjectInfo info_of(std::string key, const struct stat& status);

}  // namespace shoal::store
