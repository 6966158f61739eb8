// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/protocol.h"

#include <cstring>
#include <string>

namespace shoal::fuse::protocol {

static_assert(sizeof(fuse_in_header) == 40);
static_assert(sizeof(fuse_out_header) == 16);
static_assert(sizeof(fuse_init_out) == 64);
static_assert(sizeof(fuse_attr) == 88);
static_assert(sizeof(fuse_entry_out) == 128);
static_assert(sizeof(fuse_attr_out) == 104);
static_assert(sizeof(fuse_read_in) == 40);
static_assert(sizeof(fuse_dirent) == 24);

namespace {

// INIT's first four fields; all a kernel before 5.17 sends.
constexpr std::size_t kInitShortBytes = 16;

std::unexpected<Error> cut_short(const char* what, std::size_t have, std::size_t need) {
  return fail(ErrorCode::corrupt, std::string("decode FUSE ") + what + ": " + std::to_string(have) +
                                      " bytes, at least " + std::to_string(need) + " expected");
}

// The structures of the protocol are plain numbers, every bit pattern of which is a value.
template <typename T>
T load(ByteSpan bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

template <typename T>
std::vector<std::byte> store(const T& value) {
  std::vector<std::byte> bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

}  // namespace

Result<Request> decode_request(ByteSpan bytes) {
  if (bytes.size() < sizeof(fuse_in_header))
    return cut_short("request header", bytes.size(), sizeof(fuse_in_header));
  const auto header = load<fuse_in_header>(bytes);
  if (header.len != bytes.size())
    return fail(ErrorCode::corrupt, "decode FUSE request: its header says " +
                                        std::to_string(header.len) + " bytes, the device gave " +
                                        std::to_string(bytes.size()));
  return Request{.opcode = header.opcode,
                 .unique = header.unique,
                 .node = header.nodeid,
                 .body = bytes.subspan(sizeof(fuse_in_header))};
}

Result<InitRequest> decode_init(ByteSpan body) {
  if (body.size() < kInitShortBytes) return cut_short("INIT", body.size(), kInitShortBytes);
  InitRequest init;
  std::uint32_t words[5] = {};
  std::memcpy(words, body.data(), body.size() >= sizeof words ? sizeof words : kInitShortBytes);
  init.major = words[0];
  init.minor = words[1];
  init.max_readahead = words[2];
  init.flags = words[3];
  if ((init.flags & kInitExtended) != 0) {
    if (body.size() < sizeof words) return cut_short("extended INIT", body.size(), sizeof words);
    init.flags |= static_cast<std::uint64_t>(words[4]) << 32;
  }
  return init;
}

Result<ReadRequest> decode_read(ByteSpan body) {
  if (body.size() < sizeof(fuse_read_in))
    return cut_short("READ", body.size(), sizeof(fuse_read_in));
  const auto read = load<fuse_read_in>(body);
  return ReadRequest{.handle = read.fh, .offset = read.offset, .bytes = read.size};
}

Result<std::uint32_t> decode_open_flags(ByteSpan body) {
  if (body.size() < sizeof(fuse_open_in))
    return cut_short("OPEN", body.size(), sizeof(fuse_open_in));
  return load<fuse_open_in>(body).flags;
}

Result<std::uint32_t> decode_access_mask(ByteSpan body) {
  if (body.size() < sizeof(fuse_access_in))
    return cut_short("ACCESS", body.size(), sizeof(fuse_access_in));
  return load<fuse_access_in>(body).mask;
}

Result<std::string_view> decode_name(ByteSpan body) {
  const std::string_view text = as_text(body);
  const std::size_t end = text.find('\0');
  if (end == std::string_view::npos)
    return fail(ErrorCode::corrupt,
                "decode FUSE name: no NUL within " + std::to_string(body.size()) + " bytes");
  return text.substr(0, end);
}

Header encode_header(std::uint64_t unique, int error, std::uint32_t payload_bytes) {
  const fuse_out_header header{
      .len = static_cast<std::uint32_t>(sizeof(fuse_out_header)) + payload_bytes,
      .error = -error,
      .unique = unique};
  Header bytes;
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

Header encode_resend_notification() {
  // A notification is a header whose `unique` is 0 and whose `error` is the (positive) code.
  return encode_header(0, -kNotifyResend, 0);
}

std::vector<std::byte> encode_init_reply(const InitReply& reply) {
  fuse_init_out out{};
  out.major = kMajor;
  out.minor = reply.minor;
  out.max_readahead = reply.max_readahead;
  out.flags = static_cast<std::uint32_t>(reply.flags);
  out.flags2 = static_cast<std::uint32_t>(reply.flags >> 32);
  out.max_background = reply.max_background;
  out.congestion_threshold = static_cast<std::uint16_t>(reply.max_background * 3 / 4);
  out.max_write = reply.max_write;
  out.time_gran = 1;
  out.max_pages = reply.max_pages;
  return store(out);
}

std::vector<std::byte> encode_entry(const fuse_attr& attr, std::uint64_t valid_seconds) {
  fuse_entry_out out{};
  out.nodeid = attr.ino;
  out.entry_valid = valid_seconds;
  out.attr_valid = valid_seconds;
  out.attr = attr;
  return store(out);
}

std::vector<std::byte> encode_attr(const fuse_attr& attr, std::uint64_t valid_seconds) {
  fuse_attr_out out{};
  out.attr_valid = valid_seconds;
  out.attr = attr;
  return store(out);
}

std::vector<std::byte> encode_open(std::uint64_t handle, std::uint32_t open_flags) {
  fuse_open_out out{};
  out.fh = handle;
  out.open_flags = open_flags;
  return store(out);
}

std::vector<std::byte> encode_statfs(const fuse_kstatfs& statfs) {
  fuse_statfs_out out{};
  out.st = statfs;
  return store(out);
}

bool append_directory_entry(std::vector<std::byte>& target, std::size_t bytes_max,
                            std::string_view name, std::uint64_t node, std::uint32_t type,
                            std::uint64_t next_offset) {
  const std::size_t bytes = round_up(sizeof(fuse_dirent) + name.size(), sizeof(std::uint64_t));
  if (target.size() + bytes > bytes_max) return false;
  fuse_dirent entry{};
  entry.ino = node;
  entry.off = next_offset;
  entry.namelen = static_cast<std::uint32_t>(name.size());
  entry.type = type;
  const std::size_t at = target.size();
  target.resize(at + bytes);
  std::memcpy(target.data() + at, &entry, sizeof entry);
  std::memcpy(target.data() + at + sizeof entry, name.data(), name.size());
  return true;
}

}  // namespace shoal::fuse::protocol
