// SPDX-License-Identifier: Apache-2.0
#include "upload_source.h"

#include <CLI/CLI.hpp>

#include "base/limits.h"
#include "sys/file_status.h"

namespace shoal::tools {
namespace {

constexpr const char* kInclude = "--include";
constexpr const char* kExclude = "--exclude";

Result<std::filesystem::path> directory_of(const std::string& text) {
  SHOAL_TRY(const auto status, sys::file_status(text, /*follow=*/true));
  if (status.kind != sys::FileStatus::Kind::directory)
    return fail(ErrorCode::bad_input, text + ": not a directory",
                "Name the directory whose files are to be sent; `shoal put` sends one file.");
  // As the kernel knows it: the same directory by another name has the same journal.
  std::error_code error;
  auto path = std::filesystem::canonical(text, error);
  if (error) return fail(ErrorCode::io, text + ": " + error.message());
  return path;
}

}  // namespace

void add_source_flags(CLI::App& app, SourceFlags& flags) {
  app.add_option("dir", flags.directory, "The directory whose files are sent")->required();
  app.add_option("url", flags.url, "Where to, e.g. s3://bucket/prefix")->required();
  const char* group = "Files";
  app.add_option(kInclude, flags.includes,
                 "Send files that match, also when an --exclude before it does; again for more")
      ->allow_extra_args(false)
      ->type_name("GLOB")
      ->group(group);
  app.add_option(kExclude, flags.excludes,
                 "Leave files out that match; the last pattern that matches a file decides")
      ->allow_extra_args(false)
      ->type_name("GLOB")
      ->group(group);
  app.add_flag("--follow-links", flags.follow_links,
               "Send what symbolic links lead to (default: they are counted and named)")
      ->group(group);
}

void read_pattern_order(const CLI::App& app, SourceFlags& flags) {
  for (const CLI::Option* option : app.parse_order()) {
    if (option == app.get_option(kInclude)) flags.order.push_back(false);
    if (option == app.get_option(kExclude)) flags.order.push_back(true);
  }
}

Result<UploadSource> to_source(const SourceFlags& flags, const StoreFlags& store) {
  UploadSource source;
  SHOAL_TRY(source.location, store::parse_location(flags.url));
  if (source.location.scheme == store::Scheme::file)
    return fail(ErrorCode::bad_input, "'" + flags.url + "' is a directory of this machine",
                "Give s3://BUCKET/PREFIX or oss://BUCKET/PREFIX; cp and rsync copy locally.");
  SHOAL_TRY(source.config, store.to_config());
  SHOAL_TRY(source.local.root, directory_of(flags.directory));
  source.local.follow_links = flags.follow_links;
  if (source.location.prefix.size() >= limits::kKeyBytesMax)
    return fail(ErrorCode::bad_input, "'" + flags.url + "': the prefix leaves no room for names",
                "Keys have at most 1024 bytes.");
  source.local.key_bytes_max = limits::kKeyBytesMax - source.location.prefix.size();
  std::size_t include = 0, exclude = 0;
  using Effect = upload::NameFilter::Effect;
  for (const bool is_exclude : flags.order) {
    const std::string& pattern = is_exclude ? flags.excludes[exclude++] : flags.includes[include++];
    SHOAL_CHECK_OK(
        source.local.filter.add(is_exclude ? Effect::exclude : Effect::include, pattern));
  }
  return source;
}

Result<BucketListing> BucketListing::open(const UploadSource& source) {
  BucketListing listing;
  SHOAL_TRY(listing.thread_, upload::BucketThread::start({.thread_name = "shoal-list",
                                                          .location = source.location,
                                                          .config = source.config,
                                                          .connections_max = 4}));
  listing.pages_ = [thread = listing.thread_.get()](const store::ListRequest& request) {
    return thread->call<store::ListPage>(
        [request](store::ObjectStore& store, store::Done<store::ListPage> done) {
          store.list(request, std::move(done));
        });
  };
  return listing;
}

}  // namespace shoal::tools
