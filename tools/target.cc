// SPDX-License-Identifier: Apache-2.0
#include "target.h"

#include "base/bytes.h"
#include "index/index.h"
#include "progress.h"
#include "volume/prepare.h"

namespace shoal::tools {
namespace {

bool is_url(const std::string& text) {
  return text.find("://") != std::string::npos;
}

Result<format::DatasetRecord> dataset_of(const std::filesystem::path& volume) {
  SHOAL_TRY(const auto index, index::Index::open(volume / "index", index::Index::Mode::read_only));
  SHOAL_TRY(auto dataset, index->dataset());
  if (!dataset)
    return fail(ErrorCode::not_found, volume.string() + ": the volume names no dataset yet",
                "Build it with `shoal index build URL --volume " + volume.string() + "`.");
  return std::move(*dataset);
}

// The flags win; what they leave open is what the index was built with.
Result<Target> target_of_volume(const std::filesystem::path& volume, const StoreFlags& flags) {
  if (!volume::is_volume(volume))
    return fail(ErrorCode::not_found, "there is no volume in " + volume.string(),
                "Give a URL such as s3://bucket/prefix, or the directory of a volume.");
  SHOAL_TRY(const auto dataset, dataset_of(volume));
  Target target;
  target.volume = std::filesystem::absolute(volume);
  SHOAL_TRY(target.location, store::parse_location(dataset.url));
  SHOAL_TRY(target.config, flags.to_config());
  if (target.config.endpoint.empty()) target.config.endpoint = dataset.endpoint;
  if (target.config.region.empty()) target.config.region = dataset.region;
  if (flags.addressing == "auto" && !dataset.addressing.empty()) {
    SHOAL_TRY(target.config.addressing, store::parse_addressing(dataset.addressing));
  }
  if (dataset.signature == "v1") target.config.signature = store::SignatureVersion::v1;
  target.config.sign_requests = target.config.sign_requests && dataset.sign_requests;
  return target;
}

// Sets target.path to what `inner` has beyond the dataset's prefix; false when it is not inside.
bool place_inside(const store::Location& inner, Target& target) {
  if (inner.scheme != target.location.scheme) return false;
  if (inner.scheme == store::Scheme::file) {
    const std::string whole = inner.bucket + "/";
    const std::string root = target.location.bucket + "/";
    if (!whole.starts_with(root)) return false;
    target.path = whole.substr(root.size());
  } else {
    if (inner.bucket != target.location.bucket) return false;
    const std::string whole = inner.prefix + "/";
    if (!whole.starts_with(target.location.prefix)) return false;
    target.path = whole.substr(target.location.prefix.size());
  }
  while (target.path.ends_with('/')) target.path.pop_back();
  return true;
}

// The location's directory, its parent's, and so on up to the bucket.
bool to_parent(store::Location& location) {
  std::string& name = location.scheme == store::Scheme::file ? location.bucket : location.prefix;
  while (name.ends_with('/')) name.pop_back();
  if (name.empty()) return false;
  const auto slash = name.rfind('/');
  if (location.scheme == store::Scheme::file) {
    if (slash == 0 || slash == std::string::npos) return false;
    name.resize(slash);
  } else {
    name.resize(slash == std::string::npos ? 0 : slash + 1);
  }
  return true;
}

}  // namespace

Result<Target> dataset_target(const std::string& text, const StoreFlags& flags) {
  if (!is_url(text)) {
    if (!flags.volume.empty())
      return fail(ErrorCode::bad_input, "both " + text + " and --volume name a volume",
                  "Give a URL with --volume, or the volume's directory alone.");
    return target_of_volume(text, flags);
  }
  Target target;
  SHOAL_TRY(target.location, store::parse_location(text));
  SHOAL_TRY(target.config, flags.to_config());
  target.volume = flags.volume.empty() ? volume::default_directory(target.location, target.config)
                                       : std::filesystem::absolute(flags.volume);
  return target;
}

Result<Target> inner_target(const std::string& text, const StoreFlags& flags, bool is_directory) {
  if (!is_url(text)) {
    if (!flags.volume.empty()) {
      SHOAL_TRY(auto target, target_of_volume(flags.volume, flags));
      target.path = text;
      while (target.path.starts_with('/')) target.path.erase(0, 1);
      while (target.path.ends_with('/')) target.path.pop_back();
      return target;
    }
    return target_of_volume(text, flags);
  }
  // Read as a directory even when it names an object (a whole bucket has no key, file:// would
  // split off the last name): place_inside() drops the '/' at its end.
  SHOAL_TRY(const auto inner, store::parse_location(text));
  if (!flags.volume.empty() && volume::is_volume(flags.volume)) {
    SHOAL_TRY(auto target, target_of_volume(flags.volume, flags));
    if (!place_inside(inner, target))
      return fail(ErrorCode::precondition,
                  text + " is not inside " + target.location.to_url() + ", the dataset of volume " +
                      flags.volume.string(),
                  "Leave --volume out, or name the volume of that dataset.");
    return target;
  }
  SHOAL_TRY(const auto config, flags.to_config());
  if (flags.volume.empty()) {
    auto candidate = inner;
    do {
      const auto directory = volume::default_directory(candidate, config);
      if (!volume::is_volume(directory)) continue;
      SHOAL_TRY(auto target, target_of_volume(directory, flags));
      if (place_inside(inner, target)) return target;
    } while (to_parent(candidate));
  }
  auto location = inner;
  if (!is_directory) to_parent(location);
  SHOAL_TRY(auto target, dataset_target(location.to_url(), flags));
  place_inside(inner, target);
  return target;
}

Result<std::unique_ptr<Volume>> open_target(const Target& target, const ReadFlags& flags,
                                            const Io& io) {
  SHOAL_TRY(auto options, flags.to_options());
  const VolumeCredentials credentials{target.config.profile, target.config.credentials_file};
  if (!volume::is_volume(target.volume)) {
    remark(io, "no index of " + target.location.to_url() + " yet, building it");
    SHOAL_CHECK_OK(prepare_with_progress(target, image::WriteOptions{}, /*rebuild=*/false, io));
  }
  auto opened = open_volume(target.volume, credentials, options);
  if (!opened && opened.error().code() == ErrorCode::precondition) {
    options.use_cache = false;
    auto beside = open_volume(target.volume, credentials, options);
    if (beside) return beside;
  }
  return opened;
}

}  // namespace shoal::tools
