// SPDX-License-Identifier: Apache-2.0
#include "devbucket/meta_attribute.h"

#include <sys/xattr.h>

#include <array>

#include "devbucket/object_meta.h"

namespace shoal::devbucket {
namespace {

constexpr const char* kAttribute = "user.shoal.devbucket";
constexpr std::size_t kReadBytes = 4096;
static_assert(kMetaBytesMax <= kReadBytes);

bool keep(std::string& record, const std::array<char, kReadBytes>& buffer, ssize_t count) {
  if (count <= 0) return false;
  record.assign(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

}  // namespace

bool read_attribute(const std::string& path, std::string& record) {
  std::array<char, kReadBytes> buffer;
  return keep(record, buffer, ::lgetxattr(path.c_str(), kAttribute, buffer.data(), buffer.size()));
}

bool read_attribute(int file, std::string& record) {
  std::array<char, kReadBytes> buffer;
  return keep(record, buffer, ::fgetxattr(file, kAttribute, buffer.data(), buffer.size()));
}

bool write_attribute(int file, std::string_view record) {
  return ::fsetxattr(file, kAttribute, record.data(), record.size(), 0) == 0;
}

}  // namespace shoal::devbucket
