// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// The settings file (shoal.toml) as it is written, before anybody asks what its keys mean:
//
//   cache-size = "50G"              # every command that has the flag
//   [mount]                         # one command; [index.build] for `shoal index build`
//   io-timeout = 30
//   ["s3://bucket/prefix"]          # what that URL names, and all below it
//   endpoint = "https://..."
//   ["s3://bucket/prefix".mount]    # both

namespace shoal::tools {

struct FileEntry {
  enum class Kind { text, number, boolean, list };

  std::string dataset;              // URL; empty: all
  std::string command;              // "mount", "index build"; empty: all
  std::string name;                 // "cache-size"
  std::vector<std::string> values;  // as the command line would take them; one, or those of a list
  Kind kind = Kind::text;
  unsigned line = 0;
  unsigned column = 0;
};

struct SettingsFile {
  std::filesystem::path path;
  std::vector<FileEntry> entries;  // in the order of their lines

  [[nodiscard]] std::string where(const FileEntry& entry) const;  // "/etc/shoal/shoal.toml:12"
};

// bad_input: no TOML, or a value that is neither text, number, boolean nor a list of them; the
// message begins with file:line:column.
[[nodiscard]] Result<SettingsFile> parse_settings(std::string_view text,
                                                  const std::filesystem::path& path);
// not_found, permission, io, and those of parse_settings().
[[nodiscard]] Result<SettingsFile> read_settings(const std::filesystem::path& path);

}  // namespace shoal::tools
