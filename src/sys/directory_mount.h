// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "sys/file.h"

// Mounts at directories other programs name. The name is resolved once, without following a link as
// its last component; what is done then is done to that directory, whatever is put in its place.

namespace shoal::sys {

// A directory by its parent. Move-only, serialized.
class NamedDirectory {
 public:
  // `path` must be absolute and normal, its parent a directory; the last component may be missing.
  // bad_input, not_found (no parent), permission.
  [[nodiscard]] static Result<NamedDirectory> open(const std::filesystem::path& path);

  // With links above the last component resolved: how the kernel names mounts there.
  [[nodiscard]] const std::filesystem::path& canonical() const noexcept { return canonical_; }

  // Makes the directory, mode 0755; false when it was there. precondition: something else has the
  // name (a file, a link).
  [[nodiscard]] Result<bool> make() const;
  // Whether it is there and empty. precondition: the name is no directory. Not for mount points of
  // file systems that may be dead.
  [[nodiscard]] Result<bool> is_empty() const;
  [[nodiscard]] bool exists() const;
  // rmdir; no error when it is gone. precondition: it is not empty, or no directory.
  [[nodiscard]] Result<void> remove() const;

  // Shows the mount that is seen at `source` here, too: read-only, nosuid, nodev. It appears at
  // once with these, never without (Linux 5.12).
  [[nodiscard]] Result<void> bind_read_only(const std::filesystem::path& source) const;
  // Takes the topmost mount here away: at once, or where it is in use out of sight. not_found:
  // nothing is mounted.
  [[nodiscard]] Result<void> unmount() const;

 private:
  NamedDirectory(Fd parent, std::string name, std::filesystem::path canonical)
      : parent_(std::move(parent)), name_(std::move(name)), canonical_(std::move(canonical)) {}
  // The directory itself, or the root of what is mounted on it.
  [[nodiscard]] Result<Fd> open_place(const char* doing) const;

  Fd parent_;
  std::string name_;
  std::filesystem::path canonical_;
};

}  // namespace shoal::sys
