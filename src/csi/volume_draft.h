// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "csi/volume_attributes.h"

// Private to volume_attributes.cc: settings one by one, and what they are together.

namespace shoal::csi {

// What is being put together. Setting by setting in any order; finish_draft() makes the whole.
struct VolumeDraft {
  VolumeRequest request;
  std::string bucket;
  std::string url;
  std::string path;
  std::string source;
  std::string provider;
  std::string endpoint;
  std::string access_key;  // from attributes
  Secret secret_key;
  std::optional<std::uint32_t> umask;
  std::uint32_t mask_added = 0;  // by file and directory modes of other clients
};

// `name` is plain (lower case, without '-' and '_'). False: no such setting. bad_input: its value
// cannot be read; the message says only why, the caller knows where it stood.
[[nodiscard]] Result<bool> apply_setting(VolumeDraft& draft, std::string_view name,
                                         const std::string& value);
// All settings as people write them, for "did you mean".
[[nodiscard]] std::span<const std::string_view> setting_names();

// Source, endpoint and modes, which several settings make together.
[[nodiscard]] Result<void> finish_draft(VolumeDraft& draft);

}  // namespace shoal::csi
