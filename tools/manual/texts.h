// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

// What the manual says beyond --help. In the form Roff::prose() takes.

namespace shoal::tools::texts {

struct Entry {
  const char* name;
  const char* text;
};

extern const char* const kProgram;
extern const char* const kCommandEnvironment;
extern const char* const kForeignEnvironment;
extern const char* const kExitStatus;
extern const std::span<const Entry> kFiles;

extern const char* const kSettingsFile;
extern const char* const kSettingsExamples;

extern const char* const kMountHelper;
extern const std::span<const Entry> kHelperSwitches;
extern const char* const kHelperExitStatus;
extern const char* const kHelperExamples;

}  // namespace shoal::tools::texts
