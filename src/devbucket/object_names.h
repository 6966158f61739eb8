// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

// How keys become file names. A key is a path; each of its components is a directory, the last one
// a file, under its own name wherever the file system allows it. Where it does not, the name is
// escaped with a reserved prefix:
//
//   .shoal~f NAME   a file NAME that cannot have its own name: empty (the key ends in '/'), "." or
//                   "..", already starting with ".shoal~", or beside a directory of that name
//   .shoal~d NAME   a directory NAME that cannot have its own name, for the same reasons
//   .shoal~p PIECE  a directory: PIECE is the start of a name too long for the file system, the
//                   rest of the name is the (escaped) name inside it
//   .shoal~state    a directory of our own (uploads, temporary files); no key
//
// Pure.

namespace shoal::devbucket {

inline constexpr std::string_view kStateDirectory = ".shoal~state";

enum class NameKind { file, directory };
// Whether a file's plain name is taken by a directory.
enum class Beside { nothing, directory };

// The name on disk of one component; has a '/' in it when the component is too long for one name.
[[nodiscard]] std::string disk_name(std::string_view component, NameKind kind,
                                    Beside beside = Beside::nothing);

// What a name found on disk stands for.
struct DiskName {
  enum class Meaning { plain, escaped_file, escaped_directory, piece, hidden };
  Meaning meaning = Meaning::plain;
  std::string_view component;
};
[[nodiscard]] DiskName read_disk_name(std::string_view name);

// A key split into what precedes the last '/', as a path on disk ("" for the top), and the rest.
struct KeyPath {
  std::string directory;
  std::string_view name;
};
[[nodiscard]] KeyPath split_key(std::string_view key);

// Whether a key can be stored at all: 1 to 1024 bytes without NUL.
[[nodiscard]] bool is_storable_key(std::string_view key);
// Whether a new bucket may have this name (the services' common rules).
[[nodiscard]] bool is_new_bucket_name(std::string_view name);
// Whether an existing directory of this name is served as a bucket.
[[nodiscard]] bool is_served_bucket_name(std::string_view name);

}  // namespace shoal::devbucket
