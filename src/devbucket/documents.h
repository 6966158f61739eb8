// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "devbucket/request.h"

namespace shoal::devbucket {

// Everything belongs to one owner.
inline constexpr std::string_view kOwnerXml =
    "<Owner><ID>devbucket</ID><DisplayName>devbucket</DisplayName></Owner>";

// The start of an answer: declaration and root element, with S3's namespace for S3.
[[nodiscard]] std::string open_document(std::string_view root, Dialect dialect);
// The access control list of an owner who may do everything; `oss_grant` is OSS's word for it.
[[nodiscard]] std::string acl_document(Dialect dialect, std::string_view oss_grant);

}  // namespace shoal::devbucket
