// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "shoal/uploader.h"

// Journals of commands: where they are, and what is needed to open one again without the command
// line that made it.

namespace shoal::tools::write {

// What a journal was opened for, kept in a file beside it ("JOURNAL.json"). Holds no secret.
struct JournalNote {
  std::string url;
  std::string command;      // "shoal put"
  UploaderOptions options;  // where the service is, and how it is spoken to; the rest is not kept
};
[[nodiscard]] Result<void> write_note(const std::filesystem::path& journal,
                                      const JournalNote& note);
// Nothing: there is no note. corrupt: it cannot be read.
[[nodiscard]] Result<std::optional<JournalNote>> read_note(const std::filesystem::path& journal);

// The journals below the state directory, by name.
[[nodiscard]] Result<std::vector<std::filesystem::path>> list_journals();

// open_uploader() with the note's URL and options; leaves the note beside a journal that
// list_journals() finds. One that lies elsewhere gets none: whoever chose it knows it.
[[nodiscard]] Result<std::unique_ptr<Uploader>> open_noted(const JournalNote& note);

// The same for the first of "BASE-1", "BASE-2", ... that no other process has, so that several runs
// send to one bucket at the same time; `options.journal`, if set, is the only choice.
inline constexpr int kSlotsMax = 16;
[[nodiscard]] Result<std::unique_ptr<Uploader>> open_slot(const std::filesystem::path& base,
                                                          JournalNote note);

}  // namespace shoal::tools::write
