// SPDX-License-Identifier: Apache-2.0
#include "store/credentials.h"
#include "store/ini_file.h"
#include "store/oss/oss_service.h"

namespace shoal::store {
namespace {

using Names = std::initializer_list<const char*>;

std::string first_variable(const CredentialSources& sources, Names names) {
  for (const char* name : names)
    if (auto value = sources.environment(name); value && !value->empty()) return *value;
  return {};
}

// A broken file is reported by find_credentials(), which reads it too and can fail.
std::optional<IniFile> file_or_nothing(const std::filesystem::path& path) {
  auto file = IniFile::load(path);
  return file ? std::move(*file) : std::nullopt;
}

void fill(std::string& field, std::string_view value) {
  if (field.empty()) field = value;
}

void complete_s3(StoreConfig& config, const CredentialSources& sources) {
  fill(config.region, first_variable(sources, {"AWS_REGION", "AWS_DEFAULT_REGION"}));
  fill(config.endpoint, first_variable(sources, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}));
  std::string profile = config.profile;
  fill(profile, first_variable(sources, {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}));
  fill(profile, "default");
  const std::string config_file = first_variable(sources, {"AWS_CONFIG_FILE"});
  const std::string credentials_file = first_variable(sources, {"AWS_SHARED_CREDENTIALS_FILE"});
  const std::string section = profile == "default" ? profile : "profile " + profile;
  if (const auto file = file_or_nothing(config_file.empty() ? sources.home / ".aws/config"
                                                            : std::filesystem::path(config_file))) {
    fill(config.region, file->value(section, "region"));
    fill(config.endpoint, file->value(section, "endpoint_url"));
  }
  auto path = config.credentials_file;
  if (path.empty())
    path = credentials_file.empty() ? sources.home / ".aws/credentials"
                                    : std::filesystem::path(credentials_file);
  if (const auto file = file_or_nothing(path)) {
    fill(config.region, file->value(profile, "region"));
    fill(config.endpoint, file->value(profile, "endpoint_url"));
  }
  fill(config.region, "us-east-1");
  const std::string domain =
      config.region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com";
  fill(config.endpoint, "https://s3." + config.region + domain);
}

void complete_oss(StoreConfig& config, const CredentialSources& sources) {
  fill(config.region, first_variable(sources, {"OSS_REGION"}));
  fill(config.endpoint, first_variable(sources, {"OSS_ENDPOINT"}));
  if (const auto file = file_or_nothing(sources.home / ".ossutilconfig")) {
    const std::string section = config.profile.empty() ? "default" : "profile " + config.profile;
    for (const auto& name : {section, std::string("Credentials")}) {
      fill(config.region, file->value(name, "region"));
      fill(config.endpoint, file->value(name, "endpoint"));
    }
  }
  if (config.region.starts_with("oss-")) config.region.erase(0, 4);
  if (config.endpoint.empty() && !config.region.empty())
    config.endpoint = "https://oss-" + config.region + ".aliyuncs.com";
  const auto endpoint = parse_endpoint(config.endpoint);
  if (!endpoint) return;  // make_service() says what is wrong with it
  fill(config.region, oss::region_of_host(endpoint->name()));
  // A test server on this machine takes any region.
  if (endpoint->is_bare()) fill(config.region, "cn-hangzhou");
}

}  // namespace

StoreConfig complete_config(Scheme scheme, StoreConfig config, const CredentialSources& sources) {
  if (scheme == Scheme::s3) complete_s3(config, sources);
  if (scheme == Scheme::oss) complete_oss(config, sources);
  if (!config.endpoint.empty() && config.endpoint.find("://") == std::string::npos)
    config.endpoint.insert(0, "https://");
  return config;
}

}  // namespace shoal::store
