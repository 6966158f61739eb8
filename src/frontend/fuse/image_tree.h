// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "frontend/fuse/protocol.h"

// The file system the kernel sees: a root directory with one read-only file, `image`. Pure: a
// request in, what to answer out; INIT and reading the file's bytes are the server's.

namespace shoal::fuse {

inline constexpr std::string_view kImageName = "image";

struct Answer {
  enum class Kind {
    reply,    // `error`, or 0 and `payload`
    none,     // the kernel expects no answer
    read,     // the bytes of `read`, clipped to the file
    init,     // the first request of a session
    destroy,  // the file system is gone; reply first
  };
  Kind kind = Kind::reply;
  int error = 0;
  std::vector<std::byte> payload = {};
  protocol::ReadRequest read = {};
};

// Thread model: immutable.
class ImageTree {
 public:
  struct Facts {
    std::uint64_t image_bytes = 0;
    std::int64_t mtime = 0;  // seconds since 1970
    std::uint32_t uid = 0;   // owner of both, who alone may read them
    std::uint32_t gid = 0;
  };
  explicit ImageTree(const Facts& facts) : facts_(facts) {}

  // A body that does not fit its opcode is answered with EINVAL, an unknown opcode with ENOSYS.
  [[nodiscard]] Answer answer(const protocol::Request& request) const;

 private:
  [[nodiscard]] Answer lookup(const protocol::Request& request) const;
  [[nodiscard]] Answer attributes(const protocol::Request& request) const;
  [[nodiscard]] Answer open(const protocol::Request& request) const;
  [[nodiscard]] Answer open_directory(const protocol::Request& request) const;
  [[nodiscard]] Answer read(const protocol::Request& request) const;
  [[nodiscard]] Answer read_directory(const protocol::Request& request) const;
  [[nodiscard]] Answer file_system_facts() const;
  [[nodiscard]] fuse_attr attr_of(std::uint64_t node) const;

  Facts facts_;
};

}  // namespace shoal::fuse
