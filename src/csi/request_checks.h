// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "csi/status_codes.h"
#include "csi/volume_secrets.h"

// What the CSI specification asks of the fields of every request. Pure. Each failure is
// INVALID_ARGUMENT and names the field.

namespace shoal::csi {

using Checked = Answer<void>;

// Passes a Failure on.
#define SHOAL_CSI_CHECK(expression)                           \
  do {                                                        \
    if (auto checked = (expression); !checked)                \
      return ::std::unexpected(::std::move(checked).error()); \
  } while (false)

[[nodiscard]] std::unexpected<Failure> invalid(std::string message);

[[nodiscard]] Checked check_text(std::string_view field, std::string_view text);  // 1..128 bytes
[[nodiscard]] Checked check_optional(std::string_view field,
                                     std::string_view text);  // 0..128 bytes
// Absolute, without "..", at most as long as Linux takes.
[[nodiscard]] Checked check_path(std::string_view field, std::string_view path);
// A path that was checked in the form the agent takes: without "//", "." and a "/" at its end.
[[nodiscard]] std::string plain_path(std::string_view path);
// At most 4 KiB. What Kubernetes adds (tokens) does not count: nobody can make it shorter.
[[nodiscard]] Checked check_map(std::string_view field, const StringMap& map);

}  // namespace shoal::csi
