// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "flags.h"
#include "store/open.h"
#include "upload/bucket_thread.h"
#include "upload/sync.h"

namespace CLI {
class App;
}

namespace shoal::tools {

// A directory whose files are sent below a URL: what sync and watch have in common.
struct SourceFlags {
  std::string directory;
  std::string url;
  std::vector<std::string> includes;
  std::vector<std::string> excludes;
  bool follow_links = false;
  // Whether each pattern excludes, in the order of the command line.
  std::vector<bool> order;
};
void add_source_flags(CLI::App& app, SourceFlags& flags);
// Fills `order`, once the command line has been read.
void read_pattern_order(const CLI::App& app, SourceFlags& flags);

// What the flags mean. Fails with bad_input (patterns, URL, no directory).
struct UploadSource {
  store::Location location;
  store::StoreConfig config;
  upload::LocalOptions local;
};
[[nodiscard]] Result<UploadSource> to_source(const SourceFlags& flags, const StoreFlags& store);

// Pages of the bucket's listing, from a thread of its own.
class BucketListing {
 public:
  [[nodiscard]] static Result<BucketListing> open(const UploadSource& source);
  [[nodiscard]] const upload::ListPages& pages() const { return pages_; }

 private:
  std::unique_ptr<upload::BucketThread> thread_;
  upload::ListPages pages_;  // uses what thread_ points to
};

}  // namespace shoal::tools
