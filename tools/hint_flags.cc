// SPDX-License-Identifier: Apache-2.0
#include "hint_flags.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstring>

#include "sys/file.h"

namespace shoal::tools {
namespace {

namespace fs = std::filesystem;

Error contradiction(const std::string& what, const std::string& why, const std::string& remedy) {
  return Error(ErrorCode::bad_input, what + ": " + why, remedy);
}

Error empty_list(const char* flag, const std::string& name) {
  return Error(ErrorCode::bad_input, std::string(flag) + " " + name + ": it is empty",
               "Give one path per line.");
}

Result<void> copy_pipe(const char* flag, const std::string& name, int source,
                       const fs::path& target) {
  SHOAL_CHECK_OK(sys::make_directories(target.parent_path()));
  SHOAL_TRY(auto staged, sys::StagedFile::create(target));
  std::array<std::byte, 64 << 10> buffer{};
  std::uint64_t offset = 0;
  for (;;) {
    const ssize_t bytes = read(source, buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return fail(sys::errno_error(errno, std::string(flag) + " " + name));
    if (bytes == 0) break;
    const ByteSpan part(buffer.data(), static_cast<std::size_t>(bytes));
    SHOAL_CHECK_OK(staged.file().write_at(offset, part));
    offset += part.size();
  }
  if (offset == 0) return fail(empty_list(flag, name));
  return staged.commit();
}

// The absolute path of a list that will be there for as long as the mount is.
Result<std::string> resolve_list(const char* flag, const std::string& name,
                                 const fs::path& directory) {
  const fs::path copy = directory / (std::string(flag).substr(2) + ".list");
  if (name == "-") {
    SHOAL_CHECK_OK(copy_pipe(flag, "-", STDIN_FILENO, copy));
    return copy.string();
  }
  const std::string what = std::string(flag) + " " + name;
  const sys::Fd file(open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid())
    return fail(sys::errno_error(errno, what).with_remedy("Name a file with one path per line."));
  struct stat state {};
  if (fstat(file.get(), &state) != 0) return fail(sys::errno_error(errno, what));
  if (S_ISDIR(state.st_mode))
    return fail(ErrorCode::bad_input, what + ": it is a directory",
                "Name a file with one path per line, for example made by `find -type f`.");
  if (!S_ISREG(state.st_mode)) {
    SHOAL_CHECK_OK(copy_pipe(flag, name, file.get(), copy));
    return copy.string();
  }
  if (state.st_size == 0) return fail(empty_list(flag, name));
  return fs::absolute(name).string();
}

Result<std::string> resolve_record(const std::string& name) {
  const fs::path path = fs::absolute(name).lexically_normal();
  std::error_code status;
  if (fs::is_directory(path, status))
    return fail(ErrorCode::bad_input, "--record " + name + ": it is a directory",
                "Name the file to write.");
  if (!fs::is_directory(path.parent_path(), status))
    return fail(ErrorCode::not_found,
                "--record " + name + ": there is no directory " + path.parent_path().string(),
                "Make it first.");
  if (access(path.parent_path().c_str(), W_OK) != 0)
    return fail(sys::errno_error(errno, "--record " + name));
  return path.string();
}

}  // namespace

Result<void> HintFlags::check_conflicts(const ReadFlags& read) const {
  if (!order.empty() && !replay.empty())
    return fail(contradiction("--order and --replay", "both say in which order files are read",
                              "Give the one that is true; a trace may be given as --order, too."));
  for (const auto& [flag, value] : {std::pair("--order", &order), std::pair("--replay", &replay)}) {
    if (value->empty()) continue;
    if (direct)
      return fail(contradiction(std::string("--direct and ") + flag,
                                "with --direct nothing is fetched ahead of readers, so an order "
                                "has no use",
                                "Leave one of them out."));
    if (read.no_prefetch)
      return fail(contradiction(std::string("--no-prefetch and ") + flag,
                                "an order is for fetching ahead of readers",
                                "Leave one of them out."));
  }
  std::error_code status;
  if (!record.empty())
    for (const std::string* list : {&order, &replay})
      if (!list->empty() && (*list == record || fs::equivalent(*list, record, status)))
        return fail(contradiction("--record " + record, "it is the list that is read",
                                  "Record into another file."));
  return {};
}

Result<HintFlags> HintFlags::resolved(const fs::path& directory) const {
  HintFlags flags = *this;
  if (!order.empty()) {
    SHOAL_TRY(flags.order, resolve_list("--order", order, directory));
  }
  if (!replay.empty()) {
    SHOAL_TRY(flags.replay, resolve_list("--replay", replay, directory));
  }
  if (!record.empty()) {
    SHOAL_TRY(flags.record, resolve_record(record));
  }
  return flags;
}

std::vector<std::string> HintFlags::arguments() const {
  std::vector<std::string> list;
  for (const auto& [flag, value] : {std::pair("--order", &order), std::pair("--replay", &replay),
                                    std::pair("--record", &record)})
    if (!value->empty()) list.insert(list.end(), {flag, *value});
  if (direct) list.emplace_back("--direct");
  return list;
}

std::optional<ReadOrder> HintFlags::to_order() const {
  if (order.empty() && replay.empty()) return std::nullopt;
  ReadOrder result;
  result.list = order.empty() ? replay : order;
  result.is_guess = order.empty();
  return result;
}

bool HintFlags::wants_exact_reads() const {
  return direct || !order.empty() || !replay.empty() || !record.empty();
}

void HintFlags::apply(VolumeOptions& options) const {
  if (direct) options.prefetch = PrefetchMode::direct;
  options.record_file = record;
}

void add_hint_flags(CLI::App& app, HintFlags& flags) {
  const char* group = "What will be read";
  app.add_option("--order", flags.order,
                 "List of paths relative to the dataset, one per line, in the order in which files "
                 "will be read; - for "
                 "standard input. They are fetched ahead in that order")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--replay", flags.replay,
                 "The same from a trace of an earlier run; given up when it does not come true")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--record", flags.record,
                 "Write the order in which files are first read, for --replay or --order")
      ->type_name("FILE")
      ->group(group);
  app.add_flag("--direct", flags.direct,
               "Fetch exactly what readers ask for, not one byte more: for few reads of large "
               "objects")
      ->group(group);
}

}  // namespace shoal::tools
