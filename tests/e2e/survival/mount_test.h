// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "e2e/survival/dataset.h"
#include "frontend/fuse/host_check.h"
#include "frontend/fuse/mount.h"
#include "sys/file.h"
#include "sys/mount.h"

namespace shoal::survival {

// Polls until `condition` holds; the bound only ends a test that has failed.
inline bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    ::poll(nullptr, 0, 5);
  }
  return true;
}

// A dataset for the suite, and a place to mount it: nothing may be left there after a test. Skips
// where the machine cannot mount.
class MountTest : public testing::Test {
 public:
  static void SetUpTestSuite() {
    if (fuse::check_kernel()) dataset = new Dataset;
  }
  static void TearDownTestSuite() {
    delete dataset;
    dataset = nullptr;
  }

 protected:
  void SetUp() override {
    if (const auto able = fuse::check_kernel(); !able) GTEST_SKIP() << able.error().to_string();
    mount_point_ = dataset->directory() / "mnt";
    runtime_ = dataset->directory() / "run";
    std::filesystem::create_directories(mount_point_);
    std::filesystem::remove(dataset->directory() / "log");
  }
  void TearDown() override {
    if (dataset == nullptr) return;
    if (std::filesystem::exists(paths().state))
      if (const auto gone = fuse::unmount(runtime_, mount_point_, true); !gone)
        ADD_FAILURE() << gone.error().to_string();
    expect_nothing_left();
    if (HasFailure()) std::cerr << log_text();
  }

  static std::vector<std::string> self(std::initializer_list<std::string> words) {
    std::vector<std::string> command{"/proc/self/exe"};
    command.insert(command.end(), words);
    return command;
  }
  fuse::KeeperOptions options(std::initializer_list<std::string> extra = {}) const {
    fuse::KeeperOptions options;
    options.mount_point = mount_point_;
    options.runtime_directory = runtime_;
    options.volume = "/nowhere";
    options.source = "s3://bucket/prefix";
    options.server_command = self({"serve", "--image", dataset->image().string()});
    options.server_command.insert(options.server_command.end(), extra);
    options.log_file = dataset->directory() / "log";
    return options;
  }
  fuse::MountState mount(const fuse::KeeperOptions& how) {
    auto state = fuse::mount(how, self({"keeper"}));
    EXPECT_TRUE(state) << state.error().to_string();
    return state ? *state : fuse::MountState{};
  }
  fuse::MountPaths paths() const { return fuse::mount_paths(runtime_, mount_point_); }
  fuse::MountState state() const {
    return fuse::load_mount_state(paths().state).value_or(fuse::MountState{});
  }
  std::string log_text() const {
    return sys::read_text_file(dataset->directory() / "log", 8u << 20).value_or("");
  }
  void expect_nothing_left() const {
    EXPECT_FALSE(*sys::is_mount_point(mount_point_));
    EXPECT_FALSE(*sys::is_mount_point(paths().fuse));
    EXPECT_FALSE(std::filesystem::exists(paths().state));
    EXPECT_FALSE(std::filesystem::exists(paths().lock));
    EXPECT_FALSE(std::filesystem::exists(paths().directory));
  }
  // Kills the server and waits until another one runs.
  void kill_server() const {
    const auto victim = state().server;
    ASSERT_GT(victim.pid, 0);
    ASSERT_EQ(::kill(victim.pid, SIGKILL), 0);
    ASSERT_TRUE(eventually([&] {
      const auto now = state().server;
      return now.pid > 0 && !(now == victim) && fuse::is_alive(now);
    }));
  }
  void expect_exact(const ReadAllResult& result) const {
    EXPECT_EQ(result.files, dataset->files().size());
    for (const std::string& error : result.errors) ADD_FAILURE() << error;
  }
  static inline Dataset* dataset = nullptr;
  std::filesystem::path mount_point_;
  std::filesystem::path runtime_;
};

}  // namespace shoal::survival
