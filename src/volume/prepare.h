// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

#include "base/result.h"
#include "format/records.h"
#include "image/writer.h"
#include "index/build.h"
#include "store/open.h"

// Making a volume: a directory that holds
//
//   LOCK                 held (flock) by the process that writes the volume
//   index/               RocksDB
//   image/1.erofs        metadata region of generation 1
//   cache/data           sparse file in image layout
//   log/                 of the server
//
// and the order in which it becomes usable: dataset record, listing, layout, image (renamed into
// place last). A volume without its image is not finished, whatever else is there.

namespace shoal::volume {

struct PrepareOptions {
  store::Location location;
  store::StoreConfig store;
  image::WriteOptions image;
  index::BuildOptions build;  // its stop flag ends the writing of the image, too
  bool rebuild = false;       // list again although a finished generation is there
  // Empty: the volume's own, or the default for a new one. A finished volume keeps its geometry
  // unless it is rebuilt.
  std::optional<format::Geometry> geometry;
};

struct PrepareResult {
  format::GenerationRecord generation;
  image::WriteResult image;
  bool reused = false;  // a finished volume of this dataset was there already, nothing was written
  double listing_seconds = 0;
  double image_seconds = 0;
};

// Lists, lays out and writes the image as far as that is not done already; an image that shows
// another generation or was written with other options is written anew. Blocks. Fails with
// precondition when the directory holds another dataset (naming both), is not empty and no volume,
// is locked, or has another geometry; unsupported when a newer Shoal made it; canceled when stopped
// (what was listed is kept); otherwise as open_store, index::build and image::write_image do.
[[nodiscard]] Result<PrepareResult> prepare(const std::filesystem::path& directory,
                                            const PrepareOptions& options);

// Where volumes live: $SHOAL_VOLUMES, else /var/lib/shoal/volumes for root, else
// $XDG_CACHE_HOME/shoal (~/.cache/shoal).
[[nodiscard]] std::filesystem::path default_volumes_directory();
// Where a dataset's volume lives when --volume is not given: there, under a readable name with a
// short hash of URL and endpoint.
[[nodiscard]] std::filesystem::path default_directory(const store::Location& location,
                                                      const store::StoreConfig& config);

// True when `directory` looks like a volume (has an index), finished or not.
[[nodiscard]] bool is_volume(const std::filesystem::path& directory);

}  // namespace shoal::volume
