// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "image/writer.h"

namespace shoal::image {

// Gathers writes that continue each other into large pieces, and puts bytes that become known
// later into what is gathered still. confined.
class GatheredWrites {
 public:
  GatheredWrites(Sink& sink, std::uint64_t offset);

  // Image offset behind everything appended.
  [[nodiscard]] std::uint64_t end() const noexcept { return begin_ + buffer_.size(); }
  // Makes room for `bytes` zeros at the end and lends it; valid until the next call. At most
  // kPieceBytesMax.
  [[nodiscard]] Result<MutableByteSpan> append(std::size_t bytes);
  // Replaces bytes that were appended, wherever they are by now.
  [[nodiscard]] Result<void> replace(std::uint64_t offset, ByteSpan bytes);
  [[nodiscard]] Result<void> flush();
  // Goes on at another place, if it is one.
  [[nodiscard]] Result<void> seek(std::uint64_t offset);

  static constexpr std::size_t kPieceBytesMax = 8192;

 private:
  Sink& sink_;
  std::uint64_t begin_;  // image offset of buffer_
  std::vector<std::byte> buffer_;
};

}  // namespace shoal::image
