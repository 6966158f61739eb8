// SPDX-License-Identifier: Apache-2.0
#include "image/directory_records.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "format/erofs.h"

namespace shoal::image {
namespace {

constexpr std::uint64_t kWindowRecords = 2730;  // 64 KiB: one system call per 2730 directories

// 0 bytes, 8 mtime, 16 links, 20 checksum of the 20 bytes before and of the directory's number.
constexpr std::size_t kChecksumAt = 20;

std::uint32_t checksum_of(ByteSpan record, std::uint64_t number) {
  std::byte tail[sizeof number];
  store_le(tail, number);
  return format::erofs::crc32c_update(
      format::erofs::crc32c_update(0xFFFFFFFFu, record.first(kChecksumAt)), tail);
}

void encode(const DirectoryRecord& record, std::uint64_t number, std::byte* target) {
  store_le<std::uint64_t>(target, record.directory_bytes);
  store_le<std::uint64_t>(target + 8, static_cast<std::uint64_t>(record.mtime));
  store_le<std::uint32_t>(target + 16, record.links);
  store_le<std::uint32_t>(target + kChecksumAt,
                          checksum_of({target, kDirectoryRecordBytes}, number));
}

}  // namespace

DirectoryRecordWriter::DirectoryRecordWriter(Scratch& scratch)
    : scratch_(scratch), window_(kWindowRecords * kDirectoryRecordBytes) {}

Result<void> DirectoryRecordWriter::put(std::uint64_t number, const DirectoryRecord& record) {
  if (number < window_begin_) {
    std::byte raw[kDirectoryRecordBytes];
    encode(record, number, raw);
    return scratch_.write(number * kDirectoryRecordBytes, raw);
  }
  if (number >= window_begin_ + kWindowRecords) {
    SHOAL_CHECK_OK(flush());
    // Windows only move forward, so the zeros in one never cover a record written before.
    window_begin_ = window_end_ = round_down(number, kWindowRecords);
    std::ranges::fill(window_, std::byte{0});
  }
  encode(record, number, window_.data() + (number - window_begin_) * kDirectoryRecordBytes);
  window_end_ = std::max(window_end_, number + 1);
  return {};
}

Result<void> DirectoryRecordWriter::flush() {
  if (window_end_ == window_begin_) return {};
  const std::uint64_t bytes = (window_end_ - window_begin_) * kDirectoryRecordBytes;
  return scratch_.write(window_begin_ * kDirectoryRecordBytes, ByteSpan(window_).first(bytes));
}

Result<DirectoryRecord> DirectoryRecordReader::next() {
  if (next_ == count_)
    return fail(ErrorCode::precondition,
                "write the image: the index has more directories than a moment ago",
                "Nothing may change the index while its image is written; try again.");
  if (window_used_ == window_.size()) {
    window_.resize(std::min(kWindowRecords, count_ - next_) * kDirectoryRecordBytes);
    window_used_ = 0;
    SHOAL_CHECK_OK(scratch_.read(next_ * kDirectoryRecordBytes, window_));
  }
  const ByteSpan raw = ByteSpan(window_).subspan(window_used_, kDirectoryRecordBytes);
  if (load_le<std::uint32_t>(raw.data() + kChecksumAt) != checksum_of(raw, next_))
    return fail(ErrorCode::corrupt,
                fmt::format("write the image: scratch record of directory {} was lost", next_),
                "Check the disk that holds the volume, then try again.");
  window_used_ += kDirectoryRecordBytes;
  ++next_;
  return DirectoryRecord{load_le<std::uint64_t>(raw.data()),
                         static_cast<std::int64_t>(load_le<std::uint64_t>(raw.data() + 8)),
                         load_le<std::uint32_t>(raw.data() + 16)};
}

}  // namespace shoal::image
