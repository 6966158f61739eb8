// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "commands.h"
#include "display.h"
#include "flags.h"
#include "target.h"

namespace shoal::tools {
namespace {

struct LsFlags {
  std::string target;
  StoreFlags store;
  bool all_details = false;
  bool recursive = false;
  bool human = false;
  bool json = false;
};

void print_entry(const Io& io, const LsFlags& flags, const std::string& path,
                 const DirectoryEntry& entry) {
  if (flags.json) {
    const nlohmann::ordered_json line{{"path", path},
                                      {"type", entry.is_directory ? "directory" : "file"},
                                      {"size", entry.size},
                                      {"mtime", entry.mtime}};
    fmt::print(io.out, "{}\n",
               line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    return;
  }
  const std::string name = entry.is_directory ? path + "/" : path;
  const std::string shown = io.out_is_terminal ? printable(name) : name;
  if (!flags.all_details && !flags.human) {
    fmt::print(io.out, "{}\n", shown);
    return;
  }
  const auto time = static_cast<std::time_t>(entry.mtime);
  std::tm calendar{};
  localtime_r(&time, &calendar);
  char stamp[32] = "                -";
  if (entry.mtime != 0) std::strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &calendar);
  const std::string size = entry.is_directory ? "-"
                           : flags.human      ? human_bytes(entry.size)
                                              : std::to_string(entry.size);
  fmt::print(io.out, "{:>12}  {:<19}  {}\n", size, stamp, shown);
}

// Depth-first without recursion on the stack: a directory's subdirectories are visited after its
// own entries have been printed, in order.
Result<void> list_tree(Volume& volume, const LsFlags& flags, const std::string& root,
                       const Io& io) {
  std::vector<std::string> pending{root};
  while (!pending.empty()) {
    const std::string directory = std::move(pending.back());
    pending.pop_back();
    std::vector<std::string> below;
    SHOAL_CHECK_OK(volume.list(directory, [&](const DirectoryEntry& entry) {
      const std::string path = directory.empty() ? entry.name : directory + "/" + entry.name;
      const std::string shown = flags.recursive && path.size() > root.size() && !root.empty()
                                    ? path.substr(root.size() + 1)
                                    : (flags.recursive ? path : entry.name);
      print_entry(io, flags, shown, entry);
      if (flags.recursive && entry.is_directory) below.push_back(path);
      return true;
    }));
    pending.insert(pending.end(), below.rbegin(), below.rend());
  }
  return {};
}

Result<void> list_target(const LsFlags& flags, const Io& io) {
  if (flags.target.empty() && flags.store.volume.empty())
    return fail(ErrorCode::bad_input, "nothing was named",
                "Give a URL such as s3://bucket/prefix, a volume's directory, or --volume.");
  SHOAL_TRY(const auto target, inner_target(flags.target, flags.store, /*is_directory=*/true));
  SHOAL_TRY(const auto volume, open_target(target, ReadFlags{}, io));
  SHOAL_TRY(const auto entry, volume->find(target.path));
  if (!entry.is_directory) {
    print_entry(io, flags, entry.name, entry);
    return {};
  }
  return list_tree(*volume, flags, target.path, io);
}

}  // namespace

void add_ls(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<LsFlags>();
  CLI::App* command = app.add_subcommand("ls", "List a directory of a dataset, without a mount");
  command->footer(R"(Examples:
  shoal ls s3://market-data/minute-bars
  shoal ls -l s3://market-data/minute-bars/AAPL
  shoal ls -R /var/lib/shoal/volumes/market-data-1a2b3c4d
  shoal ls --volume /data/bars AAPL

Where no index holds the URL yet, one is built first: name a prefix, not a whole bucket.)");
  command->add_option(
      "target", flags->target,
      "URL or volume directory; with --volume, a path in that dataset (default: its top)");
  command->add_flag("-l,--long", flags->all_details, "Size and time (local) too");
  command->add_flag("-H,--human", flags->human, "Sizes like 4.0 KiB; implies -l");
  command->add_flag("-R,--recursive", flags->recursive, "Everything below");
  command->add_flag("--json", flags->json, "One JSON object per line");
  add_store_flags(*command, flags->store);
  command->callback([flags, &io, &exit_code] {
    const auto done = list_target(*flags, io);
    const std::string what = flags->target.empty() ? flags->store.volume.string() : flags->target;
    if (!done) complain(io, Error(done.error()).with_context(what.empty() ? "ls" : "ls " + what));
    exit_code = done ? kExitOk : kExitFailed;
  });
}

}  // namespace shoal::tools
