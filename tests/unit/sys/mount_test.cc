// SPDX-License-Identifier: Apache-2.0
// Goal: mounts are made, found and undone by system calls, and refusals say what to do.
// Method: the parsers on fixed text; real mounts in a mount namespace of the test's own, left out
// (skipped, by name) where the machine gives no rights or has no EROFS.

#include "sys/mount.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <chrono>

#include "sys/file.h"
#include "sys/process.h"
#include "temporary_directory.h"

namespace shoal::sys {
namespace {

using namespace std::chrono_literals;
using testing::TemporaryDirectory;

TEST(Mountinfo, optional_fields_and_octal_escapes_are_understood) {
  const auto entries = parse_mountinfo(
      "36 35 98:0 /mnt1 /mnt/with\\040space\\134end rw,noatime master:1 shared:2 - ext3 /dev/root "
      "rw\n"
      "nonsense line\n"
      "37 36 0:45 / /m ro - fuse.shoal s3://b/p\\011q ro,user_id=0");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].id, 36);
  EXPECT_EQ(entries[0].parent_id, 35);
  EXPECT_EQ(entries[0].device, "98:0");
  EXPECT_EQ(entries[0].mount_point, "/mnt/with space\\end");
  EXPECT_EQ(entries[0].fs_type, "ext3");
  EXPECT_EQ(entries[0].source, "/dev/root");
  EXPECT_EQ(entries[0].options, "rw,noatime,rw");
  EXPECT_EQ(entries[1].fs_type, "fuse.shoal");
  EXPECT_EQ(entries[1].source, "s3://b/p\tq");
}

TEST(Mountinfo, a_truncated_escape_or_line_is_taken_as_it_is) {
  EXPECT_TRUE(parse_mountinfo("1 2 3:4 / /m rw - ext4").empty());
  const auto entries = parse_mountinfo("1 2 3:4 / /m\\04 rw - ext4 src");
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].mount_point, "/m\\04");
}

TEST(KernelVersion, is_read_from_release_names_and_compares) {
  EXPECT_EQ(parse_kernel_version("6.12.9-amd64"), (KernelVersion{6, 12}));
  EXPECT_EQ(parse_kernel_version("6.1-rc3"), (KernelVersion{6, 1}));
  EXPECT_EQ(parse_kernel_version("six"), (KernelVersion{0, 0}));
  EXPECT_EQ(parse_kernel_version("6"), (KernelVersion{0, 0}));
  EXPECT_LT((KernelVersion{5, 19}), (KernelVersion{6, 1}));
  EXPECT_GT(kernel_version(), (KernelVersion{5, 0}));
}

TEST(MountPoint, the_system_has_proc_mounted_and_a_plain_directory_is_none) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(is_mount_point("/proc").value_or(false));
  EXPECT_TRUE(is_mount_point("/proc/").value_or(false));
  EXPECT_TRUE(is_mount_point("/").value_or(false));
  EXPECT_FALSE(is_mount_point(directory.path()).value_or(true));
  EXPECT_TRUE(kernel_has_filesystem("proc"));
  EXPECT_FALSE(kernel_has_filesystem("no-such-fs"));
}

// Real mounts, in a namespace that dies with the test program.
class RealMount : public ::testing::Test {
 protected:
  void SetUp() override {
    static const bool is_private = unshare(CLONE_NEWNS) == 0 &&
                                   ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    if (!is_private) GTEST_SKIP() << "no right to make a mount namespace";
    std::filesystem::create_directories(directory_ / "m");
  }

  // False, with the test skipped by its caller, when no image can be made or mounted here.
  bool make_image() {
    if (!kernel_has_filesystem("erofs")) return false;
    std::filesystem::create_directories(directory_ / "tree");
    EXPECT_TRUE(write_text_file(directory_ / "tree/hello", "world"));
    auto maker = Process::spawn({.arguments = {"mkfs.erofs", (directory_ / "image").string(),
                                               (directory_ / "tree").string()},
                                 .output_file = directory_ / "log"});
    if (!maker) return false;
    const auto status = maker->wait(1min);
    return status && *status && (*status)->success();
  }

  void expect_the_tree_and_unmount() {
    const auto mount_point = directory_ / "m";
    EXPECT_EQ(read_text_file(mount_point / "hello", 100).value_or(""), "world");
    EXPECT_TRUE(is_mount_point(mount_point).value_or(false));
    EXPECT_TRUE(unmount(mount_point, Unmount::now));
    EXPECT_FALSE(is_mount_point(mount_point).value_or(true));
  }

  TemporaryDirectory directory_;
};

TEST_F(RealMount, an_erofs_image_mounts_from_its_file_without_a_loop_device) {
  if (!make_image()) GTEST_SKIP() << "no EROFS or no mkfs.erofs here";
  const auto mounted = mount_erofs_file(directory_ / "image", directory_ / "m", "directio");
  if (!mounted && mounted.error().code() == ErrorCode::unsupported)
    GTEST_SKIP() << mounted.error().to_string();
  ASSERT_TRUE(mounted) << mounted.error().to_string();
  const auto mounts = read_mounts();
  ASSERT_TRUE(mounts);
  EXPECT_EQ(mounts->back().source, (directory_ / "image").string());
  EXPECT_EQ(mounts->back().fs_type, "erofs");
  expect_the_tree_and_unmount();
}

TEST_F(RealMount, an_erofs_image_mounts_through_a_loop_device_that_frees_itself) {
  if (access("/dev/loop-control", R_OK | W_OK) != 0) GTEST_SKIP() << "no loop devices here";
  if (!make_image()) GTEST_SKIP() << "no EROFS or no mkfs.erofs here";
  const auto mounted = mount_erofs_loop(directory_ / "image", directory_ / "m", "");
  ASSERT_TRUE(mounted) << mounted.error().to_string();
  const auto mounts = read_mounts();
  ASSERT_TRUE(mounts);
  EXPECT_EQ(mounts->back().source, mounted->device);
  const std::string backing = "/sys/block/" +
                              std::filesystem::path(mounted->device).filename().string() +
                              "/loop/backing_file";
  EXPECT_EQ(read_text_file(backing, 4096).value_or(""), (directory_ / "image").string() + "\n");
  expect_the_tree_and_unmount();
  EXPECT_FALSE(std::filesystem::exists(backing));
}

TEST_F(RealMount, what_is_no_image_is_refused_with_a_pointer_to_the_kernel_log) {
  if (!kernel_has_filesystem("erofs")) GTEST_SKIP() << "no EROFS here";
  ASSERT_TRUE(write_text_file(directory_ / "junk", std::string(8192, 'j')));
  const auto mounted = mount_erofs_file(directory_ / "junk", directory_ / "m", "");
  ASSERT_FALSE(mounted);
  EXPECT_FALSE(mounted.error().remedy().empty()) << mounted.error().to_string();
}

TEST_F(RealMount, a_fuse_session_mounts_and_unmounts_lazily_without_its_server) {
  const Fd fd(open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!fd.valid()) GTEST_SKIP() << "no /dev/fuse here";
  const auto mount_point = directory_ / "m";
  const auto mounted =
      mount_fuse(fd.get(), mount_point, "s3://bucket/a prefix", {.max_read_bytes = 1 << 20});
  ASSERT_TRUE(mounted) << mounted.error().to_string();
  const auto mounts = read_mounts();
  ASSERT_TRUE(mounts);
  EXPECT_EQ(mounts->back().mount_point, mount_point);
  EXPECT_EQ(mounts->back().fs_type, "fuse.shoal");
  EXPECT_EQ(mounts->back().source, "s3://bucket/a prefix");
  EXPECT_TRUE(is_mount_point(mount_point).value_or(false));  // nobody answers: must not touch it
  EXPECT_TRUE(unmount(mount_point, Unmount::lazy));
  EXPECT_FALSE(is_mount_point(mount_point).value_or(true));
}

TEST_F(RealMount, unmounting_what_is_not_mounted_or_in_use_says_so) {
  const auto mount_point = directory_ / "m";
  const auto nothing = unmount(mount_point, Unmount::now);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code(), ErrorCode::not_found);
  ASSERT_EQ(::mount("none", mount_point.c_str(), "tmpfs", 0, nullptr), 0);
  {
    const auto user = File::open(mount_point / "f", File::Mode::create);
    ASSERT_TRUE(user);
    const auto busy = unmount(mount_point, Unmount::now);
    ASSERT_FALSE(busy);
    EXPECT_EQ(busy.error().code(), ErrorCode::precondition);
    EXPECT_NE(busy.error().remedy().find("fuser"), std::string::npos);
  }
  EXPECT_TRUE(unmount(mount_point, Unmount::now));
}

}  // namespace
}  // namespace shoal::sys
