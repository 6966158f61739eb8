// SPDX-License-Identifier: Apache-2.0
#include "index_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "display.h"
#include "index/index.h"

namespace shoal::tools {
namespace {

struct SizeClass {
  const char* label;
  std::uint64_t bytes_max;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

struct TopDirectory {
  std::string name;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

// Files per first component of their path. A directory's files come together in walk order, so one
// counter and the biggest few are all it keeps.
class TopLevel {
 public:
  void count(const index::Entry& entry) {
    const auto slash = entry.path.find('/');
    if (slash == std::string::npos) {
      ++files_here_;
      return;
    }
    const std::string_view name = std::string_view(entry.path).substr(0, slash);
    if (current_.name != name) {
      finish();
      current_ = {.name = std::string(name)};
    }
    ++current_.files;
    current_.bytes += entry.record.size;
  }
  // After the last entry, and once only.
  void finish() {
    if (current_.files == 0) return;
    ++directories_;
    const auto place =
        std::ranges::upper_bound(biggest_, current_.files, std::greater<>{}, &TopDirectory::files);
    biggest_.insert(place, std::move(current_));
    if (biggest_.size() > kShownMax) biggest_.pop_back();
    current_ = {};
  }
  [[nodiscard]] std::uint64_t files_here() const { return files_here_; }
  [[nodiscard]] std::uint64_t directories() const { return directories_; }
  [[nodiscard]] const std::vector<TopDirectory>& biggest() const { return biggest_; }

 private:
  static constexpr std::size_t kShownMax = 10;
  TopDirectory current_;
  std::uint64_t files_here_ = 0;
  std::uint64_t directories_ = 0;
  std::vector<TopDirectory> biggest_;
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
  TopLevel top_level;
  std::map<format::SpecialReason, std::uint64_t> special;  // keys
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
  report.top_level.count(entry);
}

Result<Report> make_report(const index::Index& index, const std::filesystem::path& volume) {
  Report report;
  SHOAL_TRY(auto dataset, index.dataset());
  SHOAL_TRY(auto generation, index.generation());
  if (!dataset || !generation)
    return fail(ErrorCode::not_found, volume.string() + ": its index is not finished",
                "Run `shoal index build " + volume.string() + "`: it goes on where it stopped.");
  report.dataset = *dataset;
  report.generation = *generation;
  SHOAL_TRY(const auto cursor, index.walk(""));
  index::Entry entry;
  while (true) {
    SHOAL_TRY(const bool more, cursor->next(entry));
    if (!more) break;
    count_entry(entry, report);
  }
  report.top_level.finish();
  SHOAL_CHECK_OK(index.visit_special([&](const format::SpecialRecord& record) {
    ++report.special[record.reason];
    return true;
  }));
  return report;
}

void print_dataset(const Io& io, const Report& report) {
  const auto& generation = report.generation;
  fmt::print(io.out, "dataset      {}\n", report.dataset.url);
  if (!report.dataset.endpoint.empty())
    fmt::print(io.out, "endpoint     {}\n", report.dataset.endpoint);
  fmt::print(io.out, "generation   {}, listed {} in {:.1f} s with {} requests\n",
             generation.generation.value, utc_text(generation.listed_at),
             generation.listing_seconds, grouped(generation.list_requests));
  fmt::print(io.out, "files        {}\ndirectories  {}\nbytes        {} ({})\n",
             grouped(generation.files), grouped(generation.directories),
             grouped(generation.object_bytes), human_bytes(generation.object_bytes));
  fmt::print(io.out, "in a cache   {} when every file has been read\n",
             human_bytes(generation.data_end.value));
  if (generation.files == 0) return;
  fmt::print(io.out, "mean size    {}\nlargest      {} ({})\n",
             human_bytes(generation.object_bytes / generation.files),
             printable(report.largest_path), human_bytes(report.largest_bytes));
  fmt::print(io.out, "oldest       {}\nnewest       {}\n", utc_text(report.oldest),
             utc_text(report.newest));
}

void print_tables(const Io& io, const Report& report) {
  constexpr auto kRow = "{:<24} {:>14} {:>12}\n";
  fmt::print(io.out, "\n");
  fmt::print(io.out, kRow, "file size", "files", "bytes");
  for (const SizeClass& size : report.sizes)
    if (size.files > 0)
      fmt::print(io.out, kRow, size.label, grouped(size.files), human_bytes(size.bytes));
  const TopLevel& top = report.top_level;
  if (top.directories() == 0) return;
  fmt::print(io.out, "\n");
  fmt::print(io.out, kRow, "biggest directories", "files", "bytes");
  for (const TopDirectory& directory : top.biggest())
    fmt::print(io.out, kRow, printable(directory.name) + "/", grouped(directory.files),
               human_bytes(directory.bytes));
  if (const std::uint64_t rest = top.directories() - top.biggest().size(); rest > 0)
    fmt::print(io.out, "... and {} more directories\n", grouped(rest));
  if (top.files_here() > 0)
    fmt::print(io.out, kRow, "(not in a directory)", grouped(top.files_here()), "");
}

// One visit per reason: millions of special keys are not held in memory.
Result<void> print_special(const Io& io, const index::Index& index, const ReportOptions& options,
                           const Report& report) {
  if (report.special.empty()) {
    fmt::print(io.out, "\nno key needed special treatment\n");
    return {};
  }
  fmt::print(io.out, "\nkeys that needed special treatment: {}\n",
             grouped(report.generation.special_keys));
  for (const auto& [reason, keys] : report.special) {
    fmt::print(io.out, "\n{} {}\n{}\n", grouped(keys), format::name_of(reason),
               format::explain(reason));
    std::uint64_t printed = 0;
    SHOAL_CHECK_OK(index.visit_special([&](const format::SpecialRecord& record) {
      if (record.reason != reason) return true;
      fmt::print(io.out, "  {} ({})\n", printable(record.key), human_bytes(record.size));
      return ++printed != options.keys_max;
    }));
    if (printed < keys)
      fmt::print(io.out, "  ... and {} more (--keys-max 0 prints all)\n", grouped(keys - printed));
  }
  return {};
}

Result<void> print_json(const Io& io, const index::Index& index, const Report& report) {
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
                              {"largest_path", report.largest_path},
                              {"largest_bytes", report.largest_bytes},
                              {"oldest_mtime", report.oldest},
                              {"newest_mtime", report.newest}};
  for (const SizeClass& size : report.sizes)
    json["sizes"].push_back({{"class", size.label}, {"files", size.files}, {"bytes", size.bytes}});
  const TopLevel& top = report.top_level;
  auto& top_json = json["top_level"];
  top_json = {{"files", top.files_here()}, {"directories", top.directories()}};
  top_json["biggest"] = nlohmann::ordered_json::array();
  for (const TopDirectory& directory : top.biggest())
    top_json["biggest"].push_back(
        {{"name", directory.name}, {"files", directory.files}, {"bytes", directory.bytes}});
  json["special_keys"] = nlohmann::ordered_json::array();
  SHOAL_CHECK_OK(index.visit_special([&](const format::SpecialRecord& record) {
    json["special_keys"].push_back({{"key", record.key},
                                    {"reason", format::name_of(record.reason)},
                                    {"rule", format::explain(record.reason)},
                                    {"size", record.size}});
    return true;
  }));
  // Keys are bytes, not always UTF-8: such bytes are shown as the replacement character.
  fmt::print(io.out, "{}\n",
             json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  return {};
}

}  // namespace

Result<void> print_index_report(const std::filesystem::path& volume, const ReportOptions& options,
                                const Io& io) {
  SHOAL_TRY(const auto index, index::Index::open(volume / "index", index::Index::Mode::read_only));
  SHOAL_TRY(const Report report, make_report(*index, volume));
  if (options.json) return print_json(io, *index, report);
  print_dataset(io, report);
  print_tables(io, report);
  return print_special(io, *index, options, report);
}

}  // namespace shoal::tools
