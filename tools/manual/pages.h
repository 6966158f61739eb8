// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

// The manual, made from the same texts as --help, so that the two cannot differ: shoal(1), a page
// for each command, shoal.toml(5), mount.shoal(8). Pure.

namespace shoal::tools {

struct ManualPage {
  std::string name;  // "shoal-mount"
  int section = 1;
  std::string text;  // man(7)
};

// `date` as in the title of the pages: "2026-01-31".
[[nodiscard]] std::vector<ManualPage> manual_pages(CLI::App& app, const std::string& date,
                                                   const std::string& version);

// The page of a daemon that is another program, from the text of its --help.
[[nodiscard]] ManualPage page_of_help(const std::string& program, const std::string& help,
                                      const std::string& date, const std::string& version);

// The name of a command's page: "shoal-index-build"; "shoal" for the program.
[[nodiscard]] std::string page_name(const CLI::App& command);
// 8 for what only an administrator starts.
[[nodiscard]] int page_section(const CLI::App& command);

}  // namespace shoal::tools
