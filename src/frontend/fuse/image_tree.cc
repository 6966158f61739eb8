// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/image_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "frontend/fuse/bounds.h"

namespace shoal::fuse {
namespace {

using protocol::Request;

constexpr std::uint64_t kRootNode = FUSE_ROOT_ID;
constexpr std::uint64_t kImageNode = 2;
constexpr std::uint32_t kBlockBytes = 4096;

Answer error(int number) {
  return {.kind = Answer::Kind::reply, .error = number};
}
Answer payload(std::vector<std::byte> bytes) {
  return {.kind = Answer::Kind::reply, .payload = std::move(bytes)};
}
Answer success() {
  return {.kind = Answer::Kind::reply};
}

bool is_known(std::uint64_t node) {
  return node == kRootNode || node == kImageNode;
}

}  // namespace

Answer ImageTree::answer(const Request& request) const {
  switch (request.opcode) {
    case FUSE_INIT:
      return {.kind = Answer::Kind::init};
    case FUSE_DESTROY:
      return {.kind = Answer::Kind::destroy};
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
      return {.kind = Answer::Kind::none};
    case FUSE_LOOKUP:
      return lookup(request);
    case FUSE_GETATTR:
      return attributes(request);
    case FUSE_OPEN:
      return open(request);
    case FUSE_READ:
      return read(request);
    case FUSE_OPENDIR:
      return open_directory(request);
    case FUSE_READDIR:
      return read_directory(request);
    case FUSE_STATFS:
      return file_system_facts();
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
    case FUSE_FSYNC:
    case FUSE_FSYNCDIR:
      return success();
    case FUSE_ACCESS: {
      const auto mask = protocol::decode_access_mask(request.body);
      if (!mask) return error(EINVAL);
      return (*mask & W_OK) != 0 ? error(EROFS) : success();
    }
    case FUSE_READLINK:
      return error(EINVAL);
    case FUSE_SETATTR:
    case FUSE_SYMLINK:
    case FUSE_MKNOD:
    case FUSE_MKDIR:
    case FUSE_UNLINK:
    case FUSE_RMDIR:
    case FUSE_RENAME:
    case FUSE_RENAME2:
    case FUSE_LINK:
    case FUSE_WRITE:
    case FUSE_CREATE:
    case FUSE_TMPFILE:
    case FUSE_FALLOCATE:
    case FUSE_SETXATTR:
    case FUSE_REMOVEXATTR:
      return error(EROFS);
    // The kernel remembers ENOSYS and does not ask again (FLUSH, GETXATTR, LSEEK, INTERRUPT, ...).
    default:
      return error(ENOSYS);
  }
}

Answer ImageTree::lookup(const Request& request) const {
  if (request.node != kRootNode) return error(ENOTDIR);
  const auto name = protocol::decode_name(request.body);
  if (!name) return error(EINVAL);
  if (*name != kImageName) return error(ENOENT);
  return payload(protocol::encode_entry(attr_of(kImageNode), bounds::kAttributesValidSeconds));
}

Answer ImageTree::attributes(const Request& request) const {
  if (!is_known(request.node)) return error(ESTALE);
  return payload(protocol::encode_attr(attr_of(request.node), bounds::kAttributesValidSeconds));
}

Answer ImageTree::open(const Request& request) const {
  if (request.node != kImageNode) return error(request.node == kRootNode ? EISDIR : ESTALE);
  const auto flags = protocol::decode_open_flags(request.body);
  if (!flags) return error(EINVAL);
  if ((*flags & O_ACCMODE) != O_RDONLY || (*flags & O_TRUNC) != 0) return error(EROFS);
  return payload(protocol::encode_open(0, FOPEN_KEEP_CACHE));
}

Answer ImageTree::open_directory(const Request& request) const {
  if (request.node != kRootNode) return error(request.node == kImageNode ? ENOTDIR : ESTALE);
  return payload(protocol::encode_open(0, FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR));
}

Answer ImageTree::read(const Request& request) const {
  if (request.node != kImageNode) return error(request.node == kRootNode ? EISDIR : ESTALE);
  auto read = protocol::decode_read(request.body);
  if (!read || read->bytes > bounds::kReadBytes) return error(EINVAL);
  if (read->offset >= facts_.image_bytes || read->bytes == 0) return success();
  read->bytes = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(read->bytes, facts_.image_bytes - read->offset));
  return {.kind = Answer::Kind::read, .read = *read};
}

Answer ImageTree::read_directory(const Request& request) const {
  if (request.node != kRootNode) return error(ENOTDIR);
  const auto read = protocol::decode_read(request.body);
  if (!read) return error(EINVAL);
  struct Entry {
    std::string_view name;
    std::uint64_t node;
    std::uint32_t type;
  };
  static constexpr Entry entries[] = {
      {".", kRootNode, DT_DIR}, {"..", kRootNode, DT_DIR}, {kImageName, kImageNode, DT_REG}};
  std::vector<std::byte> records;
  const std::size_t bytes_max = std::min<std::size_t>(read->bytes, bounds::kReadBytes);
  for (std::uint64_t i = read->offset; i < std::size(entries); ++i) {
    if (!protocol::append_directory_entry(records, bytes_max, entries[i].name, entries[i].node,
                                          entries[i].type, i + 1))
      break;
  }
  return payload(std::move(records));
}

Answer ImageTree::file_system_facts() const {
  fuse_kstatfs statfs{};
  statfs.blocks = round_up(facts_.image_bytes, kBlockBytes) / kBlockBytes;
  statfs.files = 2;
  statfs.bsize = kBlockBytes;
  statfs.frsize = kBlockBytes;
  statfs.namelen = 255;
  return payload(protocol::encode_statfs(statfs));
}

fuse_attr ImageTree::attr_of(std::uint64_t node) const {
  const auto mtime = static_cast<std::uint64_t>(facts_.mtime);
  fuse_attr attr{};
  attr.ino = node;
  attr.atime = attr.mtime = attr.ctime = mtime;
  attr.uid = facts_.uid;
  attr.gid = facts_.gid;
  attr.blksize = kBlockBytes;
  if (node == kRootNode) {
    // Whoever can read the image sees every file in it whatever its mode says: root only.
    attr.mode = S_IFDIR | 0500;
    attr.nlink = 2;
  } else {
    attr.mode = S_IFREG | 0400;
    attr.nlink = 1;
    attr.size = facts_.image_bytes;
    attr.blocks = round_up(facts_.image_bytes, kBlockBytes) / 512;
  }
  return attr;
}

}  // namespace shoal::fuse
