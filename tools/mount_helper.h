// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace CLI {
class App;
}

// mount.shoal: what mount(8), and systemd through it, runs for the type `shoal`. It is this program
// under another name, and turns
//
//   mount.shoal s3://b/p /mnt/p -o ro,_netdev,cache-size=50G
//
// into `shoal mount --if-needed --cache-size=50G -- s3://b/p /mnt/p`.

namespace shoal::tools {

// What was asked, checked. Immutable.
struct HelperCall {
  std::vector<std::string> command;  // argv of shoal
  std::string mount_point;
  bool fake = false;     // -f: all but mounting
  bool verbose = false;  // -v
  bool no_exec = false;  // -o noexec
  bool show_help = false;
  bool show_version = false;
};

// Pure. `arguments` without the program's name; `scratch` is a parser with all commands. bad_input
// names what is unknown, with the nearest known option; unsupported: remount, another namespace.
[[nodiscard]] Result<HelperCall> parse_helper_call(std::span<const std::string> arguments,
                                                   CLI::App& scratch);

// Options of a mount that say nothing to Shoal: fstab's, systemd's, those of every mount.
[[nodiscard]] bool is_foreign_option(const std::string& name);

// The exit code is one of mount(8): 0, 1 (wrong usage), 32 (not mounted).
int run_mount_helper(int argc, const char* const* argv);

}  // namespace shoal::tools
