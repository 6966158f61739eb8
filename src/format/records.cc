// SPDX-License-Identifier: Apache-2.0
#include "format/records.h"

#include <algorithm>
#include <cmath>

#include "records.pb.h"

namespace shoal::format {
namespace {

constexpr std::size_t kPresentWordsMax = kChunkBytesMax / kBlockBytesMin / 64;

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
  message.set_pinned(record.pinned);
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
  record.pinned = message.pinned();
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
  std::string path;
  assign_path(walk_key, path);
  return path;
}

void assign_path(std::string_view walk_key, std::string& path) {
  path = walk_key;
  std::replace(path.begin(), path.end(), '\0', '/');
}

}  // namespace shoal::format
