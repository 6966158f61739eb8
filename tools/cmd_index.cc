// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <ctime>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "commands.h"
#include "flags.h"
#include "index/index.h"
#include "progress.h"
#include "target.h"

namespace shoal::tools {
namespace {

struct BuildFlags {
  std::string target;
  StoreFlags store;
  OwnerFlags owner;
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
          {"image_bytes", result.image.image_bytes}};
}

void print_result(const Io& io, const Target& target, const volume::PrepareResult& result) {
  const auto& generation = result.generation;
  fmt::print(io.out, "{} {}: {} files, {} directories, {}\n",
             result.reused ? "already indexed:" : "indexed", target.location.to_url(),
             generation.files, generation.directories, human_bytes(generation.object_bytes));
  if (!result.reused)
    fmt::print(io.out, "  {} list requests in {:.1f} s, image metadata {} in {:.1f} s\n",
               generation.list_requests, result.listing_seconds,
               human_bytes(result.image.metadata_bytes), result.image_seconds);
  if (generation.special_keys > 0)
    fmt::print(io.out, "  {} keys need attention: shoal index report {}\n",
               generation.special_keys, target.volume.string());
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
  Result<volume::PrepareResult> result = [&] {
    // Piped output gets the JSON lines; a terminal gets the bar.
    const bool bar = io.err_is_terminal && io.out_is_terminal;
    ProgressView view(bar ? io.err : io.out, bar);
    return prepare_with_view(*target, *owner, flags.rebuild, io, view);
  }();
  if (!result) {
    complain(io, result.error());
    if (result.error().code() == ErrorCode::canceled)
      complain(io, "what was listed so far is kept: run the same command again to go on");
    return kExitFailed;
  }
  if (flags.json || !io.out_is_terminal)
    fmt::print(io.out, "{}\n", result_json(*target, *result).dump());
  else
    print_result(io, *target, *result);
  return kExitOk;
}

// ---- report

struct ReportFlags {
  std::string target;
  StoreFlags store;
  bool json = false;
  std::uint64_t keys_max = 0;  // 0: all
};

struct SizeClass {
  const char* label;
  std::uint64_t bytes_max;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

struct Report {
  format::DatasetRecord dataset;
  format::GenerationRecord generation;
  std::vector<SizeClass> sizes{{"empty", 0},
                               {"1 B - 4 KiB", 4096},
                               {"4 - 16 KiB", 16 << 10},
                               {"16 - 64 KiB", 64 << 10},
                               {"64 KiB - 1 MiB", 1 << 20},
                               {"1 - 16 MiB", 16 << 20},
                               {"over 16 MiB", ~0ull}};
  std::uint64_t largest_bytes = 0;
  std::string largest_path;
  std::int64_t oldest = 0, newest = 0;
  std::map<std::string, std::uint64_t> top_level;  // files per first component
  std::map<format::SpecialReason, std::vector<format::SpecialRecord>> special;
};

void count_entry(const index::Entry& entry, Report& report) {
  if (entry.record.kind != format::ObjectRecord::Kind::file) return;
  for (SizeClass& size : report.sizes) {
    if (entry.record.size > size.bytes_max) continue;
    ++size.files;
    size.bytes += entry.record.size;
    break;
  }
  if (report.largest_path.empty() || entry.record.size > report.largest_bytes) {
    report.largest_bytes = entry.record.size;
    report.largest_path = entry.path;
  }
  if (report.oldest == 0 || entry.record.mtime < report.oldest) report.oldest = entry.record.mtime;
  report.newest = std::max(report.newest, entry.record.mtime);
  const auto slash = entry.path.find('/');
  // Bounded: a flat or very wide top level is summed up under its own name.
  constexpr std::size_t kTopLevelMax = 1000;
  const std::string top = slash == std::string::npos ? "(files at the top)"
                                                     : entry.path.substr(0, slash) + "/";
  if (report.top_level.contains(top) || report.top_level.size() < kTopLevelMax)
    ++report.top_level[top];
  else
    ++report.top_level["(other directories)"];
}

Result<Report> make_report(const std::filesystem::path& volume) {
  SHOAL_TRY(const auto index,
            index::Index::open(volume / "index", index::Index::Mode::read_only));
  Report report;
  SHOAL_TRY(auto dataset, index->dataset());
  SHOAL_TRY(auto generation, index->generation());
  if (!dataset || !generation)
    return fail(ErrorCode::not_found, volume.string() + ": its index is not finished",
                "Run `shoal index build` again: it goes on where it stopped.");
  report.dataset = *dataset;
  report.generation = *generation;
  SHOAL_TRY(const auto cursor, index->walk(""));
  index::Entry entry;
  while (true) {
    SHOAL_TRY(const bool more, cursor->next(entry));
    if (!more) break;
    count_entry(entry, report);
  }
  SHOAL_CHECK_OK(index->visit_special([&](const format::SpecialRecord& record) {
    report.special[record.reason].push_back(record);
    return true;
  }));
  return report;
}

// Keys may hold line ends and control bytes; a terminal must not obey them.
std::string printable(std::string_view raw) {
  std::string text;
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      text += fmt::format("\\x{:02x}", byte);
    else
      text += c;
  }
  return text;
}

std::string date_text(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm calendar{};
  gmtime_r(&time, &calendar);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &calendar);
  return text;
}

void print_report(const Io& io, const ReportFlags& flags, const Report& report) {
  const auto& generation = report.generation;
  fmt::print(io.out, "dataset      {}\n", report.dataset.url);
  if (!report.dataset.endpoint.empty())
    fmt::print(io.out, "endpoint     {}\n", report.dataset.endpoint);
  fmt::print(io.out, "generation   {}, listed {} in {:.1f} s with {} requests\n",
             generation.generation.value, date_text(generation.listed_at),
             generation.listing_seconds, generation.list_requests);
  fmt::print(io.out, "files        {}\ndirectories  {}\nbytes        {} ({})\n", generation.files,
             generation.directories, generation.object_bytes,
             human_bytes(generation.object_bytes));
  if (generation.files > 0) {
    fmt::print(io.out, "mean size    {}\nlargest      {} {}\n",
               human_bytes(generation.object_bytes / generation.files),
               human_bytes(report.largest_bytes), printable(report.largest_path));
    fmt::print(io.out, "oldest       {}\nnewest       {}\n", date_text(report.oldest),
               date_text(report.newest));
  }
  fmt::print(io.out, "data region  {}\n\nsize                  files         bytes\n",
             human_bytes(generation.data_end.value));
  for (const SizeClass& size : report.sizes)
    if (size.files > 0)
      fmt::print(io.out, "{:<16} {:>10}  {:>12}\n", size.label, size.files,
                 human_bytes(size.bytes));
  fmt::print(io.out, "\ntop level             files\n");
  std::size_t shown = 0;
  for (const auto& [name, files] : report.top_level) {
    if (++shown > 20) {
      fmt::print(io.out, "... and {} more\n", report.top_level.size() - 20);
      break;
    }
    fmt::print(io.out, "{:<16} {:>10}\n", printable(name), files);
  }
  if (report.special.empty()) {
    fmt::print(io.out, "\nno key needed special treatment\n");
    return;
  }
  fmt::print(io.out, "\nkeys that needed special treatment: {}\n", generation.special_keys);
  for (const auto& [reason, records] : report.special) {
    fmt::print(io.out, "\n{}: {} ({})\n", format::name_of(reason), records.size(),
               format::explain(reason));
    std::uint64_t printed = 0;
    for (const auto& record : records) {
      if (flags.keys_max > 0 && printed++ >= flags.keys_max) {
        fmt::print(io.out, "  ... and {} more\n", records.size() - flags.keys_max);
        break;
      }
      fmt::print(io.out, "  {} ({})\n", printable(record.key), human_bytes(record.size));
    }
  }
}

void print_report_json(const Io& io, const Report& report) {
  const auto& generation = report.generation;
  nlohmann::ordered_json json{{"dataset", report.dataset.url},
                              {"endpoint", report.dataset.endpoint},
                              {"generation", generation.generation.value},
                              {"listed_at", generation.listed_at},
                              {"listing_seconds", generation.listing_seconds},
                              {"list_requests", generation.list_requests},
                              {"files", generation.files},
                              {"directories", generation.directories},
                              {"bytes", generation.object_bytes},
                              {"data_region_bytes", generation.data_end.value},
                              {"largest_bytes", report.largest_bytes},
                              {"oldest_mtime", report.oldest},
                              {"newest_mtime", report.newest}};
  for (const SizeClass& size : report.sizes)
    json["sizes"].push_back({{"class", size.label}, {"files", size.files}, {"bytes", size.bytes}});
  json["top_level"] = report.top_level;
  json["special_keys"] = nlohmann::ordered_json::array();
  for (const auto& [reason, records] : report.special)
    for (const auto& record : records)
      json["special_keys"].push_back({{"key", record.key},
                                      {"reason", format::name_of(reason)},
                                      {"rule", format::explain(reason)},
                                      {"size", record.size}});
  // Keys are bytes, not always UTF-8: such bytes are shown as the replacement character.
  fmt::print(io.out, "{}\n",
             json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

int run_report(const ReportFlags& flags, const Io& io) {
  auto target = dataset_target(flags.target, flags.store);
  if (!target) {
    complain(io, target.error());
    return kExitFailed;
  }
  if (!volume::is_volume(target->volume)) {
    complain(io, fmt::format("{}: not indexed yet (no volume in {}). Run `shoal index build {}`.",
                             flags.target, target->volume.string(), flags.target));
    return kExitFailed;
  }
  const auto report = make_report(target->volume);
  if (!report) {
    complain(io, report.error());
    return kExitFailed;
  }
  if (flags.json)
    print_report_json(io, *report);
  else
    print_report(io, flags, *report);
  return kExitOk;
}

}  // namespace

void add_index(CLI::App& app, const Io& io, int& exit_code) {
  CLI::App* index = app.add_subcommand("index", "Build and inspect the index of a dataset");
  index->require_subcommand(1);

  auto build = std::make_shared<BuildFlags>();
  CLI::App* build_command =
      index->add_subcommand("build", "List a prefix once and lay its objects out");
  build_command->footer(R"(Examples:
  shoal index build s3://market-data/minute-bars
  shoal index build oss://logs/2026 --endpoint https://oss-cn-hangzhou.aliyuncs.com
  shoal index build s3://b/p --endpoint http://127.0.0.1:9000 --volume /data/bars

A build that was interrupted (Ctrl-C, kill -9, power) goes on where it stopped. On a terminal a bar
shows the progress; elsewhere one JSON line per second goes to standard output.)");
  build_command->add_option("target", build->target, "URL of the dataset, or a volume's directory")
      ->required();
  build_command->add_flag("--rebuild", build->rebuild, "List again although the index is finished");
  build_command->add_flag("--json", build->json, "Print the result as one JSON line");
  add_store_flags(*build_command, build->store);
  add_owner_flags(*build_command, build->owner);
  build_command->callback([build, &io, &exit_code] { exit_code = run_build(*build, io); });

  auto report = std::make_shared<ReportFlags>();
  CLI::App* report_command =
      index->add_subcommand("report", "Counts, sizes, directories, and keys treated specially");
  report_command->footer(R"(Examples:
  shoal index report s3://market-data/minute-bars
  shoal index report /var/lib/shoal/volumes/market-data-1a2b3c4d --json)");
  report_command
      ->add_option("target", report->target, "URL of the dataset, or a volume's directory")
      ->required();
  report_command->add_flag("--json", report->json, "Machine-readable");
  report_command->add_option("--keys-max", report->keys_max,
                             "Special keys printed per reason (default: all)");
  add_store_flags(*report_command, report->store);
  report_command->callback([report, &io, &exit_code] { exit_code = run_report(*report, io); });
}

}  // namespace shoal::tools
