// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/crc64.h"

// Checksums of bodies as they stream in. confined.

namespace shoal::devbucket {

using Crc32 = Crc<std::uint32_t, 0xEDB88320u>;
using Crc32c = Crc<std::uint32_t, 0x82F63B78u>;
using Crc64Xz = Crc<std::uint64_t, kCrc64XzPolynomial>;       // OSS
using Crc64Nvme = Crc<std::uint64_t, 0x9A6C9329AC4BC9B5ull>;  // S3

// MD5, SHA-1 or SHA-256 in pieces.
class Digest {
 public:
  enum class Kind { md5, sha1, sha256 };
  explicit Digest(Kind kind);
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  ~Digest();

  void add(std::string_view data);
  // The raw digest; the object starts again from nothing.
  [[nodiscard]] std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// One of the x-amz-checksum-* algorithms ("crc32", "crc32c", "crc64nvme", "sha1", "sha256").
class NamedChecksum {
 public:
  virtual ~NamedChecksum() = default;
  virtual void add(std::string_view data) = 0;
  // As the header carries it: base64 of the big-endian value.
  [[nodiscard]] virtual std::string finish() = 0;
};
// Nothing when the name is not known.
[[nodiscard]] std::unique_ptr<NamedChecksum> make_checksum(std::string_view name);

}  // namespace shoal::devbucket
