// SPDX-License-Identifier: Apache-2.0
#include "csi/volume_draft.h"

#include <array>
#include <vector>

#include "base/limits.h"
#include "csi/attribute_values.h"

namespace shoal::csi {
namespace {

Error unreadable(const char* why, std::string remedy) {
  return Error(ErrorCode::bad_input, why, std::move(remedy));
}

using Spec = agent::VolumeSpec;
using Take = Result<void> (*)(VolumeDraft&, const std::string&);

template <std::string VolumeDraft::*member>
Result<void> take_part(VolumeDraft& draft, const std::string& value) {
  draft.*member = value;
  return {};
}
template <std::string Spec::*member>
Result<void> take_text(VolumeDraft& draft, const std::string& value) {
  draft.request.spec.*member = value;
  return {};
}
template <std::string Spec::*member>
Result<void> take_word(VolumeDraft& draft, const std::string& value) {
  draft.request.spec.*member = lower(value);
  return {};
}
Result<bool> truth(const std::string& value) {
  if (const auto truth = bool_value(value)) return *truth;
  return fail(unreadable("neither true nor false", "Write \"true\" or \"false\"."));
}
template <bool Spec::*member>
Result<void> take_flag(VolumeDraft& draft, const std::string& value) {
  SHOAL_TRY(draft.request.spec.*member, truth(value));
  return {};
}
template <std::optional<std::uint32_t> Spec::*member>
Result<void> take_owner(VolumeDraft& draft, const std::string& value) {
  const auto number = number_value(value);
  // The largest number means "nobody" to the kernel.
  if (!number || *number == 0xffffffffu)
    return fail(unreadable("not the number of a user or group", "Write a number, like \"1000\"."));
  draft.request.spec.*member = *number;
  return {};
}
Result<std::uint32_t> mode(const std::string& value) {
  if (const auto mode = mode_value(value)) return *mode;
  return fail(unreadable("not an octal mask", "Write it like \"022\" or \"0077\"."));
}

Result<void> take_umask(VolumeDraft& draft, const std::string& value) {
  SHOAL_TRY(draft.umask, mode(value));
  return {};
}
// Modes can only take away from what everybody may: files 0444, directories 0555.
Result<void> take_file_mode(VolumeDraft& draft, const std::string& value) {
  SHOAL_TRY(const std::uint32_t allowed, mode(value));
  draft.mask_added |= 0444u & ~allowed;
  return {};
}
Result<void> take_directory_mode(VolumeDraft& draft, const std::string& value) {
  SHOAL_TRY(const std::uint32_t allowed, mode(value));
  draft.mask_added |= 0555u & ~allowed;
  return {};
}
Result<void> take_requests(VolumeDraft& draft, const std::string& value) {
  const auto number = number_value(value);
  if (!number || *number == 0 || *number > limits::kRequestsInFlightMax)
    return fail(unreadable(
        "not a number of requests",
        "Write a number from 1 to " + std::to_string(limits::kRequestsInFlightMax) + "."));
  draft.request.spec.max_requests = *number;
  return {};
}
Result<void> take_qps(VolumeDraft& draft, const std::string& value) {
  const auto rate = rate_value(value);
  if (!rate) return fail(unreadable("not a number", "Write requests per second, like \"500\"."));
  draft.request.spec.max_qps = *rate;
  return {};
}
Result<void> take_io_timeout(VolumeDraft& draft, const std::string& value) {
  const auto time = duration_value(value);
  if (!time || time->count() < 1 || time->count() > 86400)
    return fail(
        unreadable("not a time from one second to a day", "Write it like \"60\" or \"2m\"."));
  draft.request.spec.io_timeout_seconds = static_cast<std::uint32_t>(time->count());
  return {};
}
Result<void> take_index_age(VolumeDraft& draft, const std::string& value) {
  const auto age = duration_value(value);
  if (!age) return fail(unreadable("not a time", "Write it like \"30m\", \"1h\" or \"2d\"."));
  draft.request.spec.index_age_max = *age;
  return {};
}
Result<void> take_warm(VolumeDraft& draft, const std::string& value) {
  draft.request.spec.warm = words(value);
  return {};
}
Result<void> take_secret(VolumeDraft& draft, const std::string& value) {
  draft.secret_key = Secret(value);
  return {};
}
Result<void> take_strict(VolumeDraft& draft, const std::string& value) {
  SHOAL_TRY(draft.request.strict_access_mode, truth(value));
  return {};
}
Result<void> take_auth(VolumeDraft& draft, const std::string& value) {
  const std::string type = lower(value);
  if (type == "public") {
    draft.request.spec.sign_requests = false;
    return {};
  }
  return fail(unreadable(
      "Shoal does not assume roles and asks no metadata service",
      "Leave authType out and put keys into the Secret that nodeStageSecretRef or "
      "nodePublishSecretRef names; temporary ones (AccessKeyId, AccessKeySecret, SecurityToken) "
      "may "
      "be replaced there while the volume is mounted. Write \"public\" for a public bucket."));
}
Result<void> take_provider(VolumeDraft& draft, const std::string& value) {
  draft.provider = lower(value);
  if (draft.provider == "s3" || draft.provider == "oss") return {};
  return fail(unreadable("no such kind of service", "Write \"oss\" or \"s3\"."));
}
Result<void> take_path(VolumeDraft& draft, const std::string& value) {
  draft.path = value;
  if (value.starts_with('/')) return {};
  return fail(
      unreadable("does not begin with \"/\"", "Write it like \"/directory/of/the/bucket\"."));
}
Result<void> take_signature(VolumeDraft& draft, const std::string& value) {
  const std::string version = lower(value);
  if (version != "v1" && version != "v4")
    return fail(unreadable("no such version of signatures", "Write \"v4\" or \"v1\"."));
  draft.request.spec.signature = version;
  return {};
}

struct Setting {
  std::string_view shown;
  Take take;
};
constexpr std::array kSettings{
    Setting{"bucket", take_part<&VolumeDraft::bucket>},
    Setting{"bucketName", take_part<&VolumeDraft::bucket>},
    Setting{"url", take_part<&VolumeDraft::url>},
    Setting{"path", take_path},
    Setting{"source", take_part<&VolumeDraft::source>},
    Setting{"provider", take_provider},
    Setting{"endpoint", take_part<&VolumeDraft::endpoint>},
    Setting{"region", take_text<&Spec::region>},
    Setting{"addressing", take_word<&Spec::addressing>},
    Setting{"sigVersion", take_signature},
    Setting{"authType", take_auth},
    Setting{"akId", take_part<&VolumeDraft::access_key>},
    Setting{"akSecret", take_secret},
    Setting{"umask", take_umask},
    Setting{"fileMode", take_file_mode},
    Setting{"dirMode", take_directory_mode},
    Setting{"uid", take_owner<&Spec::uid>},
    Setting{"gid", take_owner<&Spec::gid>},
    Setting{"cacheSize", take_text<&Spec::cache_size>},
    Setting{"bufferSize", take_text<&Spec::buffer_size>},
    Setting{"resourceLimit", take_word<&Spec::resource_limit>},
    Setting{"maxRequests", take_requests},
    Setting{"maxQps", take_qps},
    Setting{"maxBandwidth", take_text<&Spec::max_bandwidth>},
    Setting{"ioTimeout", take_io_timeout},
    Setting{"directMode", take_flag<&Spec::direct>},
    Setting{"noPrefetch", take_flag<&Spec::no_prefetch>},
    Setting{"order", take_text<&Spec::order>},
    Setting{"warm", take_warm},
    Setting{"pin", take_flag<&Spec::pin>},
    Setting{"indexMaxAge", take_index_age},
    Setting{"strictAccessMode", take_strict},
};
constexpr auto kShownNames = [] {
  std::array<std::string_view, kSettings.size()> names{};
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kSettings[i].shown;
  return names;
}();

// Where a service is, without scheme.
struct ServiceHost {
  std::string scheme;
  std::string host;
};

Error bad_url(const std::string& url, const std::string& why, const std::string& remedy) {
  return Error(ErrorCode::bad_input, "url '" + url + "': " + why, remedy);
}

Result<ServiceHost> parse_url(const std::string& url, const std::string& bucket) {
  // What stands before it may be a password: not repeated.
  if (url.find('@') != std::string::npos)
    return fail(ErrorCode::bad_input, "url: there is a '@' in it",
                "Write host or host:port; keys go into a Secret.");
  ServiceHost parsed;
  std::string_view rest = url;
  if (const auto mark = rest.find("://"); mark != std::string_view::npos) {
    parsed.scheme = lower(rest.substr(0, mark));
    rest.remove_prefix(mark + 3);
    if (parsed.scheme != "http" && parsed.scheme != "https")
      return fail(bad_url(url, "'" + parsed.scheme + "' is not spoken by object stores",
                          "Write http:// or https://, or the host alone."));
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  parsed.host = lower(rest);
  if (parsed.host.empty() || parsed.host.find_first_of("/?# ") != std::string::npos)
    return fail(bad_url(url, "not the address of a service",
                        "Write host or host:port, like oss-cn-hangzhou.aliyuncs.com; what is below "
                        "goes into path."));
  if (!bucket.empty() && parsed.host.starts_with(bucket + "."))
    return fail(bad_url(url, "it begins with the bucket",
                        "Write " + parsed.host.substr(bucket.size() + 1) +
                            ": the bucket's name is put before it."));
  if (parsed.scheme.empty()) {
    const std::string_view name = std::string_view(parsed.host).substr(0, parsed.host.find(':'));
    parsed.scheme = name.ends_with("-internal.aliyuncs.com") ? "http" : "https";
  }
  return parsed;
}

bool is_oss_host(std::string_view host) {
  const std::string_view name = host.substr(0, host.find(':'));
  return name.ends_with(".aliyuncs.com");
}

Result<void> take_source(VolumeDraft& draft) {
  const auto host = draft.source.find("://");
  if (host != std::string::npos && draft.source.find('@') < draft.source.find('/', host + 3))
    return fail(ErrorCode::bad_input, "source: there is a '@' in its bucket",  // maybe a key before
                "Write s3://bucket/prefix or oss://bucket/prefix; keys go into a Secret.");
  if (!draft.bucket.empty() || !draft.path.empty())
    return fail(ErrorCode::bad_input,
                "source '" + draft.source + "' and bucket or path are both given",
                "Write either source, or bucket, url and path.");
  // Files of the node are nobody's dataset: whoever may write a pod could read all of them.
  if (!draft.source.starts_with("s3://") && !draft.source.starts_with("oss://"))
    return fail(ErrorCode::bad_input, "source '" + draft.source + "' is not in an object store",
                "Write s3://bucket/prefix or oss://bucket/prefix.");
  draft.request.spec.source = draft.source;
  return {};
}

// A dataset is a directory: "/a/b" and "/a/b/" are one.
std::string prefix_of(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.empty()) return {};
  path.remove_prefix(1);
  return std::string(path) + "/";
}

Result<void> finish_source(VolumeDraft& draft) {
  Spec& spec = draft.request.spec;
  std::string scheme = draft.provider;
  if (!draft.url.empty()) {
    SHOAL_TRY(const ServiceHost host, parse_url(draft.url, draft.bucket));
    if (scheme.empty() && is_oss_host(host.host)) scheme = "oss";
    if (draft.endpoint.empty()) draft.endpoint = host.scheme + "://" + host.host;
  } else if (!draft.endpoint.empty()) {
    SHOAL_TRY(const ServiceHost host, parse_url(draft.endpoint, draft.bucket));
    if (scheme.empty() && is_oss_host(host.host)) scheme = "oss";
    draft.endpoint = host.scheme + "://" + host.host;
  }
  spec.endpoint = draft.endpoint;
  if (!draft.source.empty()) return take_source(draft);
  if (draft.bucket.empty())
    return fail(ErrorCode::bad_input, "the volume names no dataset: attribute bucket is missing",
                "Write bucket, url and path, or source: s3://bucket/prefix.");
  if (draft.bucket.find('/') != std::string::npos)
    return fail(ErrorCode::bad_input, "bucket '" + draft.bucket + "' is not a bucket's name",
                "Write the bucket alone; the directory in it goes into path.");
  spec.source =
      (scheme.empty() ? "s3" : scheme) + "://" + draft.bucket + "/" + prefix_of(draft.path);
  return {};
}

}  // namespace

Result<bool> apply_setting(VolumeDraft& draft, std::string_view name, const std::string& value) {
  for (const Setting& setting : kSettings) {
    if (plain_name(setting.shown) != name) continue;
    SHOAL_CHECK_OK(setting.take(draft, value));
    return true;
  }
  return false;
}

std::span<const std::string_view> setting_names() {
  return kShownNames;
}

Result<void> finish_draft(VolumeDraft& draft) {
  SHOAL_CHECK_OK(finish_source(draft));
  if (draft.umask || draft.mask_added != 0) {
    const std::uint32_t mask = draft.umask.value_or(0) | draft.mask_added;
    std::string text = "0000";
    for (std::size_t i = 0; i < 3; ++i)
      text[3 - i] = static_cast<char>('0' + (mask >> (3 * i) & 7));
    draft.request.spec.umask = text;
  }
  return {};
}

}  // namespace shoal::csi
