// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/fuse.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

// The kernel's FUSE protocol, as far as a read-only file system of one file needs it: bytes in,
// values out, and the other way round. <linux/fuse.h> of the build machine gives the structures;
// what is newer than Debian 12's (protocol 7.38) is defined here.
//
// Thread model: immutable (pure functions).

namespace shoal::fuse::protocol {

// Negotiation flags as one 64-bit number; the upper half travels in `flags2`.
inline constexpr std::uint64_t kAsyncRead = 1ull << 0;
inline constexpr std::uint64_t kAsyncDirectIo = 1ull << 15;
inline constexpr std::uint64_t kParallelDirectoryOperations = 1ull << 18;
inline constexpr std::uint64_t kMaxPages = 1ull << 22;
inline constexpr std::uint64_t kExplicitInvalidation = 1ull << 25;
inline constexpr std::uint64_t kInitExtended = 1ull << 30;  // flags2 is valid (7.36)
inline constexpr std::uint64_t kHasResend = 1ull << 39;     // FUSE_NOTIFY_RESEND (7.40)

inline constexpr std::int32_t kNotifyResend = 7;
// Set in `unique` of a request the kernel sends a second time; the answer carries the same value.
inline constexpr std::uint64_t kUniqueResend = 1ull << 63;

inline constexpr std::uint32_t kMajor = 7;
inline constexpr std::uint32_t kMinorMin = 31;  // Linux 5.4, the oldest kernel with EROFS
inline constexpr std::uint32_t kMinorMax = 40;  // what this code was written against

// A request read from /dev/fuse, its header checked against the bytes really there. `body` points
// into them.
struct Request {
  std::uint32_t opcode = 0;
  std::uint64_t unique = 0;
  std::uint64_t node = 0;
  ByteSpan body;
};

struct InitRequest {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint32_t max_readahead = 0;
  std::uint64_t flags = 0;
};

struct ReadRequest {
  std::uint64_t handle = 0;
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
};

// Fails with corrupt when the header is cut short or its length is not the number of bytes given.
[[nodiscard]] Result<Request> decode_request(ByteSpan bytes);
// These fail with corrupt when the body is too short for what the opcode says it is.
[[nodiscard]] Result<InitRequest> decode_init(ByteSpan body);
[[nodiscard]] Result<ReadRequest> decode_read(ByteSpan body);
// The flags of OPEN and OPENDIR (as in open(2)).
[[nodiscard]] Result<std::uint32_t> decode_open_flags(ByteSpan body);
[[nodiscard]] Result<std::uint32_t> decode_access_mask(ByteSpan body);
// The NUL-terminated name of LOOKUP, without its NUL.
[[nodiscard]] Result<std::string_view> decode_name(ByteSpan body);

// What INIT is answered with.
struct InitReply {
  std::uint32_t minor = 0;
  std::uint64_t flags = 0;
  std::uint32_t max_readahead = 0;
  std::uint16_t max_background = 0;
  std::uint32_t max_write = 0;
  std::uint16_t max_pages = 0;
};

using Header = std::array<std::byte, sizeof(fuse_out_header)>;
// The header before `payload_bytes` of payload; `error` is 0 or a positive errno.
[[nodiscard]] Header encode_header(std::uint64_t unique, int error, std::uint32_t payload_bytes);
// The notification that asks the kernel for every request it still waits for.
[[nodiscard]] Header encode_resend_notification();

[[nodiscard]] std::vector<std::byte> encode_init_reply(const InitReply& reply);
[[nodiscard]] std::vector<std::byte> encode_entry(const fuse_attr& attr,
                                                  std::uint64_t valid_seconds);
[[nodiscard]] std::vector<std::byte> encode_attr(const fuse_attr& attr,
                                                 std::uint64_t valid_seconds);
[[nodiscard]] std::vector<std::byte> encode_open(std::uint64_t handle, std::uint32_t open_flags);
[[nodiscard]] std::vector<std::byte> encode_statfs(const fuse_kstatfs& statfs);
// Appends one READDIR record; false, and nothing appended, when `target` would outgrow `bytes_max`.
[[nodiscard]] bool append_directory_entry(std::vector<std::byte>& target, std::size_t bytes_max,
                                          std::string_view name, std::uint64_t node,
                                          std::uint32_t type, std::uint64_t next_offset);

}  // namespace shoal::fuse::protocol
