// SPDX-License-Identifier: Apache-2.0
// Goal: show what each way to read the image costs, beside a plain EROFS mount of the same file.
// Method: every combination is mounted afresh (nothing of it cached) and read completely by one and
// by eight readers; bytes are compared, numbers are printed, none is asserted.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <optional>
#include <string_view>

#include "e2e/survival/dataset.h"
#include "frontend/fuse/host_check.h"
#include "frontend/fuse/mount.h"
#include "sys/mount.h"

namespace shoal::survival {
namespace {

namespace fs = std::filesystem;

class Throughput : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto able = fuse::check_kernel(); !able) GTEST_SKIP() << able.error().to_string();
    if (sys::kernel_version() < sys::KernelVersion{6, 13}) GTEST_SKIP() << "needs Linux 6.13";
    dataset_.emplace();
    mount_point_ = dataset_->directory() / "mnt";
    fs::create_directories(mount_point_);
  }

  static double rate(const ReadAllResult& result) {
    for (const std::string& error : result.errors) ADD_FAILURE() << error;
    return static_cast<double>(result.files) / result.seconds;
  }
  // Megabytes per second of one reader of the 64 MiB file.
  double big_rate() const {
    std::string buffer(1u << 20, '\0');
    const int file = ::open((mount_point_ / "big").c_str(), O_RDONLY | O_CLOEXEC);
    const auto started = std::chrono::steady_clock::now();
    std::uint64_t bytes = 0;
    for (ssize_t count = 0; (count = ::read(file, buffer.data(), buffer.size())) > 0;)
      bytes += static_cast<std::uint64_t>(count);
    ::close(file);
    EXPECT_EQ(bytes, 64u << 20);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    return static_cast<double>(bytes) / 1e6 / took.count();
  }

  // Mounts, measures one thing, unmounts.
  using Measure = std::function<double()>;
  double plain(const char* options, const Measure& measure) const {
    const auto mounted = sys::mount_erofs_file(dataset_->image(), mount_point_, options);
    EXPECT_TRUE(mounted) << mounted.error().to_string();
    const double value = measure();
    EXPECT_TRUE(sys::unmount(mount_point_, sys::Unmount::now));
    return value;
  }
  double served(fuse::Carrier carrier, const char* delay_us, const Measure& measure) const {
    fuse::KeeperOptions options;
    options.mount_point = mount_point_;
    options.runtime_directory = dataset_->directory() / "run";
    options.source = "throughput";
    options.server_command = {"/proc/self/exe",           "serve",      "--image",
                              dataset_->image().string(), "--delay-us", delay_us};
    options.log_file = dataset_->directory() / "log";
    options.carrier = carrier;
    const auto mounted = fuse::mount(options, {"/proc/self/exe", "keeper"});
    EXPECT_TRUE(mounted) << mounted.error().to_string();
    const double value = measure();
    const auto gone = fuse::unmount(options.runtime_directory, mount_point_, false);
    EXPECT_TRUE(gone) << gone.error().to_string();
    return value;
  }

  // files/s of 1 and 8 readers cold, the same 8 again warm, MB/s of the big file; the best of
  // three, because machines that run tests do other things, too.
  struct Row {
    double one = 0, eight = 0, warm = 0, big = 0;
  };
  template <typename Mounted>
  Row row(const Mounted& mounted, int times) const {
    const auto small = [&](unsigned threads) {
      return rate(read_all(*dataset_, mount_point_, threads, true));
    };
    Row best;
    for (int i = 0; i < times; ++i) {
      best.one = std::max(best.one, mounted([&] { return small(1); }));
      best.eight = std::max(best.eight, mounted([&] { return small(8); }));
      best.warm = std::max(best.warm, mounted([&] { return small(8), small(8); }));
      best.big = std::max(best.big, mounted([&] { return big_rate(); }));
    }
    return best;
  }
  static void print(const std::string& name, const Row& row) {
    std::printf("%-44s %8.0f %8.0f %8.0f %8.0f\n", name.c_str(), row.one, row.eight, row.warm,
                row.big);
  }

  std::optional<Dataset> dataset_;
  fs::path mount_point_;
};

TEST_F(Throughput, of_every_carrier_beside_a_plain_mount) {
  std::printf("%-44s %8s %8s %8s %8s\n", "3000 files of 0-50 KB; files/s, MB/s", "1 cold", "8 cold",
              "8 warm", "big MB/s");
  for (const char* options : {"", "directio"})
    print(std::string("plain EROFS ") + options,
          row([&](const Measure& measure) { return plain(options, measure); }, 3));
  for (const char* delay_us : {"0", "500"})
    for (const auto carrier :
         {fuse::Carrier::file_directio, fuse::Carrier::file_buffered, fuse::Carrier::loop})
      print(std::string(fuse::name_of(carrier)) + " delay " + delay_us + " us",
            row([&](const Measure& measure) { return served(carrier, delay_us, measure); },
                delay_us == std::string_view("0") ? 3 : 1));
}

}  // namespace
}  // namespace shoal::survival
