// SPDX-License-Identifier: Apache-2.0
#include "agent/records.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/limits.h"
#include "agent/names.h"
#include "agent/requests.h"
#include "agent/spec_fields.h"
#include "sys/file.h"

namespace shoal::agent {
namespace {

using control::Json;

constexpr int kVersion = 1;

// The name becomes part of paths.
bool is_component(const std::string& name) {
  return !name.empty() && name.size() <= 200 && name.find('/') == std::string::npos &&
         name.front() != '.';
}

Result<VolumeRecord> record_of(const Json& json) {
  if (json.at("version").get<int>() != kVersion)
    return fail(ErrorCode::unsupported, "it is of another version");
  VolumeRecord record;
  json.at("id").get_to(record.id);
  SHOAL_CHECK_OK(check_id(record.id));
  SHOAL_TRY(record.spec, spec_of(json.at("spec")));
  json.at("mount").get_to(record.mount);
  json.at("key_identity").get_to(record.key_identity);
  json.at("has_session_token").get_to(record.has_session_token);
  record.staging_path = json.at("staging_path").get<std::string>();
  json.at("detach_with_last_target").get_to(record.detach_with_last_target);
  for (const Json& target : json.at("targets")) record.targets.push_back(target_of(target));
  if (!is_component(record.mount)) return fail(ErrorCode::corrupt, "mount: not a file name");
  return record;
}

}  // namespace

std::string encode_record(const VolumeRecord& record) {
  Json targets = Json::array();
  for (const TargetReport& target : record.targets) targets.push_back(json_of(target));
  const Json json{{"version", kVersion},
                  {"id", record.id},
                  {"spec", json_of(record.spec)},
                  {"mount", record.mount},
                  {"key_identity", record.key_identity},
                  {"has_session_token", record.has_session_token},
                  {"staging_path", record.staging_path.string()},
                  {"detach_with_last_target", record.detach_with_last_target},
                  {"targets", std::move(targets)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<VolumeRecord> decode_record(std::string_view text) {
  std::string why;
  try {
    auto record = record_of(Json::parse(text));
    if (record) return record;
    why = record.error().message();
  } catch (const Json::exception& error) {
    why = error.what();
  }
  return fail(ErrorCode::corrupt, "record of a volume: " + why,
              "Detach the volume and attach it again, or remove the file.");
}

Result<RecordFiles> RecordFiles::open(const std::filesystem::path& directory) {
  SHOAL_CHECK_OK(sys::make_directories(directory));
  return RecordFiles(directory);
}

Result<RecordFiles::Loaded> RecordFiles::load() const {
  Loaded loaded;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() != ".json") continue;
    const auto text = sys::read_text_file(entry->path(), limits::kRecordBytesMax);
    auto record = text ? decode_record(*text) : fail(text.error());
    if (record)
      loaded.records.push_back(std::move(*record));
    else
      loaded.unreadable.push_back(std::move(record).error().with_context(entry->path().string()));
  }
  if (error) return fail(sys::errno_error(error.value(), "list " + directory_.string()));
  std::ranges::sort(loaded.records, {}, &VolumeRecord::id);
  return loaded;
}

Result<void> RecordFiles::save(const VolumeRecord& record) const {
  return sys::write_text_file(directory_ / (Names::of_id(record.id) + ".json"),
                              encode_record(record));
}

Result<void> RecordFiles::remove(const std::string& id) const {
  const auto path = directory_ / (Names::of_id(id) + ".json");
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    return fail(sys::errno_error(errno, "remove " + path.string()));
  return sys::sync_directory(directory_);
}

}  // namespace shoal::agent
