// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "store/object_store.h"

namespace shoal::store {

struct ListPageForm {
  // OSS also percent-encodes its continuation tokens with encoding-type=url; S3 does not.
  bool tokens_encoded = false;
};

// Reads a ListObjectsV2 answer of S3 or OSS. Pure; hostile bytes give ErrorCode::corrupt. Names are
// decoded when the page says EncodingType url. Checked: the root's name, IsTruncated there and true
// or false, a token with every truncated page, keys and common prefixes not empty and in rising
// byte order, sizes and dates well formed.
[[nodiscard]] Result<ListPage> parse_list_page(ByteSpan bytes, const ListPageForm& form);

}  // namespace shoal::store
