// SPDX-License-Identifier: Apache-2.0
#include "image/gathered_writes.h"

#include <algorithm>

#include "base/assert.h"

namespace shoal::image {
namespace {

constexpr std::size_t kBufferBytes = 256 << 10;  // one system call per 4096 inodes
static_assert(GatheredWrites::kPieceBytesMax <= kBufferBytes);

}  // namespace

GatheredWrites::GatheredWrites(Sink& sink, std::uint64_t offset) : sink_(sink), begin_(offset) {
  buffer_.reserve(kBufferBytes);
}

Result<MutableByteSpan> GatheredWrites::append(std::size_t bytes) {
  SHOAL_ASSERT(bytes <= kPieceBytesMax);
  if (buffer_.size() + bytes > kBufferBytes) SHOAL_CHECK_OK(flush());
  const std::size_t at = buffer_.size();
  buffer_.resize(at + bytes);
  return MutableByteSpan(buffer_).subspan(at);
}

Result<void> GatheredWrites::replace(std::uint64_t offset, ByteSpan bytes) {
  SHOAL_ASSERT(offset + bytes.size() <= end());
  const std::uint64_t gone = offset < begin_ ? std::min(begin_ - offset, bytes.size()) : 0;
  if (gone > 0) SHOAL_CHECK_OK(sink_.write(offset, bytes.first(gone)));
  if (gone < bytes.size())
    std::ranges::copy(bytes.subspan(gone), buffer_.data() + (offset + gone - begin_));
  return {};
}

Result<void> GatheredWrites::flush() {
  if (buffer_.empty()) return {};
  SHOAL_CHECK_OK(sink_.write(begin_, buffer_));
  begin_ += buffer_.size();
  buffer_.clear();
  return {};
}

Result<void> GatheredWrites::seek(std::uint64_t offset) {
  if (offset == end()) return {};
  SHOAL_CHECK_OK(flush());
  begin_ = offset;
  return {};
}

}  // namespace shoal::image
