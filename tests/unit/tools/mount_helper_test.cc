// SPDX-License-Identifier: Apache-2.0
// Goal: every line that mount(8), fstab and systemd can make is understood or refused by name.
// Method: the arguments of mount.shoal, turned into a command of shoal, which is not run.
#include "tools/mount_helper.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "tools/commands.h"

namespace shoal::tools {
namespace {

class MountHelper : public testing::Test {
 protected:
  // The command line, words joined by blanks; what is wrong when it is refused.
  std::string command(std::vector<std::string> arguments) {
    int unused = 0;
    const Io io = Io::of_process();
    const auto call = parse_helper_call(arguments, *make_app(io, unused));
    if (!call) return call.error().to_string();
    std::string text;
    for (const std::string& word : call->command) text += (text.empty() ? "" : " ") + word;
    return text;
  }
  std::string options(const std::string& list) {
    return command({"s3://b/p", "/mnt/p", "-o", list});
  }
  static constexpr const char* kPlain = "shoal mount --if-needed -- s3://b/p /mnt/p";
};

TEST_F(MountHelper, what_mount_passes_on_its_own_means_nothing) {
  EXPECT_EQ(command({"s3://b/p", "/mnt/p"}), kPlain);
  EXPECT_EQ(options("rw"), kPlain);
  EXPECT_EQ(options("ro,_netdev,nofail,defaults,noatime,user=alice,x-systemd.automount,"
                    "x-systemd.mount-timeout=10min,comment=my disk,nosuid,nodev"),
            kPlain);
  EXPECT_EQ(command({"-n", "-t", "shoal", "s3://b/p", "-sv", "/mnt/p", "-orw"}), kPlain);
}

TEST_F(MountHelper, options_are_the_long_flags_of_mount) {
  EXPECT_EQ(options("cache-size=50G,io_timeout=5"),
            "shoal mount --if-needed --cache-size=50G --io-timeout=5 -- s3://b/p /mnt/p");
  EXPECT_EQ(options("no-prefetch"),
            "shoal mount --if-needed --no-prefetch=true -- s3://b/p /mnt/p");
  EXPECT_EQ(options("cache-size=1G,cache-size=2G"),
            "shoal mount --if-needed --cache-size=2G -- s3://b/p /mnt/p");
  EXPECT_EQ(options("config=/etc/other.toml"),
            "shoal --config /etc/other.toml mount --if-needed -- s3://b/p /mnt/p");
  EXPECT_EQ(options("profile=a\\,b"), "shoal mount --if-needed --profile=a,b -- s3://b/p /mnt/p");
  EXPECT_EQ(options("profile=\"a,b\",uid=1"),
            "shoal mount --if-needed --profile=a,b --uid=1 -- s3://b/p /mnt/p");
  EXPECT_EQ(command({"s3://b/p", "/mnt/p", "-o", "uid=1", "-o", "gid=2"}),
            "shoal mount --if-needed --uid=1 --gid=2 -- s3://b/p /mnt/p");
}

TEST_F(MountHelper, what_it_cannot_do_is_refused_by_name) {
  EXPECT_NE(options("cache-sise=1G").find("Did you mean cache-size?"), std::string::npos);
  EXPECT_EQ(command({"-s", "s3://b/p", "/mnt/p", "-o", "cache-sise=1G"}), kPlain) << "sloppy";
  EXPECT_NE(options("cache-size=lots").find("not a size"), std::string::npos);
  EXPECT_NE(options("cache-size").find("needs a value"), std::string::npos);
  EXPECT_NE(options("foreground").find("no such option"), std::string::npos);
  EXPECT_NE(options("remount,ro").find("cannot be changed"), std::string::npos);
  EXPECT_NE(options("secret_access_key=x").find("credentials-file"), std::string::npos);
  EXPECT_NE(options("context=\"system_u:object_r:tmp_t\"").find("no such option"),
            std::string::npos)
      << "a label that is not set must not be taken as set";
  EXPECT_NE(options("profile=\"a").find("quote"), std::string::npos);
  EXPECT_NE(command({"s3://b/p"}).find("source and a directory"), std::string::npos);
  EXPECT_NE(command({"s3://b/p", "/mnt/p", "-N", "7"}).find("namespace"), std::string::npos);
  EXPECT_NE(command({"s3://b/p", "/mnt/p", "-x"}).find("-x"), std::string::npos);
  EXPECT_NE(command({"s3://b/p", "/mnt/p", "-o"}).find("needs a value"), std::string::npos);
}

TEST_F(MountHelper, switches_are_kept) {
  int unused = 0;
  const Io io = Io::of_process();
  const auto call = parse_helper_call(
      std::vector<std::string>{"s3://b/p", "/mnt/p", "-fv", "-o", "noexec"}, *make_app(io, unused));
  ASSERT_TRUE(call);
  EXPECT_TRUE(call->fake);
  EXPECT_TRUE(call->verbose);
  EXPECT_TRUE(call->no_exec);
  EXPECT_EQ(call->mount_point, "/mnt/p");
}

}  // namespace
}  // namespace shoal::tools
