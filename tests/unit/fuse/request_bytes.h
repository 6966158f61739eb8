// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/fuse.h>

#include <cstring>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace shoal::fuse {

// A request as the kernel writes it: a header with the right length, and `body`.
inline std::vector<std::byte> request_bytes(std::uint32_t opcode, std::uint64_t unique,
                                            std::uint64_t node, ByteSpan body = {}) {
  fuse_in_header header{};
  header.len = static_cast<std::uint32_t>(sizeof header + body.size());
  header.opcode = opcode;
  header.unique = unique;
  header.nodeid = node;
  std::vector<std::byte> bytes(header.len);
  std::memcpy(bytes.data(), &header, sizeof header);
  if (!body.empty()) std::memcpy(bytes.data() + sizeof header, body.data(), body.size());
  return bytes;
}

template <typename Body>
std::vector<std::byte> request_with(std::uint32_t opcode, std::uint64_t unique, std::uint64_t node,
                                    const Body& body) {
  return request_bytes(opcode, unique, node, std::as_bytes(std::span(&body, 1)));
}

inline std::vector<std::byte> read_request(std::uint64_t unique, std::uint64_t offset,
                                           std::uint32_t bytes, std::uint64_t node = 2) {
  fuse_read_in body{};
  body.offset = offset;
  body.size = bytes;
  return request_with(FUSE_READ, unique, node, body);
}

inline std::vector<std::byte> init_request(std::uint64_t unique, std::uint32_t minor,
                                           std::uint64_t flags) {
  fuse_init_in body{};
  body.major = 7;
  body.minor = minor;
  body.max_readahead = 131072;
  body.flags = static_cast<std::uint32_t>(flags);
  body.flags2 = static_cast<std::uint32_t>(flags >> 32);
  return request_with(FUSE_INIT, unique, 0, body);
}

template <typename T>
T load_struct(ByteSpan bytes, std::size_t at = 0) {
  T value{};
  if (bytes.size() >= at + sizeof value) std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace shoal::fuse
