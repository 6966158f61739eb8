// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace shoal::upload {

// Part sizes with which an object of so many bytes has so many parts, the likely ones first:
// `part_bytes` (our own), what other programs use, the smallest whole number of MiB. Pure.
[[nodiscard]] std::vector<std::uint64_t> plausible_part_sizes(std::uint64_t bytes,
                                                              std::uint64_t parts,
                                                              std::uint64_t part_bytes);

// Whether a file of `bytes` has the content that the ETag stands for: the MD5 of it, or for
// "HEX-N" the MD5 of the MD5s of N parts. False also when the ETag is of another kind (objects
// encrypted with a key of the service's, OSS multipart): equal content cannot be seen then.
// Reads the file once per plausible part size; blocks.
[[nodiscard]] Result<bool> matches_etag(const std::filesystem::path& file, std::uint64_t bytes,
                                        std::string_view etag, std::uint64_t part_bytes);

}  // namespace shoal::upload
