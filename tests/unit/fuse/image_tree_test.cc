// SPDX-License-Identifier: Apache-2.0
// Goal: the kernel sees one read-only file of the image's size, and every request gets an answer.
// Method: requests as bytes, answers decoded with the kernel's structures.
#include "frontend/fuse/image_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <set>

#include "frontend/fuse/bounds.h"
#include "unit/fuse/request_bytes.h"

namespace shoal::fuse {
namespace {

using Kind = Answer::Kind;
constexpr std::uint64_t kImageBytes = (1ull << 36) + 123;

Answer ask(const std::vector<std::byte>& bytes) {
  const ImageTree tree({.image_bytes = kImageBytes, .mtime = 17});
  return tree.answer(protocol::decode_request(bytes).value());
}

Answer open_with(std::uint32_t flags, std::uint64_t node = 2) {
  fuse_open_in body{};
  body.flags = flags;
  return ask(request_with(FUSE_OPEN, 1, node, body));
}

TEST(ImageTree, knows_one_name) {
  const auto found = ask(request_bytes(FUSE_LOOKUP, 1, 1, as_bytes(std::string_view("image", 6))));
  EXPECT_EQ(found.error, 0);
  const auto entry = load_struct<fuse_entry_out>(found.payload);
  EXPECT_EQ(entry.nodeid, 2u);
  EXPECT_EQ(entry.attr.size, kImageBytes);
  EXPECT_EQ(entry.attr.mode, static_cast<std::uint32_t>(S_IFREG | 0400));
  EXPECT_EQ(ask(request_bytes(FUSE_LOOKUP, 1, 1, as_bytes(std::string_view("other", 6)))).error,
            ENOENT);
  EXPECT_EQ(ask(request_bytes(FUSE_LOOKUP, 1, 2, as_bytes(std::string_view("image", 6)))).error,
            ENOTDIR);
  EXPECT_EQ(ask(request_bytes(FUSE_LOOKUP, 1, 1, as_bytes("image"))).error, EINVAL);
}

TEST(ImageTree, shows_attributes_of_its_two_nodes) {
  const auto root = load_struct<fuse_attr_out>(ask(request_bytes(FUSE_GETATTR, 1, 1)).payload);
  EXPECT_EQ(root.attr.mode, static_cast<std::uint32_t>(S_IFDIR | 0500));
  EXPECT_EQ(root.attr.mtime, 17u);
  EXPECT_GT(root.attr_valid, 0u);
  EXPECT_EQ(ask(request_bytes(FUSE_GETATTR, 1, 3)).error, ESTALE);
}

TEST(ImageTree, opens_for_reading_only) {
  const auto kept = load_struct<fuse_open_out>(open_with(O_RDONLY).payload);
  EXPECT_EQ(kept.open_flags, static_cast<std::uint32_t>(FOPEN_KEEP_CACHE));
  for (const std::uint32_t flags : {O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC})
    EXPECT_EQ(open_with(flags).error, EROFS) << flags;
  EXPECT_EQ(open_with(O_RDONLY, 1).error, EISDIR);
  EXPECT_EQ(open_with(O_RDONLY, 9).error, ESTALE);
}

TEST(ImageTree, clips_reads_at_the_end_of_the_image) {
  const auto inside = ask(read_request(1, 4096, 65536));
  EXPECT_EQ(inside.kind, Kind::read);
  EXPECT_EQ(inside.read.offset, 4096u);
  EXPECT_EQ(inside.read.bytes, 65536u);
  EXPECT_EQ(ask(read_request(1, kImageBytes - 100, 4096)).read.bytes, 100u);
  for (const std::uint64_t offset :
       std::initializer_list<std::uint64_t>{kImageBytes, kImageBytes + 1, ~0ull, ~0ull - 4095}) {
    const auto beyond = ask(read_request(1, offset, 4096));
    EXPECT_EQ(beyond.kind, Kind::reply);
    EXPECT_EQ(beyond.error, 0);
    EXPECT_TRUE(beyond.payload.empty());
  }
  EXPECT_EQ(ask(read_request(1, 0, bounds::kReadBytes)).kind, Kind::read);
  EXPECT_EQ(ask(read_request(1, 0, bounds::kReadBytes + 1)).error, EINVAL);
  EXPECT_EQ(ask(read_request(1, 0, 10, 1)).error, EISDIR);
}

TEST(ImageTree, lists_its_root_also_in_pieces) {
  const auto list = [](std::uint64_t offset, std::uint32_t bytes) {
    fuse_read_in body{};
    body.offset = offset;
    body.size = bytes;
    return ask(request_with(FUSE_READDIR, 1, 1, body)).payload;
  };
  EXPECT_EQ(list(0, 4096).size(), 3u * 32);
  EXPECT_EQ(list(0, 70).size(), 2u * 32);
  const auto last = list(2, 4096);
  ASSERT_EQ(last.size(), 32u);
  EXPECT_EQ(as_text(ByteSpan(last).subspan(sizeof(fuse_dirent), 5)), "image");
  EXPECT_TRUE(list(3, 4096).empty());
  EXPECT_TRUE(list(~0ull, 4096).empty());
}

TEST(ImageTree, refuses_every_change) {
  for (const std::uint32_t opcode :
       {FUSE_SETATTR, FUSE_SYMLINK, FUSE_MKNOD, FUSE_MKDIR, FUSE_UNLINK, FUSE_RMDIR, FUSE_RENAME,
        FUSE_RENAME2, FUSE_LINK, FUSE_WRITE, FUSE_CREATE, FUSE_TMPFILE, FUSE_FALLOCATE,
        FUSE_SETXATTR, FUSE_REMOVEXATTR})
    EXPECT_EQ(ask(request_bytes(opcode, 1, 2)).error, EROFS) << opcode;
}

TEST(ImageTree, answers_every_opcode_and_every_empty_body) {
  const std::set<std::uint32_t> silent{FUSE_FORGET, FUSE_BATCH_FORGET};
  for (std::uint32_t opcode = 0; opcode < 100; ++opcode) {
    const auto answer = ask(request_bytes(opcode, 1, 1));
    EXPECT_EQ(answer.kind == Kind::none, silent.contains(opcode)) << opcode;
    EXPECT_NE(answer.kind, Kind::read) << opcode;
  }
  EXPECT_EQ(ask(request_bytes(FUSE_GETXATTR, 1, 2)).error, ENOSYS);
  EXPECT_EQ(ask(request_bytes(FUSE_INTERRUPT, 1, 0)).error, ENOSYS);
  EXPECT_EQ(ask(request_bytes(FUSE_INIT, 1, 0)).kind, Kind::init);
  EXPECT_EQ(ask(request_bytes(FUSE_DESTROY, 1, 0)).kind, Kind::destroy);
}

}  // namespace
}  // namespace shoal::fuse
