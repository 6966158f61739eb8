// SPDX-License-Identifier: Apache-2.0
#include "tools/settings/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "sys/file.h"
#include "tools/settings/catalog.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace shoal::tools {
namespace {

constexpr std::size_t kFileBytesMax = 1 << 20;  // ten thousand datasets

Error error_at(const std::filesystem::path& path, const toml::source_position& at,
               const std::string& what, std::string remedy) {
  return Error(ErrorCode::bad_input,
               fmt::format("{}:{}:{}: {}", path.string(), at.line, at.column, what),
               std::move(remedy));
}

std::optional<std::string> scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  return std::nullopt;
}

class Reader {
 public:
  explicit Reader(SettingsFile& file) : file_(file) {}

  Result<void> read(const toml::table& table, const std::string& dataset,
                    const std::string& command) {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      if (const toml::table* below = node.as_table()) {
        const bool is_dataset = name.find("://") != std::string::npos;
        if (is_dataset && !(dataset.empty() && command.empty()))
          return fail(error_at(file_.path, key.source().begin,
                               "[\"" + name + "\"] stands inside another table",
                               "Write datasets first: [\"" + name + "\".mount]."));
        SHOAL_CHECK_OK(read(*below, is_dataset ? name : dataset,
                            is_dataset        ? command
                            : command.empty() ? name
                                              : command + " " + name));
        continue;
      }
      SHOAL_TRY(FileEntry entry, entry_of(key, node));
      entry.dataset = dataset;
      entry.command = command;
      file_.entries.push_back(std::move(entry));
    }
    return {};
  }

 private:
  Result<FileEntry> entry_of(const toml::key& key, const toml::node& node) {
    FileEntry entry;
    entry.name = canonical_name(key.str());
    entry.line = key.source().begin.line;
    entry.column = key.source().begin.column;
    entry.kind = node.is_boolean()  ? FileEntry::Kind::boolean
                 : node.is_number() ? FileEntry::Kind::number
                 : node.is_array()  ? FileEntry::Kind::list
                                    : FileEntry::Kind::text;
    bool is_known = true;
    if (const toml::array* list = node.as_array()) {
      for (const toml::node& item : *list) {
        auto text = scalar_text(item);
        is_known = is_known && text.has_value();
        entry.values.push_back(text.value_or(""));
      }
    } else {
      auto text = scalar_text(node);
      is_known = text.has_value();
      entry.values.push_back(text.value_or(""));
    }
    if (!is_known)
      return fail(error_at(file_.path, node.source().begin,
                           entry.name + ": a value of this kind means nothing to Shoal",
                           "Write \"text\", a number, true, false, or a list of these."));
    return entry;
  }

  SettingsFile& file_;
};

}  // namespace

std::string SettingsFile::where(const FileEntry& entry) const {
  return fmt::format("{}:{}", path.string(), entry.line);
}

Result<SettingsFile> parse_settings(std::string_view text, const std::filesystem::path& path) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed)
    return fail(error_at(path, parsed.error().source().begin,
                         std::string(parsed.error().description()),
                         "Text stands in double quotes: cache-size = \"50G\"; see shoal.toml(5)."));
  SettingsFile file;
  file.path = path;
  SHOAL_CHECK_OK(Reader(file).read(parsed.table(), "", ""));
  std::ranges::stable_sort(
      file.entries, {}, [](const FileEntry& entry) { return std::pair(entry.line, entry.column); });
  return file;
}

Result<SettingsFile> read_settings(const std::filesystem::path& path) {
  const std::string what = "settings file " + path.string();
  const sys::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return fail(sys::errno_error(errno, what));
  std::string text;
  std::string buffer(64 << 10, '\0');
  for (;;) {
    const ssize_t bytes = ::read(file.get(), buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return fail(sys::errno_error(errno, what));
    if (bytes == 0) break;
    text.append(buffer, 0, static_cast<std::size_t>(bytes));
    if (text.size() > kFileBytesMax)
      return fail(ErrorCode::limit, what + ": over 1 MiB",
                  "Is it the file you meant? See shoal.toml(5).");
  }
  return parse_settings(text, path);
}

}  // namespace shoal::tools
