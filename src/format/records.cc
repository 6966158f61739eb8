// SPDX-License-Identifier: Apache-2.0
#include "format/records.h"

#include <algorithm>
#include <cmath>

#include "format/path_rules.h"
#include "records.pb.h"

namespace shoal::format {
namespace {

constexpr std::size_t kMd5Bytes = 16;
constexpr std::uint32_t kBlockBytesMin = 512;  // of any geometry
constexpr std::size_t kPresentWordsMax = kChunkBytesMax / kBlockBytesMin / 64;

// ---- text of ETags

int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

// Only the exact form that restore_etag() writes back: upper-case digits stay text.
bool pack_md5(std::string_view etag, std::string& packed) {
  if (etag.size() != 2 * kMd5Bytes) return false;
  packed.resize(kMd5Bytes);
  for (std::size_t i = 0; i < kMd5Bytes; ++i) {
    const int high = hex_digit(etag[2 * i]);
    const int low = hex_digit(etag[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    packed[i] = static_cast<char>(high << 4 | low);
  }
  return true;
}

template <typename Message>
void put_etag(const std::string& etag, Message& message) {
  if (!pack_md5(etag, *message.mutable_etag_md5())) {
    message.clear_etag_md5();
    message.set_etag(etag);
  }
}

template <typename Message>
bool take_etag(Message& message, std::string& etag) {
  const std::string& md5 = message.etag_md5();
  if (md5.empty()) {
    etag = std::move(*message.mutable_etag());
    return true;
  }
  if (md5.size() != kMd5Bytes || !message.etag().empty()) return false;
  static constexpr char kDigits[] = "0123456789abcdef";
  etag.resize(2 * kMd5Bytes);
  for (std::size_t i = 0; i < kMd5Bytes; ++i) {
    const auto byte = static_cast<unsigned char>(md5[i]);
    etag[2 * i] = kDigits[byte >> 4];
    etag[2 * i + 1] = kDigits[byte & 15];
  }
  return true;
}

// ---- shared parts of decode

std::unexpected<Error> corrupt(std::string_view record, std::string_view why) {
  return fail(ErrorCode::corrupt,
              std::string("decode ") + std::string(record) + " record: " + std::string(why),
              "The index is damaged: build it again.");
}

template <typename Message>
bool parse(std::string_view bytes, Message& message) {
  return bytes.size() <= INT32_MAX &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

bool is_sane(std::uint64_t bytes) {
  return bytes <= kDataBytesMax;
}

void fill(const Extent& extent, pb::Extent& message) {
  message.set_path(extent.path);
  put_etag(extent.etag, message);
  message.set_object_size(extent.object_size);
  message.set_object_offset(extent.object_offset);
  message.set_chunk_offset(extent.chunk_offset);
  // Nearly every extent is a whole small object.
  if (extent.length != extent.object_size) message.set_length(extent.length);
}

const char* take(pb::Extent& message, Extent& extent) {
  if (!take_etag(message, extent.etag)) return "an ETag is not 16 bytes";
  extent.path = std::move(*message.mutable_path());
  if (path_problem(extent.path) || extent.path.ends_with('/')) return "a path is no file's path";
  extent.object_size = message.object_size();
  extent.object_offset = message.object_offset();
  extent.chunk_offset = message.chunk_offset();
  extent.length = message.length();
  if (extent.length == 0 && extent.object_size <= kChunkBytesMax)
    extent.length = static_cast<std::uint32_t>(extent.object_size);
  if (extent.length == 0) return "an extent is empty";
  if (extent.length > kChunkBytesMax || extent.chunk_offset > kChunkBytesMax - extent.length)
    return "an extent lies outside its chunk";
  if (extent.chunk_offset % kBlockBytesMin != 0) return "an extent begins inside a block";
  if (!is_sane(extent.object_size) || extent.object_offset > extent.object_size ||
      extent.length > extent.object_size - extent.object_offset)
    return "an extent lies outside its object";
  return nullptr;
}

}  // namespace

// ---- encode

std::string encode(const DatasetRecord& record) {
  pb::Dataset message;
  message.set_version(record.version);
  message.set_url(record.url);
  message.set_endpoint(record.endpoint);
  message.set_region(record.region);
  message.set_addressing(record.addressing);
  message.set_signature(record.signature);
  message.set_sign_requests(record.sign_requests);
  message.set_block_bytes(record.geometry.block_bytes);
  message.set_chunk_bytes(record.geometry.chunk_bytes);
  return message.SerializeAsString();
}

std::string encode(const ObjectRecord& record) {
  pb::Object message;
  message.set_kind(static_cast<std::uint32_t>(record.kind));
  message.set_size(record.size);
  message.set_mtime(record.mtime);
  put_etag(record.etag, message);
  message.set_storage_class(record.storage_class);
  message.set_address(record.address.value);
  return message.SerializeAsString();
}

std::string encode(const ChunkRecord& record) {
  pb::Chunk message;
  message.mutable_extents()->Reserve(static_cast<int>(record.extents.size()));
  for (const Extent& extent : record.extents) fill(extent, *message.add_extents());
  return message.SerializeAsString();
}

std::string encode(const GenerationRecord& record) {
  pb::Generation message;
  message.set_generation(record.generation.value);
  message.set_layout_id(record.layout_id);
  message.set_files(record.files);
  message.set_directories(record.directories);
  message.set_object_bytes(record.object_bytes);
  message.set_special_keys(record.special_keys);
  message.set_data_end(record.data_end.value);
  message.set_listed_at(record.listed_at);
  message.set_listing_seconds(record.listing_seconds);
  message.set_list_requests(record.list_requests);
  return message.SerializeAsString();
}

std::string encode(const ListingRange& record) {
  pb::ListingRange message;
  message.set_after(record.after);
  message.set_through(record.through);
  message.set_done(record.done);
  message.set_keys(record.keys);
  return message.SerializeAsString();
}

std::string encode(const CacheRecord& record) {
  pb::Cache message;
  message.set_layout_id(record.layout_id);
  message.mutable_present()->Add(record.present.begin(), record.present.end());
  message.set_sealed(record.sealed);
  message.set_xxh3(record.xxh3);
  return message.SerializeAsString();
}

std::string encode(const SpecialRecord& record) {
  pb::Special message;
  message.set_key(record.key);
  message.set_reason(static_cast<std::uint32_t>(record.reason));
  message.set_size(record.size);
  return message.SerializeAsString();
}

// ---- decode

template <>
Result<DatasetRecord> decode<DatasetRecord>(std::string_view bytes) {
  pb::Dataset message;
  if (!parse(bytes, message)) return corrupt("dataset", "not a protobuf message");
  if (message.version() > kVolumeVersion)
    return fail(ErrorCode::unsupported,
                "decode dataset record: written by a newer Shoal, volume version " +
                    std::to_string(message.version()) + ", this one reads up to " +
                    std::to_string(kVolumeVersion),
                "Use the newer Shoal, or build the volume again in another directory.");
  DatasetRecord record;
  record.version = message.version();
  record.url = std::move(*message.mutable_url());
  record.endpoint = std::move(*message.mutable_endpoint());
  record.region = std::move(*message.mutable_region());
  record.addressing = std::move(*message.mutable_addressing());
  record.signature = std::move(*message.mutable_signature());
  record.sign_requests = message.sign_requests();
  record.geometry.block_bytes = message.block_bytes();
  record.geometry.chunk_bytes = message.chunk_bytes();
  if (record.version == 0) return corrupt("dataset", "it has no version");
  if (record.url.empty()) return corrupt("dataset", "it has no URL");
  if (!record.geometry.is_valid())
    return corrupt("dataset", "its block or chunk size is impossible");
  return record;
}

template <>
Result<ObjectRecord> decode<ObjectRecord>(std::string_view bytes) {
  pb::Object message;
  if (!parse(bytes, message)) return corrupt("object", "not a protobuf message");
  if (message.kind() > static_cast<std::uint32_t>(ObjectRecord::Kind::directory))
    return corrupt("object", "its kind is unknown");
  ObjectRecord record;
  record.kind = static_cast<ObjectRecord::Kind>(message.kind());
  record.size = message.size();
  record.mtime = message.mtime();
  if (!take_etag(message, record.etag)) return corrupt("object", "its ETag is not 16 bytes");
  record.storage_class = std::move(*message.mutable_storage_class());
  record.address = {message.address()};
  if (!is_sane(record.size) || !is_sane(record.address.value))
    return corrupt("object", "its size or address is impossible");
  return record;
}

template <>
Result<ChunkRecord> decode<ChunkRecord>(std::string_view bytes) {
  pb::Chunk message;
  if (!parse(bytes, message)) return corrupt("chunk", "not a protobuf message");
  ChunkRecord record;
  record.extents.resize(static_cast<std::size_t>(message.extents_size()));
  std::uint64_t free_from = 0;
  for (int i = 0; i < message.extents_size(); ++i) {
    Extent& extent = record.extents[static_cast<std::size_t>(i)];
    if (const char* problem = take(*message.mutable_extents(i), extent))
      return corrupt("chunk", problem);
    if (extent.chunk_offset < free_from) return corrupt("chunk", "extents overlap or are unsorted");
    free_from = std::uint64_t{extent.chunk_offset} + extent.length;
  }
  return record;
}

template <>
Result<GenerationRecord> decode<GenerationRecord>(std::string_view bytes) {
  pb::Generation message;
  if (!parse(bytes, message)) return corrupt("generation", "not a protobuf message");
  GenerationRecord record;
  record.generation = {message.generation()};
  record.layout_id = message.layout_id();
  record.files = message.files();
  record.directories = message.directories();
  record.object_bytes = message.object_bytes();
  record.special_keys = message.special_keys();
  record.data_end = {message.data_end()};
  record.listed_at = message.listed_at();
  record.listing_seconds = message.listing_seconds();
  record.list_requests = message.list_requests();
  if (record.generation.value == 0) return corrupt("generation", "its number is zero");
  if (!is_sane(record.data_end.value) || !is_sane(record.object_bytes))
    return corrupt("generation", "its size is impossible");
  if (!std::isfinite(record.listing_seconds) || record.listing_seconds < 0)
    return corrupt("generation", "its duration is impossible");
  return record;
}

template <>
Result<ListingRange> decode<ListingRange>(std::string_view bytes) {
  pb::ListingRange message;
  if (!parse(bytes, message)) return corrupt("listing range", "not a protobuf message");
  ListingRange record;
  record.after = std::move(*message.mutable_after());
  record.through = std::move(*message.mutable_through());
  record.done = message.done();
  record.keys = message.keys();
  if (!record.through.empty() && record.after > record.through)
    return corrupt("listing range", "it begins behind its end");
  return record;
}

template <>
Result<CacheRecord> decode<CacheRecord>(std::string_view bytes) {
  pb::Cache message;
  if (!parse(bytes, message)) return corrupt("cache", "not a protobuf message");
  if (static_cast<std::size_t>(message.present_size()) > kPresentWordsMax)
    return corrupt("cache", "it has more blocks than a chunk");
  CacheRecord record;
  record.layout_id = message.layout_id();
  record.present.assign(message.present().begin(), message.present().end());
  record.sealed = message.sealed();
  record.xxh3 = message.xxh3();
  const bool has_blocks = std::any_of(record.present.begin(), record.present.end(),
                                      [](auto word) { return word != 0; });
  if (record.sealed && !has_blocks) return corrupt("cache", "it is sealed and empty");
  return record;
}

template <>
Result<SpecialRecord> decode<SpecialRecord>(std::string_view bytes) {
  pb::Special message;
  if (!parse(bytes, message)) return corrupt("special key", "not a protobuf message");
  if (message.reason() > static_cast<std::uint32_t>(SpecialReason::archived))
    return corrupt("special key", "its reason is unknown");
  SpecialRecord record;
  record.key = std::move(*message.mutable_key());
  record.reason = static_cast<SpecialReason>(message.reason());
  record.size = message.size();
  return record;
}

// ---- walk keys

std::string walk_key(std::string_view path) {
  std::string key(path);
  std::replace(key.begin(), key.end(), '/', '\0');
  return key;
}

std::string path_of(std::string_view walk_key) {
  std::string path(walk_key);
  std::replace(path.begin(), path.end(), '\0', '/');
  return path;
}

}  // namespace shoal::format
