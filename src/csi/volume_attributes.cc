// SPDX-License-Identifier: Apache-2.0
#include "csi/volume_attributes.h"

#include <algorithm>
#include <array>

#include "csi/attribute_values.h"
#include "csi/foreign_options.h"
#include "csi/volume_draft.h"

namespace shoal::csi {
namespace {

constexpr std::string_view kPodInfo = "csi.storage.k8s.io/";

// Attributes of other drivers that mean nothing here, and why.
struct ForeignAttribute {
  std::string_view name;  // plain
  const char* instead;
};
constexpr std::array kForeign{
    ForeignAttribute{"fusetype", "the volume is mounted by Shoal, not by a FUSE client"},
    ForeignAttribute{"metricstop", "metrics are the agent's, see its --metrics-address"},
    ForeignAttribute{"dnspolicy", "the node agent asks the node's resolver"},
    ForeignAttribute{"encrypted", "the service decrypts objects for whoever may read them"},
    ForeignAttribute{"kmskeyid", "the service decrypts objects for whoever may read them"},
    ForeignAttribute{"secretref", "keys come from nodeStageSecretRef or nodePublishSecretRef"},
    ForeignAttribute{"rolename", "Shoal assumes no roles"},
    ForeignAttribute{"ramrole", "Shoal assumes no roles"},
    ForeignAttribute{"rolearn", "Shoal assumes no roles"},
    ForeignAttribute{"assumerolearn", "Shoal assumes no roles"},
    ForeignAttribute{"externalid", "Shoal assumes no roles"},
    ForeignAttribute{"oidcproviderarn", "Shoal assumes no roles"},
    ForeignAttribute{"serviceaccountname", "Shoal assumes no roles"},
    ForeignAttribute{"secretproviderclass", "keys come from a Secret"},
    ForeignAttribute{"authenticationsource", "keys come from a Secret, else they are the node's"},
    ForeignAttribute{"stsregion", "Shoal assumes no roles"},
    ForeignAttribute{"usesharedpath", "volumes of one dataset share a mount anyway"},
};

// Where a setting stood, for messages.
struct Given {
  std::string value;
  std::string where;  // "attribute umask"
};

class Reader {
 public:
  explicit Reader(const VolumeInput& input) : input_(input) {}

  Result<VolumeRequest> run() {
    SHOAL_CHECK_OK(read_other_options());
    SHOAL_TRY(const auto flags, parse_mount_flags(input_.mount_flags));
    for (const Option& option : flags) take_option(option, "mount option");
    SHOAL_CHECK_OK(read_attributes());
    SHOAL_CHECK_OK(apply());
    SHOAL_CHECK_OK(finish_draft(draft_));
    SHOAL_CHECK_OK(take_group());
    SHOAL_CHECK_OK(take_keys());
    SHOAL_CHECK_OK(agent::check_spec(draft_.request.spec));
    return std::move(draft_.request);
  }

 private:
  void warn(std::string text) {
    auto& warnings = draft_.request.warnings;
    if (std::ranges::find(warnings, text) == warnings.end()) warnings.push_back(std::move(text));
  }

  Result<void> read_other_options() {
    for (const auto& [name, value] : input_.attributes) {
      if (plain_name(name) != "otheropts") continue;
      SHOAL_TRY(const auto options, parse_other_options(value));
      for (const Option& option : options) take_option(option, "option");
    }
    return {};
  }

  void take_option(const Option& option, const char* kind) {
    const std::string where = std::string(kind) + " " + option.name;
    const OptionMeaning meaning = meaning_of(option);
    if (const auto* means = std::get_if<Means>(&meaning))
      give(means->setting, trimmed(means->value), where);
    else if (const auto* ignored = std::get_if<Ignored>(&meaning))
      warn(where + " has no effect: " + std::string(ignored->instead));
    else if (std::holds_alternative<Unknown>(meaning))
      warn(where + " has no effect: Shoal does not know it");
  }

  // The last one given counts; another value before it is worth a word.
  void give(const std::string& setting, std::string_view value, const std::string& where) {
    if (value.empty()) return;
    Given given{std::string(value), where};
    const auto at = given_.find(setting);
    if (at != given_.end() && at->second.value != given.value && !is_secret(setting))
      warn(where + " (" + given.value + ") is used, not " + at->second.where + " (" +
           at->second.value + ")");
    given_.insert_or_assign(setting, std::move(given));
  }
  static bool is_secret(std::string_view setting) {
    return setting == "akid" || setting == "aksecret";
  }

  Result<void> read_attributes() {
    StringMap seen;  // plain name -> as written
    for (const auto& [name, value] : input_.attributes) {
      const std::string plain = plain_name(name);
      const std::string text(trimmed(value));
      if (is_pod_info(name)) {
        if (lower(name) == "csi.storage.k8s.io/ephemeral")
          draft_.request.ephemeral = lower(text) == "true";
        continue;
      }
      if (text.empty() || plain == "otheropts" || is_provisioners(name)) continue;
      const auto [first, is_new] = seen.emplace(plain, name);
      if (!is_new && trimmed(input_.attributes.at(first->second)) != text)
        return fail(ErrorCode::bad_input,
                    "attributes " + first->second + " and " + name + " are one, and differ",
                    "Leave one of them out.");
      if (!take_foreign(plain, name)) give(plain, text, "attribute " + name);
    }
    return {};
  }
  static bool is_provisioners(std::string_view name) {
    return name.starts_with("storage.kubernetes.io/");
  }

  bool take_foreign(std::string_view plain, const std::string& name) {
    for (const ForeignAttribute& foreign : kForeign) {
      if (foreign.name != plain) continue;
      warn("attribute " + name + " has no effect: " + foreign.instead);
      return true;
    }
    return false;
  }

  Result<void> apply() {
    for (const auto& [setting, given] : given_) {
      auto known = apply_setting(draft_, setting, given.value);
      if (!known) {
        Error error = std::move(known).error();
        return fail(std::move(error).with_context(
            given.where + (is_secret(setting) ? "" : " '" + given.value + "'")));
      }
      if (!*known) warn_unknown(setting, given);
    }
    return {};
  }

  void warn_unknown(const std::string& setting, const Given& given) {
    std::string text = given.where + " has no effect: Shoal does not know it";
    for (const std::string_view name : setting_names())
      if (edit_distance(setting, plain_name(name)) <= 2 && setting.size() > 3) {
        text += "; did you mean " + std::string(name) + "?";
        break;
      }
    warn(std::move(text));
  }

  Result<void> take_group() {
    if (input_.mount_group.empty()) return {};
    VolumeRequest& request = draft_.request;
    const auto group = number_value(input_.mount_group);
    if (!group || *group == 0xffffffffu)
      return fail(ErrorCode::bad_input,
                  "volume_mount_group '" + input_.mount_group + "' is not the number of a group");
    if (request.spec.gid) {
      if (*request.spec.gid != *group)
        warn("gid " + std::to_string(*request.spec.gid) + " is shown, not the pod's fsGroup " +
             std::to_string(*group));
      return {};
    }
    // What the group is for: its members can read.
    if (const auto mask = mode_value(request.spec.umask); mask && (*mask & 0070) != 0)
      request.spec.umask[2] = '0';
    request.spec.gid = *group;
    request.gid_of_pod = true;
    return {};
  }

  Result<void> take_keys() {
    VolumeRequest& request = draft_.request;
    std::vector<std::string> unknown;
    SHOAL_TRY(request.keys, find_keys(input_.secrets, &unknown));
    if (!unknown.empty()) {
      std::string names;
      for (const std::string& name : unknown) names += (names.empty() ? "" : ", ") + name;
      warn("the Secret has no keys that Shoal knows, only: " + names);
    }
    const bool given = !draft_.access_key.empty() || !draft_.secret_key.empty();
    if (given)
      warn(
          "attributes akId and akSecret can be read by everybody who may see the volume: put them "
          "into a Secret");
    if (given && !request.keys) {
      SHOAL_TRY(request.keys, find_keys({{"akId", draft_.access_key},
                                         {"akSecret", std::string(draft_.secret_key.reveal())}}));
    }
    if (!request.spec.sign_requests && request.keys) {
      warn("the keys are not used: authType is public");
      request.keys.reset();
    }
    return {};
  }

  const VolumeInput& input_;
  VolumeDraft draft_;
  std::map<std::string, Given> given_;  // by plain name of the setting
};

}  // namespace

bool is_pod_info(std::string_view name) {
  return lower(name).starts_with(kPodInfo);
}

Result<VolumeRequest> read_volume(const VolumeInput& input) {
  return Reader(input).run();
}

}  // namespace shoal::csi
