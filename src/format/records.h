// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "format/layout.h"

// What a volume's RocksDB holds, as plain values. Encoded with protobuf (records.proto), so that a
// newer Shoal can add fields; decode() validates every range and never trusts a byte. Pure. Members
// have `{}` so that designated initialisers may leave them out without a warning of g++ 12.

namespace shoal::format {

// Raised when an older Shoal could misread what a newer one wrote.
inline constexpr std::uint32_t kVolumeVersion = 1;

struct DatasetRecord {
  std::uint32_t version = kVolumeVersion;
  std::string url{};       // "s3://bucket/prefix/"
  std::string endpoint{};  // as resolved when the index was built; empty: the provider's default
  std::string region{};
  std::string addressing{};  // "auto", "virtual", "path"
  std::string signature{};   // "v4", "v1"
  bool sign_requests = true;
  Geometry geometry{};
  bool operator==(const DatasetRecord&) const = default;
};

struct ObjectRecord {
  enum class Kind : std::uint8_t { file, directory };  // directory: a key that ends in '/'
  Kind kind = Kind::file;
  std::uint64_t size = 0;
  std::int64_t mtime = 0;  // seconds since 1970
  std::string etag{};      // raw text; hex MD5s are stored as 16 bytes by the encoder
  std::string storage_class{};
  DataAddress address{};  // set when the object has been laid out
  bool operator==(const ObjectRecord&) const = default;
};

// Part of one object inside one chunk.
struct Extent {
  std::string path{};  // relative to the dataset's prefix, with '/'
  std::string etag{};
  std::uint64_t object_size = 0;
  std::uint64_t object_offset = 0;
  std::uint32_t chunk_offset = 0;  // multiple of the block size
  std::uint32_t length = 0;        // > 0; chunk_offset + length <= chunk size
  bool operator==(const Extent&) const = default;
};
// Extents in ascending, non-overlapping chunk_offset order.
struct ChunkRecord {
  std::vector<Extent> extents{};
  bool operator==(const ChunkRecord&) const = default;
};

// One immutable state of the dataset.
struct GenerationRecord {
  Generation generation{1};
  std::uint64_t layout_id = 0;  // random; changes whenever data addresses are given out anew
  std::uint64_t files = 0;
  std::uint64_t directories = 0;  // without the root
  std::uint64_t object_bytes = 0;
  std::uint64_t special_keys = 0;
  DataAddress data_end{};      // size of the data region
  std::int64_t listed_at = 0;  // seconds since 1970
  double listing_seconds = 0;
  std::uint64_t list_requests = 0;
  bool operator==(const GenerationRecord&) const = default;
};

// One piece of the key space while a listing is under way.
struct ListingRange {
  std::string after{};    // keys greater than this ...
  std::string through{};  // ... up to and including this; empty: no bound
  bool done = false;
  std::uint64_t keys = 0;  // already stored
  bool operator==(const ListingRange&) const = default;
};

// State of one chunk in the cache file.
struct CacheRecord {
  std::uint64_t layout_id = 0;
  std::vector<std::uint64_t> present{};  // bit i = block i of the chunk is in the file
  bool sealed = false;                   // every block that holds object bytes is present
  std::uint64_t xxh3 = 0;                // XXH3-64 over the present blocks in order
  bool pinned = false;                   // not to be evicted
  bool operator==(const CacheRecord&) const = default;
};

enum class SpecialReason : std::uint8_t {
  empty_component,  // "a//b", "/a"
  dot_component,    // "." or ".."
  nul_byte,
  name_too_long,          // a component over 255 bytes
  shadowed_by_directory,  // "a" beside "a/b"
  directory_with_bytes,   // a key ending in '/' that has content: shown as a directory only
  archived,               // storage class that cannot be read without a restore; still shown
};
[[nodiscard]] std::string_view name_of(SpecialReason reason) noexcept;  // "empty_component"
[[nodiscard]] std::string_view explain(
    SpecialReason reason) noexcept;  // one sentence: rule and why
struct SpecialRecord {
  std::string key{};  // whole object key
  SpecialReason reason = SpecialReason::empty_component;
  std::uint64_t size = 0;
  bool operator==(const SpecialRecord&) const = default;
};

[[nodiscard]] std::string encode(const DatasetRecord& record);
[[nodiscard]] std::string encode(const ObjectRecord& record);
[[nodiscard]] std::string encode(const ChunkRecord& record);
[[nodiscard]] std::string encode(const GenerationRecord& record);
[[nodiscard]] std::string encode(const ListingRange& record);
[[nodiscard]] std::string encode(const CacheRecord& record);
[[nodiscard]] std::string encode(const SpecialRecord& record);

// decode<ObjectRecord>(bytes): ErrorCode::corrupt for anything encode() of a valid record could not
// have written; unsupported for a DatasetRecord of a newer version. Fields of a newer Shoal are
// ignored. Defined for the seven record types above.
template <typename Record>
[[nodiscard]] Result<Record> decode(std::string_view bytes);
// The same into a record that is used again and again, whose strings keep their memory. `record` is
// untouched on failure.
[[nodiscard]] Result<void> decode_into(std::string_view bytes, ObjectRecord& record);

// Gives an address to the encoded record of an object that had none (zero).
void append_address(DataAddress address, std::string& encoded);
// Adds an extent behind those of an encoded ChunkRecord; an empty text is one without extents.
void append_extent(const Extent& extent, std::string& chunk);

// Index key of a path: '/' becomes a zero byte, which sorts a directory's content right behind its
// name, so that a RocksDB iterator walks depth-first in name order. A directory marker ("a/b/")
// keeps its trailing zero byte. Precondition: no NUL in `path`.
[[nodiscard]] std::string walk_key(std::string_view path);
[[nodiscard]] std::string path_of(std::string_view walk_key);
void assign_path(std::string_view walk_key,
                 std::string& path);  // the same, in memory that is there

}  // namespace shoal::format
