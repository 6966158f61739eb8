// SPDX-License-Identifier: Apache-2.0
// ObjectRecord and ChunkRecord. An index build encodes and decodes each object several times, so
// these two go through wire.h; records.proto stays the description of what they write.
#include <array>

#include "format/path_rules.h"
#include "format/records.h"
#include "format/wire.h"

namespace shoal::format {
namespace {

constexpr std::size_t kMd5Bytes = 16;

// Field numbers of message Object.
constexpr std::uint32_t kKind = 1;
constexpr std::uint32_t kSize = 2;
constexpr std::uint32_t kMtime = 3;
constexpr std::uint32_t kEtagMd5 = 4;
constexpr std::uint32_t kEtag = 5;
constexpr std::uint32_t kStorageClass = 6;
constexpr std::uint32_t kAddress = 7;

// Field numbers of message Extent.
constexpr std::uint32_t kPath = 1;
constexpr std::uint32_t kExtentEtagMd5 = 2;
constexpr std::uint32_t kExtentEtag = 3;
constexpr std::uint32_t kObjectSize = 4;
constexpr std::uint32_t kObjectOffset = 5;
constexpr std::uint32_t kChunkOffset = 6;
constexpr std::uint32_t kLength = 7;

constexpr std::uint32_t kExtents = 1;  // of message Chunk

constexpr std::uint32_t number_tag(std::uint32_t field) {
  return wire_tag(field, WireType::varint);
}
constexpr std::uint32_t bytes_tag(std::uint32_t field) {
  return wire_tag(field, WireType::bytes);
}

std::unexpected<Error> corrupt(std::string_view record, std::string_view why) {
  return fail(ErrorCode::corrupt,
              std::string("decode ") + std::string(record) + " record: " + std::string(why),
              "The index is damaged: build it again.");
}

bool is_sane(std::uint64_t bytes) {
  return bytes <= kDataBytesMax;
}

// ---- ETags: 32 lower-case hex digits, an MD5, are stored as 16 bytes

constexpr std::array<signed char, 256> make_hex_table() {
  std::array<signed char, 256> table{};
  table.fill(-1);
  for (int i = 0; i < 10; ++i)
    table[static_cast<std::size_t>('0' + i)] = static_cast<signed char>(i);
  for (int i = 0; i < 6; ++i)
    table[static_cast<std::size_t>('a' + i)] = static_cast<signed char>(10 + i);
  return table;
}
constexpr auto kHexTable = make_hex_table();

// Only the exact form that unpack_md5() writes back: upper-case digits stay text.
bool pack_md5(std::string_view etag, std::array<char, kMd5Bytes>& packed) {
  if (etag.size() != 2 * kMd5Bytes) return false;
  for (std::size_t i = 0; i < kMd5Bytes; ++i) {
    const int high = kHexTable[static_cast<unsigned char>(etag[2 * i])];
    const int low = kHexTable[static_cast<unsigned char>(etag[2 * i + 1])];
    if (high < 0 || low < 0) return false;
    packed[i] = static_cast<char>(high << 4 | low);
  }
  return true;
}

void unpack_md5(std::string_view md5, std::string& etag) {
  static constexpr char kDigits[] = "0123456789abcdef";
  etag.resize(2 * kMd5Bytes);
  for (std::size_t i = 0; i < kMd5Bytes; ++i) {
    const auto byte = static_cast<unsigned char>(md5[i]);
    etag[2 * i] = kDigits[byte >> 4];
    etag[2 * i + 1] = kDigits[byte & 15];
  }
}

// The two fields an ETag may be in.
struct EtagFields {
  std::uint32_t md5;
  std::uint32_t text;
};

void append_etag(EtagFields fields, std::string_view etag, std::string& target) {
  std::array<char, kMd5Bytes> packed;
  if (pack_md5(etag, packed))
    append_bytes(fields.md5, {packed.data(), packed.size()}, target);
  else
    append_bytes(fields.text, etag, target);
}

// What a message said of an ETag, and whether encode() could have said it.
struct StoredEtag {
  std::string_view md5;
  std::string_view text;

  [[nodiscard]] bool restore(std::string& etag) const {
    if (md5.empty()) {
      etag = text;
      return true;
    }
    if (md5.size() != kMd5Bytes || !text.empty()) return false;
    unpack_md5(md5, etag);
    return true;
  }
};

// ---- extents

constexpr EtagFields kExtentEtagFields{kExtentEtagMd5, kExtentEtag};

std::size_t etag_bytes(std::string_view etag) {
  std::array<char, kMd5Bytes> packed;
  const std::size_t bytes = pack_md5(etag, packed) ? kMd5Bytes : etag.size();
  return bytes == 0 ? 0 : 1 + varint_bytes(bytes) + bytes;
}
std::size_t number_bytes(std::uint64_t value) {
  return value == 0 ? 0 : 1 + varint_bytes(value);
}

// Nearly every extent is a whole small object.
std::uint32_t stored_length(const Extent& extent) {
  return extent.length == extent.object_size ? 0 : extent.length;
}

const char* check(const Extent& extent) {
  if (path_problem(extent.path) || extent.path.ends_with('/')) return "a path is no file's path";
  if (extent.length == 0) return "an extent is empty";
  if (extent.length > kChunkBytesMax || extent.chunk_offset > kChunkBytesMax - extent.length)
    return "an extent lies outside its chunk";
  if (extent.chunk_offset % kBlockBytesMin != 0) return "an extent begins inside a block";
  if (!is_sane(extent.object_size) || extent.object_offset > extent.object_size ||
      extent.length > extent.object_size - extent.object_offset)
    return "an extent lies outside its object";
  return nullptr;
}

const char* take(std::string_view message, Extent& extent) {
  StoredEtag etag;
  WireReader reader(message);
  while (reader.next()) {
    switch (reader.tag()) {
      case bytes_tag(kPath):
        extent.path = reader.bytes();
        break;
      case bytes_tag(kExtentEtagMd5):
        etag.md5 = reader.bytes();
        break;
      case bytes_tag(kExtentEtag):
        etag.text = reader.bytes();
        break;
      case number_tag(kObjectSize):
        extent.object_size = reader.number();
        break;
      case number_tag(kObjectOffset):
        extent.object_offset = reader.number();
        break;
      case number_tag(kChunkOffset):
        extent.chunk_offset = static_cast<std::uint32_t>(reader.number());
        break;
      case number_tag(kLength):
        extent.length = static_cast<std::uint32_t>(reader.number());
        break;
      default:
        break;  // of a newer Shoal
    }
  }
  if (reader.is_broken()) return "not a protobuf message";
  if (!etag.restore(extent.etag)) return "an ETag is not 16 bytes";
  if (extent.length == 0 && extent.object_size <= kChunkBytesMax)
    extent.length = static_cast<std::uint32_t>(extent.object_size);
  return check(extent);
}

}  // namespace

// ---- objects

std::string encode(const ObjectRecord& record) {
  std::string bytes;
  bytes.reserve(64);  // an ETag that is no MD5 included
  append_number(kKind, static_cast<std::uint64_t>(record.kind), bytes);
  append_number(kSize, record.size, bytes);
  append_number(kMtime, zigzag(record.mtime), bytes);
  append_etag({kEtagMd5, kEtag}, record.etag, bytes);
  append_bytes(kStorageClass, record.storage_class, bytes);
  append_number(kAddress, record.address.value, bytes);
  return bytes;
}

void append_address(DataAddress address, std::string& encoded) {
  append_number(kAddress, address.value, encoded);
}

Result<void> decode_into(std::string_view bytes, ObjectRecord& record) {
  std::uint64_t kind = 0;
  StoredEtag etag;
  std::string_view storage_class;
  std::uint64_t size = 0;
  std::int64_t mtime = 0;
  std::uint64_t address = 0;
  WireReader reader(bytes);
  while (reader.next()) {
    switch (reader.tag()) {
      case number_tag(kKind):
        kind = static_cast<std::uint32_t>(reader.number());
        break;
      case number_tag(kSize):
        size = reader.number();
        break;
      case number_tag(kMtime):
        mtime = unzigzag(reader.number());
        break;
      case bytes_tag(kEtagMd5):
        etag.md5 = reader.bytes();
        break;
      case bytes_tag(kEtag):
        etag.text = reader.bytes();
        break;
      case bytes_tag(kStorageClass):
        storage_class = reader.bytes();
        break;
      case number_tag(kAddress):
        address = reader.number();
        break;
      default:
        break;  // of a newer Shoal
    }
  }
  if (reader.is_broken()) return corrupt("object", "not a protobuf message");
  if (kind > static_cast<std::uint64_t>(ObjectRecord::Kind::directory))
    return corrupt("object", "its kind is unknown");
  if (!is_sane(size) || !is_sane(address))
    return corrupt("object", "its size or address is impossible");
  if (!etag.restore(record.etag)) return corrupt("object", "its ETag is not 16 bytes");
  record.kind = static_cast<ObjectRecord::Kind>(kind);
  record.size = size;
  record.mtime = mtime;
  record.storage_class = storage_class;
  record.address = {address};
  return {};
}

template <>
Result<ObjectRecord> decode<ObjectRecord>(std::string_view bytes) {
  ObjectRecord record;
  SHOAL_CHECK_OK(decode_into(bytes, record));
  return record;
}

// ---- chunks

void append_extent(const Extent& extent, std::string& chunk) {
  const std::uint32_t length = stored_length(extent);
  const std::size_t path_bytes =
      extent.path.empty() ? 0 : 1 + varint_bytes(extent.path.size()) + extent.path.size();
  append_varint(bytes_tag(kExtents), chunk);
  append_varint(path_bytes + etag_bytes(extent.etag) + number_bytes(extent.object_size) +
                    number_bytes(extent.object_offset) + number_bytes(extent.chunk_offset) +
                    number_bytes(length),
                chunk);
  append_bytes(kPath, extent.path, chunk);
  append_etag(kExtentEtagFields, extent.etag, chunk);
  append_number(kObjectSize, extent.object_size, chunk);
  append_number(kObjectOffset, extent.object_offset, chunk);
  append_number(kChunkOffset, extent.chunk_offset, chunk);
  append_number(kLength, length, chunk);
}

std::string encode(const ChunkRecord& record) {
  std::string bytes;
  for (const Extent& extent : record.extents) append_extent(extent, bytes);
  return bytes;
}

template <>
Result<ChunkRecord> decode<ChunkRecord>(std::string_view bytes) {
  ChunkRecord record;
  std::uint64_t free_from = 0;
  WireReader reader(bytes);
  while (reader.next()) {
    if (reader.tag() != bytes_tag(kExtents)) continue;
    Extent& extent = record.extents.emplace_back();
    if (const char* problem = take(reader.bytes(), extent)) return corrupt("chunk", problem);
    if (extent.chunk_offset < free_from) return corrupt("chunk", "extents overlap or are unsorted");
    free_from = std::uint64_t{extent.chunk_offset} + extent.length;
  }
  if (reader.is_broken()) return corrupt("chunk", "not a protobuf message");
  return record;
}

}  // namespace shoal::format
