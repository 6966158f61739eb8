// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "format/erofs.h"
#include "format/records.h"
#include "image/writer.h"

namespace shoal::image {

// First bytes of an image that check_image must see.
inline constexpr std::size_t kImageHeadBytes = 4096;

// What an image's uuid says: bytes 0-7 which generation of which dataset it shows, bytes 8-15 with
// which options. So "is this the right image" is answered by one block, without the index being
// walked.
[[nodiscard]] std::array<std::byte, 16> image_uuid(const format::DatasetRecord& dataset,
                                                   const format::GenerationRecord& generation,
                                                   const WriteOptions& options);

// Checks that a finished metadata file (`head`: its first kImageHeadBytes, `file_bytes`: its size)
// shows `generation` of `dataset`, with whatever options, written by this writer or an older one
// (whose images have another uuid than image_uuid() gives). Errors: corrupt (no sound image),
// precondition (a sound image of something else), unsupported.
[[nodiscard]] Result<format::erofs::Superblock> check_image(
    ByteSpan head, std::uint64_t file_bytes, const format::DatasetRecord& dataset,
    const format::GenerationRecord& generation);

// Size of the whole image: metadata region and data region, whole blocks.
[[nodiscard]] std::uint64_t image_bytes_of(const format::DatasetRecord& dataset,
                                           const format::GenerationRecord& generation);

}  // namespace shoal::image
