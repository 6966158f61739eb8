// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "flags.h"
#include "io.h"
#include "shoal/volume.h"
#include "store/open.h"

namespace shoal::tools {

// What the user named: a dataset by URL, or a volume by its directory.
struct Target {
  std::filesystem::path volume;  // directory, absolute; may not exist yet when there is a URL
  store::Location location;      // of the volume's dataset
  store::StoreConfig config;
  std::string path;  // below the dataset's prefix; "" is its root
};

// The dataset is exactly what `text` names (mount, index).
[[nodiscard]] Result<Target> dataset_target(const std::string& text, const StoreFlags& flags);

// `text` names something inside a dataset (ls, cat, cp): a URL below the dataset of --volume or of
// a volume that exists already (the longest prefix wins), or a path below the dataset of --volume.
// When no volume holds the URL, the dataset is the URL itself (`is_directory`) or its directory.
[[nodiscard]] Result<Target> inner_target(const std::string& text, const StoreFlags& flags,
                                          bool is_directory);

// Opens the target's volume for reading in this process, building its index first when it has none.
// Beside a mount of the same volume it reads without the cache file.
[[nodiscard]] Result<std::unique_ptr<Volume>> open_target(const Target& target,
                                                          const ReadFlags& flags, const Io& io);

}  // namespace shoal::tools
