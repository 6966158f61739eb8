// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "store/object_store.h"

namespace shoal::store {

// Reads a ListMultipartUploads answer of S3 or OSS. Pure; hostile bytes give ErrorCode::corrupt.
// Names are decoded when the page says EncodingType url. Checked: the root's name, IsTruncated
// there and true or false, markers with every truncated page, key and id of each upload.
[[nodiscard]] Result<UploadsPage> parse_uploads_page(ByteSpan bytes);

}  // namespace shoal::store
