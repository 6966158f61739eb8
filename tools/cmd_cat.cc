// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "commands.h"
#include "flags.h"
#include "read_file.h"
#include "target.h"

namespace shoal::tools {
namespace {

struct CatFlags {
  std::vector<std::string> targets;
  StoreFlags store;
  ReadFlags read;
};

Result<void> cat_one(Volume& volume, const std::string& path, std::chrono::seconds timeout,
                     const Io& io) {
  SHOAL_TRY(const auto entry, volume.find(path));
  if (entry.is_directory)
    return fail(ErrorCode::bad_input, "it is a directory", "List it with `shoal ls`.");
  return read_file(volume, entry, timeout, [&](ByteSpan bytes) -> Result<void> {
    if (std::fwrite(bytes.data(), 1, bytes.size(), io.out) != bytes.size())
      return fail(ErrorCode::io, std::string("write standard output: ") + std::strerror(errno));
    return {};
  });
}

int run_cat(const CatFlags& flags, const Io& io) {
  int exit_code = kExitOk;
  std::unique_ptr<Volume> volume;
  std::filesystem::path opened;  // directory of `volume`
  for (const std::string& text : flags.targets) {
    const auto done = [&]() -> Result<void> {
      SHOAL_TRY(const auto target, inner_target(text, flags.store, /*is_directory=*/false));
      if (!volume || opened != target.volume) {
        volume.reset();
        SHOAL_TRY(volume, open_target(target, flags.read, io));
        opened = target.volume;
      }
      return cat_one(*volume, target.path, flags.read.io_timeout(), io);
    }();
    if (!done) {
      complain(io, Error(done.error()).with_context("cat " + text));
      exit_code = kExitFailed;
    }
  }
  return exit_code;
}

}  // namespace

void add_cat(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<CatFlags>();
  CLI::App* command = app.add_subcommand("cat", "Print files, without a mount");
  command->footer(R"(Examples:
  shoal cat s3://market-data/minute-bars/AAPL/2026-01-02.csv
  shoal cat --volume /data/bars AAPL/2026-01-02.csv MSFT/2026-01-02.csv)");
  command
      ->add_option("target", flags->targets,
                   "URLs of objects; with --volume, paths in that dataset")
      ->required();
  add_store_flags(*command, flags->store);
  add_read_flags(*command, flags->read);
  command->callback([flags, &io, &exit_code] { exit_code = run_cat(*flags, io); });
}

}  // namespace shoal::tools
