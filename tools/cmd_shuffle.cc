// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "commands.h"
#include "control/client.h"
#include "display.h"
#include "flags.h"
#include "index/index.h"
#include "mounts.h"
#include "progress.h"
#include "volume/prepare.h"
#include "volume/shuffled_files.h"

namespace shoal::tools {
namespace {

struct ShuffleFlags {
  std::string target;
  StoreFlags store;
  ShuffledEpoch epoch;
  std::string group_size = "128M";
  std::string absolute;
  bool null_separated = false;
  bool announce = true;
  bool append = false;
};

Result<void> announce(const LiveTarget& live, const ShuffleFlags& flags) {
  ReadOrder order;
  order.shuffle = flags.epoch;
  order.append = flags.append;
  auto told = control::announce_order(live.mount->control_socket, order, std::chrono::seconds(10));
  if (told) return {};
  return fail(std::move(told).error().with_context(
      "tell the server of " + live.mount->mount_point.string() + " the order"));
}

// What the rule needs to know of a volume; read beside whoever owns it.
struct Numbered {
  std::unique_ptr<index::Index> index;
  format::DatasetRecord dataset;
  format::GenerationRecord generation;
};

Result<Numbered> open_numbered(const std::filesystem::path& directory) {
  Numbered numbered;
  SHOAL_TRY(numbered.index, index::Index::open(directory / "index", index::Index::Mode::read_only));
  SHOAL_TRY(auto dataset, numbered.index->dataset());
  SHOAL_TRY(auto generation, numbered.index->generation());
  if (!dataset || !generation)
    return fail(ErrorCode::not_found, "volume " + directory.string() + " is not finished",
                "Run `shoal index build` for the dataset first.");
  numbered.dataset = std::move(*dataset);
  numbered.generation = *generation;
  return numbered;
}

// Returns how many files have no place in the order: those without bytes.
Result<std::uint64_t> print_paths(const Numbered& numbered, const ShuffleFlags& flags,
                                  const Io& io) {
  SHOAL_TRY(auto shuffled,
            volume::ShuffledFiles::create(*numbered.index, numbered.dataset.geometry,
                                          numbered.generation.data_end, flags.epoch));
  const bool has_end = flags.absolute.empty() || flags.absolute.ends_with('/');
  const std::string prefix = has_end ? flags.absolute : flags.absolute + "/";
  std::vector<volume::ShuffledFiles::File> files;
  for (;;) {
    SHOAL_TRY(const bool more, shuffled.next_group(files));
    if (!more) break;
    for (const auto& file : files) {
      const std::string line = prefix + file.path + (flags.null_separated ? '\0' : '\n');
      if (std::fwrite(line.data(), 1, line.size(), io.out) != line.size())
        return fail(ErrorCode::io, std::string("write standard output: ") + std::strerror(errno));
    }
  }
  return numbered.generation.files - std::min(numbered.generation.files, shuffled.file_count());
}

Result<void> shuffle(ShuffleFlags& flags, const Io& io) {
  if (!parse_bytes(flags.group_size, flags.epoch.group_bytes) || flags.epoch.group_bytes == 0)
    return fail(ErrorCode::bad_input, "--group-size " + flags.group_size + ": not a size",
                "Write it like 128M.");
  SHOAL_TRY(const auto live, live_target(flags.target, flags.store));
  if (!live.target.path.empty())
    return fail(ErrorCode::bad_input,
                "\"" + live.target.path +
                    "\" is only a part of the dataset, and an epoch goes "
                    "through all of it",
                "Name the mount point, the volume or the dataset's URL itself.");
  if (!live.mount && !volume::is_volume(live.target.volume)) {
    remark(io, "no index of " + live.target.location.to_url() + " yet, building it");
    SHOAL_CHECK_OK(
        prepare_with_progress(live.target, image::WriteOptions{}, /*rebuild=*/false, io));
  }
  SHOAL_TRY(const auto numbered, open_numbered(live.target.volume));
  // First: readers follow the paths as they are printed.
  if (live.mount && flags.announce) SHOAL_CHECK_OK(announce(live, flags));
  SHOAL_TRY(const std::uint64_t files_empty, print_paths(numbered, flags, io));
  if (files_empty > 0)
    remark(io, fmt::format("note: {} empty files are left out: they have no place in the order",
                           grouped(files_empty)));
  return {};
}

}  // namespace

void add_shuffle(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<ShuffleFlags>();
  CLI::App* command =
      app.add_subcommand("shuffle", "Print the files of a shuffled epoch, kind to the cache");
  command->footer(R"(Examples:
  shoal shuffle /mnt/images --seed 42 --epoch 3 --absolute /mnt/images > epoch-3.txt
  shoal shuffle /mnt/images --seed 42 --epoch 4 --append >> order.txt
  shoal shuffle s3://b/images --seed 1 --epoch 0 --null | xargs -0 -n 1 train

Every machine with the same index prints the same. Chunks are shuffled in groups, and the files of a
group among each other, so that a reader needs one group at a time. The server of a mount is told
the order and fetches ahead in it. Empty files are left out. The rule, to compute it elsewhere, is
in README, "Shuffled epochs".)");
  command->add_option("target", flags->target, "A mount point, a volume's directory, or a URL")
      ->required();
  command->add_option("--seed", flags->epoch.seed, "Of the training run")
      ->type_name("N")
      ->required();
  command->add_option("--epoch", flags->epoch.epoch, "Number of the pass through the data")
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--group-size", flags->group_size,
                   "How much data is mixed at a time; more is more random, and needs more cache")
      ->type_name("SIZE")
      ->capture_default_str();
  command->add_option("--absolute", flags->absolute, "Put this directory in front of each path")
      ->type_name("DIR");
  command->add_flag("-0,--null", flags->null_separated, "Zero bytes instead of line ends");
  command->add_flag("!--no-announce", flags->announce, "Do not tell the server of the mount");
  command->add_flag("--append", flags->append,
                    "Announce it as what comes behind the order in force");
  add_store_flags(*command, flags->store);
  command->callback([flags, &io, &exit_code] {
    const auto done = shuffle(*flags, io);
    if (!done) complain(io, Error(done.error()).with_context("shuffle " + flags->target));
    exit_code = done ? kExitOk : kExitFailed;
  });
}

}  // namespace shoal::tools
