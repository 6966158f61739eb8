// SPDX-License-Identifier: Apache-2.0
// Goal: whoever asks for a mount, waits for it, looks at it or gives it up, at the same time as
// others do: nothing is left, nobody hangs, and nothing is used after its end (ThreadSanitizer).
// Method: the real class; a script takes the place of `shoal`, which lists, and cannot mount.

#include "agent/mounts.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "unit/sys/temporary_directory.h"

namespace shoal::agent {
namespace {

using namespace std::chrono_literals;
using testing::TemporaryDirectory;

class MountsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(program_) << "#!/bin/sh\n"
                               "[ \"$1\" = index ] || exit 3\n"
                               "echo '{\"phase\":\"listing\",\"keys\":5,\"bytes\":1}'\n"
                               "echo '{\"generation\":1,\"files\":3,\"bytes\":9}'\n";
    ASSERT_EQ(chmod(program_.c_str(), 0755), 0);
  }
  MountPlan plan(const std::string& name) const {
    MountPlan plan{.name = name, .spec = {}, .credentials_file = {}, .places = {}};
    plan.spec.source = "s3://b/data";
    plan.places.program = program_;
    plan.places.runtime_directory = directory_ / "run";
    plan.places.state_directory = directory_ / "state";
    plan.places.volumes_directory = directory_ / "volumes";
    return plan;
  }
  // Again while it is busy, as every caller.
  static bool is_removed(Mounts& mounts, const std::string& name) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    for (;;) {
      const auto removed = mounts.remove(name);
      if (removed) return true;
      if (removed.error().code() != ErrorCode::unavailable ||
          std::chrono::steady_clock::now() > deadline)
        return false;
      std::this_thread::yield();
    }
  }
  TemporaryDirectory directory_;
  const std::filesystem::path program_ = directory_ / "shoal";
  sys::ServiceManager manager_;
};

TEST_F(MountsTest, one_that_cannot_be_mounted_has_failed_and_can_be_removed) {
  Mounts mounts(manager_, [](const std::string&) {});
  mounts.ensure(plan("v"), "test");
  mounts.wait("v", 30s);
  const auto view = mounts.view("v");
  ASSERT_TRUE(view);
  EXPECT_EQ(view->phase, VolumePhase::failed);
  EXPECT_EQ(view->facts.files, 3u);
  EXPECT_NE(view->abnormal, "");
  EXPECT_TRUE(is_removed(mounts, "v"));
  EXPECT_FALSE(mounts.view("v"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_ / "run/agent/builds"));
}

TEST_F(MountsTest, an_indexed_volume_is_known_by_its_image) {
  EXPECT_FALSE(plan("v").seems_indexed());
  std::filesystem::create_directories(directory_ / "volumes/v/image");
  EXPECT_FALSE(plan("v").seems_indexed());
  std::ofstream(directory_ / "volumes/v/image/1.erofs") << "x";
  EXPECT_TRUE(plan("v").seems_indexed());
}

TEST_F(MountsTest, many_who_ask_wait_look_and_give_up_at_the_same_time) {
  Mounts mounts(manager_, [](const std::string&) {});
  std::atomic<bool> all_removed = true;
  const auto come_and_go = [&](int self) {
    for (int i = 0; i < 6; ++i) {
      const std::string name = "v" + std::to_string((self + i) % 3);
      mounts.ensure(plan(name), "test");
      mounts.wait(name, 20ms * i);
      static_cast<void>(mounts.view(name));
      static_cast<void>(mounts.counts());
      if (!is_removed(mounts, name)) all_removed = false;
    }
  };
  std::vector<std::jthread> threads;
  for (int self = 0; self < 6; ++self) threads.emplace_back(come_and_go, self);
  threads.clear();  // joins
  EXPECT_TRUE(all_removed);
  for (const char* name : {"v0", "v1", "v2"}) {
    EXPECT_TRUE(is_removed(mounts, name));
    EXPECT_FALSE(mounts.view(name));
  }
  const auto points = directory_ / "state/mounts";
  EXPECT_TRUE(!std::filesystem::exists(points) || std::filesystem::is_empty(points));
}

TEST_F(MountsTest, its_end_does_not_wait_for_listings) {
  std::ofstream(program_) << "#!/bin/sh\nexec sleep 60\n";
  const auto began = std::chrono::steady_clock::now();
  IndexBuild::Files files;
  {
    Mounts mounts(manager_, [](const std::string&) {});
    mounts.ensure(plan("v"), "test");
    mounts.wait("v", 200ms);
    files = IndexBuild::files_of(plan("v").places, "v");
    while (!IndexBuild::find(files) && std::chrono::steady_clock::now() < began + 30s)
      std::this_thread::yield();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, 30s);
  auto build = IndexBuild::find(files);
  ASSERT_TRUE(build) << "it goes on";
  build->stop();
}

}  // namespace
}  // namespace shoal::agent
