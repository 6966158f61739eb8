// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What a bucket knows of an object besides its bytes: the ETag a client computed its trust on, the
// headers it sent along. Kept in the extended attribute user.shoal.devbucket of the file. A file
// that somebody else wrote has none, or one whose size and time no longer fit; its ETag is then
// made from its size and time.

namespace shoal::devbucket {

enum class ObjectType : char { normal = 'N', multipart = 'M', appendable = 'A' };
[[nodiscard]] std::string_view oss_name(ObjectType type);

struct ObjectMeta {
  std::string etag;  // without quotes, lower case
  ObjectType type = ObjectType::normal;
  std::optional<std::uint64_t> crc64;  // CRC-64/XZ of the content
  // Lower-case names. User metadata has the prefix "meta-" in place of the service's.
  std::vector<std::pair<std::string, std::string>> headers;
};

// The most bytes of an encoded record; ext4 keeps attributes in one block of 4 KiB.
inline constexpr std::size_t kMetaBytesMax = 3800;

// "ETAG TYPE SIZE MTIME CRC64\n", then "name:value\n" per header. `file` is what the record holds
// for.
[[nodiscard]] std::string encode_meta(const ObjectMeta& meta, const struct stat& file);
// The record if it is one and holds for `file`.
[[nodiscard]] std::optional<ObjectMeta> decode_meta(std::string_view record,
                                                    const struct stat& file);
// The ETag alone and the type, for listings; views into the record.
struct MetaBrief {
  std::string_view etag;
  ObjectType type = ObjectType::normal;
};
[[nodiscard]] std::optional<MetaBrief> decode_meta_brief(std::string_view record,
                                                         const struct stat& file);
// The ETag of a file nobody put: "<mtime in ns>-<size>" in hex. Not 32 digits, so that no client
// takes it for an MD5.
[[nodiscard]] std::string weak_etag(const struct stat& file);

}  // namespace shoal::devbucket
