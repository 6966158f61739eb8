// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "commands.h"
#include "control/commands.h"
#include "display.h"
#include "flags.h"
#include "index_report.h"
#include "log_flags.h"
#include "progress.h"
#include "sys/cgroup.h"
#include "sys/oom_score.h"
#include "target.h"

namespace shoal::tools {
namespace {

struct BuildFlags {
  std::string target;
  StoreFlags store;
  OwnerFlags owner;
  std::filesystem::path cgroup;
  bool rebuild = false;
  bool json = false;
};

nlohmann::ordered_json result_json(const Target& target, const volume::PrepareResult& result) {
  return {{"volume", target.volume.string()},
          {"dataset", target.location.to_url()},
          {"generation", result.generation.generation.value},
          {"reused", result.reused},
          {"files", result.generation.files},
          {"directories", result.generation.directories},
          {"bytes", result.generation.object_bytes},
          {"special_keys", result.generation.special_keys},
          {"list_requests", result.generation.list_requests},
          {"listing_seconds", result.listing_seconds},
          {"image_seconds", result.image_seconds},
          {"metadata_bytes", result.image.metadata_bytes},
          {"image_bytes", result.image.image_bytes},
          {"listed_at", result.generation.listed_at}};
}

void print_result(const Io& io, const Target& target, const volume::PrepareResult& result) {
  const auto& generation = result.generation;
  fmt::print(io.out, "{} {}: {} files, {} directories, {}\n",
             result.reused ? "already indexed:" : "indexed", target.location.to_url(),
             grouped(generation.files), grouped(generation.directories),
             human_bytes(generation.object_bytes));
  if (!result.reused)
    fmt::print(io.out, "  {} list requests in {:.1f} s, image metadata {} in {:.1f} s\n",
               grouped(generation.list_requests), result.listing_seconds,
               human_bytes(result.image.metadata_bytes), result.image_seconds);
  if (generation.special_keys > 0)
    fmt::print(io.out,
               "  {} keys needed special treatment; list them with `shoal index report {}`\n",
               grouped(generation.special_keys), target.volume.string());
  fmt::print(io.out, "  volume {}\n", target.volume.string());
}

int run_build(const BuildFlags& flags, const Io& io) {
  const auto target = dataset_target(flags.target, flags.store);
  if (!target) {
    complain(io, target.error());
    return kExitFailed;
  }
  const auto owner = flags.owner.to_options();
  if (!owner) {
    complain(io, owner.error());
    return kExitUsage;
  }
  catch_signals();
  Result<volume::PrepareResult> result = [&]() -> Result<volume::PrepareResult> {
    if (!flags.cgroup.empty()) SHOAL_CHECK_OK(sys::join_cgroup(flags.cgroup));
    // An agent's protection is not for a listing, which goes on where it was when it is run again.
    if (sys::oom_score_adj(getpid()) < 0) sys::set_oom_score_adj(getpid(), 0);
    // Piped output gets the JSON lines; a terminal gets the bar.
    const bool bar = io.err_is_terminal && io.out_is_terminal;
    ProgressView view(bar ? io.err : io.out, bar);
    return prepare_with_view(*target, *owner, flags.rebuild, io, view);
  }();
  const bool json = flags.json || !io.out_is_terminal;
  if (!result) {
    if (json) fmt::print(io.out, "{}\n", control::encode_error(result.error()));
    complain(io, result.error());
    if (result.error().code() == ErrorCode::canceled)
      remark(io, "what was listed so far is kept; run the same command again to go on");
    return kExitFailed;
  }
  if (json)
    fmt::print(io.out, "{}\n", result_json(*target, *result).dump());
  else
    print_result(io, *target, *result);
  return kExitOk;
}

// ---- report

struct ReportFlags {
  std::string target;
  StoreFlags store;
  ReportOptions options;
};

int run_report(const ReportFlags& flags, const Io& io) {
  auto target = dataset_target(flags.target, flags.store);
  if (!target) {
    complain(io, target.error());
    return kExitFailed;
  }
  if (!volume::is_volume(target->volume)) {
    complain(io, fmt::format("{}: not indexed yet; {} is no volume. Run `shoal index build {}`.",
                             flags.target, target->volume.string(), flags.target));
    return kExitFailed;
  }
  const auto printed = print_index_report(target->volume, flags.options, io);
  if (!printed) complain(io, printed.error());
  return printed ? kExitOk : kExitFailed;
}

}  // namespace

void add_index(CLI::App& app, const Io& io, int& exit_code) {
  CLI::App* index = app.add_subcommand("index", "Build or inspect the index of a dataset");
  index->footer(R"(Examples:
  shoal index build s3://market-data/minute-bars
  shoal index report s3://market-data/minute-bars)");
  index->require_subcommand(1);

  auto build = std::make_shared<BuildFlags>();
  CLI::App* build_command =
      index->add_subcommand("build", "List a prefix once and lay its objects out");
  build_command->footer(R"(Examples:
  shoal index build s3://market-data/minute-bars
  shoal index build oss://logs/2026 --endpoint https://oss-cn-hangzhou.aliyuncs.com
  shoal index build s3://b/p --endpoint http://127.0.0.1:9000 --volume /data/bars

A build that was interrupted (Ctrl-C, kill -9, power) goes on where it stopped. On a terminal a bar
shows the progress; elsewhere one JSON line per second goes to standard output, and at last one with
the result, or with what went wrong.)");
  build_command->add_option("target", build->target, "URL of the dataset, or a volume's directory")
      ->required();
  build_command->add_flag("--rebuild", build->rebuild, "List again although the index is finished");
  build_command->add_flag("--json", build->json, "The result as one JSON line, on a terminal too");
  // For the agent, whose children are to outlive its container.
  build_command->add_option("--cgroup", build->cgroup)->group("");
  add_store_flags(*build_command, build->store);
  add_log_flags(*build_command);
  add_owner_flags(*build_command, build->owner);
  build_command->callback([build, &io, &exit_code] { exit_code = run_build(*build, io); });

  auto report = std::make_shared<ReportFlags>();
  CLI::App* report_command = index->add_subcommand(
      "report", "Show counts, sizes, directories, and keys treated specially");
  report_command->footer(R"(Examples:
  shoal index report s3://market-data/minute-bars
  shoal index report /var/lib/shoal/volumes/market-data-1a2b3c4d --json)");
  report_command
      ->add_option("target", report->target, "URL of the dataset, or a volume's directory")
      ->required();
  report_command->add_flag("--json", report->options.json, "For programs, with all special keys");
  report_command
      ->add_option("--keys-max", report->options.keys_max,
                   "Special keys printed per reason; 0 prints all")
      ->type_name("N")
      ->capture_default_str();
  add_store_flags(*report_command, report->store);
  report_command->callback([report, &io, &exit_code] { exit_code = run_report(*report, io); });
}

}  // namespace shoal::tools
