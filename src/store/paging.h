// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/object_store.h"

// What a service does to answer a list request, for the stores that have no service behind them.

namespace shoal::store {

// Walks keys in byte order. confined.
class KeyCursor {
 public:
  virtual ~KeyCursor() = default;
  // The next call of next() answers the first key that is not less than `from`.
  virtual Result<void> seek(const std::string& from) = 0;
  virtual Result<std::optional<ObjectInfo>> next() = 0;
};

// One page as S3 defines it: keys_max counts objects and common prefixes together; a common prefix
// is named when any key behind the start lies in it. Fails with bad_input for a token that is not
// one of ours, keys_max outside 1..1000, or with the cursor's error.
[[nodiscard]] Result<ListPage> make_page(const ListRequest& request, KeyCursor& cursor);

// One page of at most limits::kListPageKeys uploads out of all of them, in any order. Pure.
[[nodiscard]] UploadsPage make_uploads_page(const ListUploadsRequest& request,
                                            std::vector<UploadInfo> uploads);

// The check every store makes first: not empty, at most limits::kKeyBytesMax bytes.
[[nodiscard]] Result<void> check_key(std::string_view store_name, std::string_view key);

}  // namespace shoal::store
