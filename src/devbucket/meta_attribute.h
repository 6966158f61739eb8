// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

// The extended attribute that holds an object's record. Which one is named here and nowhere else.

namespace shoal::devbucket {

// The attribute of the file at `path` (no link is followed) or of an open file; false when it has
// none.
[[nodiscard]] bool read_attribute(const std::string& path, std::string& record);
[[nodiscard]] bool read_attribute(int file, std::string& record);
// False, with errno, when the file system cannot keep it.
[[nodiscard]] bool write_attribute(int file, std::string_view record);

}  // namespace shoal::devbucket
