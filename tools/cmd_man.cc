// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "commands.h"
#include "manual/pages.h"
#include "sys/file.h"

namespace shoal::tools {
namespace {

struct ManFlags {
  std::filesystem::path directory;
  std::string date;
  std::vector<std::filesystem::path> help_of;
};

Result<void> write_pages(const ManFlags& flags, const Io& io) {
  const auto scratch = scratch_maker(io)();
  auto pages = manual_pages(*scratch, flags.date, SHOAL_VERSION);
  for (const auto& file : flags.help_of) {
    SHOAL_TRY(const std::string help, sys::read_text_file(file, 1 << 20));
    pages.push_back(page_of_help(file.stem().string(), help, flags.date, SHOAL_VERSION));
  }
  for (const ManualPage& page : pages) {
    const std::string number = std::to_string(page.section);
    const auto folder = flags.directory / ("man" + number);
    SHOAL_CHECK_OK(sys::make_directories(folder));
    SHOAL_TRY(auto staged, sys::StagedFile::create(folder / (page.name + "." + number)));
    SHOAL_CHECK_OK(staged.file().write_at(0, as_bytes(page.text)));
    SHOAL_CHECK_OK(staged.commit());
  }
  return {};
}

}  // namespace

void add_man(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<ManFlags>();
  CLI::App* command = app.add_subcommand("man", "Write the manual; run by the build");
  command->group("");  // not in --help
  command->add_option("directory", flags->directory, "Gets man1, man5 and man8")->required();
  command->add_option("--date", flags->date, "In the title of the pages")->required();
  command->add_option("--help-of", flags->help_of,
                      "Files named after other programs, with what their --help prints");
  command->callback([flags, &io, &exit_code] {
    const auto written = write_pages(*flags, io);
    if (!written) complain(io, written.error());
    exit_code = written ? kExitOk : kExitFailed;
  });
}

}  // namespace shoal::tools
