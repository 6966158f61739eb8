// SPDX-License-Identifier: Apache-2.0
#include "store/credentials.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "store/encoding.h"
#include "store/ini_file.h"

namespace shoal::store {
namespace {

using Place = std::optional<Credentials>;

// When temporary keys end, as the tools that get them write it; 0 when that is no time of UTC.
std::int64_t expiry_of(std::string_view text) {
  std::string time(text);
  if (time.ends_with("+00:00")) time.replace(time.size() - 6, 6, "Z");
  return parse_iso_date(time).value_or(0);
}

// Looks in one place after the other and remembers where it looked.
class Search {
 public:
  Search(const StoreConfig& config, const CredentialSources& sources)
      : config_(config), sources_(sources) {}

  Result<std::optional<Credentials>> run(Scheme scheme) {
    if (!config_.credentials_file.empty()) return explicit_file();
    // A profile named on the command line means just that; one from AWS_PROFILE yields to keys.
    if (config_.profile.empty())
      if (auto found = environment_of(scheme)) return found;
    SHOAL_TRY(auto found, scheme == Scheme::s3 ? aws_profile() : ossutil());
    if (found) return found;
    return nothing(scheme);
  }

 private:
  std::string variable(const char* name) const { return sources_.environment(name).value_or(""); }

  Place environment(const char* id, const char* secret, const char* token, const char* expiration) {
    looked_.push_back(std::string(id) + " and " + secret);
    const std::string access_key = variable(id);
    const std::string secret_key = variable(secret);
    if (access_key.empty() || secret_key.empty()) return std::nullopt;
    return Credentials{access_key, Secret(secret_key), Secret(variable(token)),
                       "environment " + std::string(id), expiry_of(variable(expiration))};
  }

  Place environment_of(Scheme scheme) {
    if (scheme == Scheme::s3)
      return environment("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                         "AWS_CREDENTIAL_EXPIRATION");
    if (auto found = environment("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN",
                                 "OSS_CREDENTIAL_EXPIRATION"))
      return found;
    return environment("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
                       "ALIBABA_CLOUD_SECURITY_TOKEN", "ALIBABA_CLOUD_CREDENTIAL_EXPIRATION");
  }

  static Place keys_of(const IniFile& file, std::string_view section, std::string source) {
    const auto access_key = file.value_of_any(
        section,
        {"aws_access_key_id", "accesskeyid", "access_key_id", "access-key-id", "accessid"});
    const auto secret_key = file.value_of_any(section, {"aws_secret_access_key", "accesskeysecret",
                                                        "access_key_secret", "access-key-secret"});
    if (access_key.empty() || secret_key.empty()) return std::nullopt;
    const auto token = file.value_of_any(
        section,
        {"aws_session_token", "ststoken", "security_token", "sts-token", "aws_security_token"});
    const auto expiration = file.value_of_any(
        section,
        {"aws_credential_expiration", "aws_expiration", "expiration", "x_security_token_expires"});
    return Credentials{std::string(access_key), Secret(std::string(secret_key)),
                       Secret(std::string(token)), std::move(source), expiry_of(expiration)};
  }

  std::string profile() const {
    if (!config_.profile.empty()) return config_.profile;
    for (const char* name : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"})
      if (const std::string text = variable(name); !text.empty()) return text;
    return "default";
  }

  std::filesystem::path file_at(const char* name, const char* below_home) const {
    if (const std::string path = variable(name); !path.empty()) return path;
    return sources_.home / below_home;
  }

  Result<std::optional<Credentials>> explicit_file() {
    const auto& path = config_.credentials_file;
    SHOAL_TRY(const auto file, IniFile::load(path));
    if (!file)
      return fail(ErrorCode::not_found, "credentials file " + path.string() + " does not exist",
                  "Check --credentials-file.");
    const std::string section = config_.profile.empty() ? "default" : config_.profile;
    const std::string source = "profile " + section + " in " + path.string();
    if (auto found = keys_of(*file, section, source)) return found;
    if (auto found = keys_of(*file, "Credentials", "section Credentials in " + path.string());
        found && config_.profile.empty())
      return found;
    return fail(ErrorCode::permission,
                "credentials file " + path.string() + " has no keys in section [" + section + "]",
                "Write aws_access_key_id = ... and aws_secret_access_key = ... below it.");
  }

  Result<Place> aws_profile() {
    const std::string name = profile();
    const auto credentials_path = file_at("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
    const auto config_path = file_at("AWS_CONFIG_FILE", ".aws/config");
    looked_.push_back("profile " + name + " in " + credentials_path.string() + " and " +
                      config_path.string());
    SHOAL_TRY(const auto credentials, IniFile::load(credentials_path));
    SHOAL_TRY(const auto config, IniFile::load(config_path));
    if (credentials)
      if (auto found =
              keys_of(*credentials, name, "profile " + name + " in " + credentials_path.string()))
        return found;
    const std::string section = name == "default" ? name : "profile " + name;
    if (config)
      if (auto found = keys_of(*config, section, "profile " + name + " in " + config_path.string()))
        return found;
    for (const char* way : {"role_arn", "credential_process", "sso_session", "sso_start_url",
                            "web_identity_token_file"})
      if ((config && !config->value(section, way).empty()) ||
          (credentials && !credentials->value(name, way).empty()))
        return fail(ErrorCode::unsupported,
                    "profile " + name + " gets its keys by " + way + ", which Shoal does not do",
                    "Get keys from it first: eval \"$(aws configure export-credentials --profile " +
                        name +
                        " --format env)\" (they expire: a mount needs them for its whole life).");
    return std::nullopt;
  }

  Result<Place> ossutil() {
    const auto path = sources_.home / ".ossutilconfig";
    looked_.push_back(path.string());
    SHOAL_TRY(const auto file, IniFile::load(path));
    if (!file) return std::nullopt;
    // Version 1 has [Credentials], version 2 has [default] and [profile NAME].
    std::vector<std::string> sections = {"Credentials", "default"};
    if (!config_.profile.empty()) sections = {"profile " + config_.profile, config_.profile};
    for (const auto& section : sections)
      if (auto found = keys_of(*file, section, "section " + section + " in " + path.string()))
        return found;
    return std::nullopt;
  }

  Result<std::optional<Credentials>> nothing(Scheme scheme) const {
    std::string text = "no credentials found; looked for ";
    for (std::size_t i = 0; i < looked_.size(); ++i)
      text += (i == 0 ? "" : i + 1 == looked_.size() ? " and for " : ", ") + looked_[i];
    return fail(
        ErrorCode::permission, std::move(text),
        std::string("Set ") +
            (scheme == Scheme::s3 ? "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                                  : "OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET") +
            ", name a profile that has keys, or use --no-sign-request for a public bucket.");
  }

  const StoreConfig& config_;
  const CredentialSources& sources_;
  std::vector<std::string> looked_;
};

}  // namespace

CredentialSources CredentialSources::of_process() {
  CredentialSources sources;
  sources.environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
  sources.home = sources.environment("HOME").value_or("/");
  return sources;
}

Result<std::optional<Credentials>> find_credentials(Scheme scheme, const StoreConfig& config,
                                                    const CredentialSources& sources) {
  if (!config.sign_requests || scheme == Scheme::file) return std::nullopt;
  SHOAL_TRY(auto found, Search(config, sources).run(scheme));
  // A line break would end a header; it comes from a badly cut file.
  const auto is_plain = [](std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
  };
  if (found && !(is_plain(found->access_key) && is_plain(found->secret_key.reveal()) &&
                 is_plain(found->session_token.reveal())))
    return fail(ErrorCode::bad_input,
                "the credentials from " + found->source + " hold a space or a control character",
                "Copy the keys again, without quotes or line breaks.");
  return found;
}

std::int64_t keys_expire_at(Scheme scheme, const StoreConfig& config,
                            const CredentialSources& sources) {
  const auto found = find_credentials(scheme, config, sources);
  return found && *found ? (*found)->expire_at : 0;
}

}  // namespace shoal::store
