// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "commands.h"
#include "mount_helper.h"

int main(int argc, char** argv) {
  const std::string_view called = argc > 0 ? argv[0] : "";
  if (called.ends_with("mount.shoal")) return shoal::tools::run_mount_helper(argc, argv);
  const auto io = shoal::tools::Io::of_process();
  return shoal::tools::run_shoal(argc, argv, io);
}
