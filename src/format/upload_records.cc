// SPDX-License-Identifier: Apache-2.0
#include "format/upload_records.h"

#include "upload.pb.h"

namespace shoal::format {
namespace {

constexpr std::uint64_t kSizeMax = 1ull << 56;  // beyond any service's objects

std::unexpected<Error> corrupt(std::string_view record, std::string_view why) {
  return fail(ErrorCode::corrupt,
              "decode " + std::string(record) + " record of an upload journal: " + std::string(why),
              "The journal is damaged: move its directory away and send the files again.");
}

template <typename Message>
bool parse(std::string_view bytes, Message& message) {
  return bytes.size() <= INT32_MAX &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

void write_identity(const IdentityRecord& record, pb::Identity& message) {
  message.set_size(record.size);
  message.set_mtime_ns(record.mtime_ns);
  message.set_ctime_ns(record.ctime_ns);
  message.set_inode(record.inode);
}

IdentityRecord read_identity(const pb::Identity& message) {
  return {.size = message.size(),
          .mtime_ns = message.mtime_ns(),
          .ctime_ns = message.ctime_ns(),
          .inode = message.inode()};
}

}  // namespace

std::string encode(const JournalRecord& record) {
  pb::Journal message;
  message.set_version(record.version);
  message.set_bucket(record.bucket);
  message.set_endpoint(record.endpoint);
  return message.SerializeAsString();
}

std::string encode(const UploadJobRecord& record) {
  pb::UploadJob message;
  message.set_kind(static_cast<std::uint32_t>(record.kind));
  message.set_body(static_cast<std::uint32_t>(record.body));
  message.set_key(record.key);
  message.set_file(record.file);
  message.set_size(record.size);
  message.set_if_absent(record.if_absent);
  message.set_if_match(record.if_match);
  message.set_content_type(record.content_type);
  message.set_has_position(record.position.has_value());
  message.set_position(record.position.value_or(0));
  return message.SerializeAsString();
}

std::string encode(const MultipartRecord& record) {
  pb::Multipart message;
  message.set_upload_id(record.upload_id);
  message.set_part_bytes(record.part_bytes);
  write_identity(record.identity, *message.mutable_identity());
  message.set_started_at(record.started_at);
  return message.SerializeAsString();
}

std::string encode(const PartRecord& record) {
  pb::Part message;
  message.set_etag(record.etag);
  message.set_crc64(record.crc64);
  return message.SerializeAsString();
}

std::string encode(const SentRecord& record) {
  pb::Sent message;
  message.set_file(record.file);
  write_identity(record.identity, *message.mutable_identity());
  message.set_etag(record.etag);
  return message.SerializeAsString();
}

Result<void> decode_into(std::string_view bytes, JournalRecord& record) {
  pb::Journal message;
  if (!parse(bytes, message)) return corrupt("journal", "not its format");
  record = {
      .version = message.version(), .bucket = message.bucket(), .endpoint = message.endpoint()};
  if (record.version == 0 || record.bucket.empty()) return corrupt("journal", "it is incomplete");
  return {};
}

Result<void> decode_into(std::string_view bytes, UploadJobRecord& record) {
  pb::UploadJob message;
  if (!parse(bytes, message)) return corrupt("job", "not its format");
  if (message.kind() < 1 || message.kind() > 3) return corrupt("job", "unknown kind");
  if (message.body() > 3) return corrupt("job", "unknown place of its bytes");
  if (message.key().empty()) return corrupt("job", "no key");
  if (message.size() > kSizeMax) return corrupt("job", "impossible size");
  record = {.kind = static_cast<UploadJobRecord::Kind>(message.kind()),
            .body = static_cast<UploadJobRecord::Body>(message.body()),
            .key = message.key(),
            .file = message.file(),
            .size = message.size(),
            .if_absent = message.if_absent(),
            .if_match = message.if_match(),
            .content_type = message.content_type()};
  if (message.has_position()) record.position = message.position();
  const bool has_body = record.body != UploadJobRecord::Body::none;
  if (has_body == (record.kind == UploadJobRecord::Kind::remove))
    return corrupt("job", "kind and body contradict each other");
  if (record.body == UploadJobRecord::Body::file && record.file.empty())
    return corrupt("job", "no file");
  return {};
}

Result<void> decode_into(std::string_view bytes, MultipartRecord& record) {
  pb::Multipart message;
  if (!parse(bytes, message)) return corrupt("multipart", "not its format");
  record = {.upload_id = message.upload_id(),
            .part_bytes = message.part_bytes(),
            .identity = read_identity(message.identity()),
            .started_at = message.started_at()};
  if (record.part_bytes == 0 || record.identity.size > kSizeMax)
    return corrupt("multipart", "impossible size");
  const std::uint64_t parts = record.identity.size / record.part_bytes +
                              (record.identity.size % record.part_bytes == 0 ? 0 : 1);
  if (parts > kPartsMax) return corrupt("multipart", "too many parts");
  return {};
}

Result<void> decode_into(std::string_view bytes, PartRecord& record) {
  pb::Part message;
  if (!parse(bytes, message)) return corrupt("part", "not its format");
  if (message.etag().empty()) return corrupt("part", "no ETag");
  record = {.etag = message.etag(), .crc64 = message.crc64()};
  return {};
}

Result<void> decode_into(std::string_view bytes, SentRecord& record) {
  pb::Sent message;
  if (!parse(bytes, message)) return corrupt("sent", "not its format");
  record = {.file = message.file(),
            .identity = read_identity(message.identity()),
            .etag = message.etag()};
  return {};
}

}  // namespace shoal::format
