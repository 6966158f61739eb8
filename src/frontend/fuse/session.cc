// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/session.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "frontend/fuse/bounds.h"
#include "sys/file.h"

namespace shoal::fuse {
namespace {

using protocol::InitRequest;
using Json = nlohmann::json;

constexpr int kVersion = 1;
constexpr std::uint64_t kSessionFileBytesMax = 4096;

// FUSE_PASSTHROUGH is left out for good: with it EROFS refuses the file as a backing device.
constexpr std::uint64_t kWanted = protocol::kAsyncRead | protocol::kAsyncDirectIo |
                                  protocol::kParallelDirectoryOperations | protocol::kMaxPages |
                                  protocol::kExplicitInvalidation | protocol::kInitExtended |
                                  protocol::kHasResend;

bool take_number(const Json& json, const char* name, std::uint64_t max, std::uint64_t& value) {
  if (!json.is_object()) return false;
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number_unsigned()) return false;
  value = found->get<std::uint64_t>();
  return value <= max;
}

}  // namespace

Result<Session> negotiate(const InitRequest& offer, bool allow_resend) {
  if (offer.major != protocol::kMajor || offer.minor < protocol::kMinorMin)
    return fail(ErrorCode::unsupported,
                "negotiate with the kernel: it speaks FUSE " + std::to_string(offer.major) + "." +
                    std::to_string(offer.minor) + ", needed is 7." +
                    std::to_string(protocol::kMinorMin) + " or newer",
                "Use Linux 5.13 or newer.");
  Session session;
  session.minor = std::min(offer.minor, protocol::kMinorMax);
  session.flags = offer.flags & kWanted;
  if (!allow_resend) session.flags &= ~protocol::kHasResend;
  // Without FUSE_MAX_PAGES a request is at most 32 pages.
  session.max_pages =
      (session.flags & protocol::kMaxPages) != 0 ? bounds::kPagesPerRequest : std::uint16_t{32};
  return session;
}

protocol::InitReply init_reply(const Session& session) {
  return {.minor = session.minor,
          .flags = session.flags,
          // The kernel begins with 128 KiB of it; see widen_readahead().
          .max_readahead = bounds::kReadBytes,
          .max_background = bounds::kBackgroundRequests,
          .max_write = bounds::kWriteBytes,
          .max_pages = session.max_pages};
}

std::string encode_session(const Session& session) {
  Json json{{"version", kVersion},
            {"minor", session.minor},
            {"flags", session.flags},
            {"max_pages", session.max_pages}};
  if (session.image)
    json["image"] = {{"generation", session.image->generation},
                     {"listed_at", session.image->listed_at},
                     {"bytes", session.image->image_bytes}};
  return json.dump() + "\n";
}

Result<Session> decode_session(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  std::uint64_t version = 0;
  std::uint64_t minor = 0;
  std::uint64_t flags = 0;
  std::uint64_t max_pages = 0;
  bool valid = take_number(json, "version", UINT32_MAX, version) && version == kVersion &&
               take_number(json, "minor", UINT32_MAX, minor) &&
               take_number(json, "flags", UINT64_MAX, flags) &&
               take_number(json, "max_pages", UINT16_MAX, max_pages) && max_pages != 0;
  Session session{.minor = static_cast<std::uint32_t>(minor),
                  .flags = flags,
                  .max_pages = static_cast<std::uint16_t>(max_pages)};
  if (valid && json.contains("image")) {
    const Json& image = json["image"];
    std::uint64_t listed_at = 0;
    session.image.emplace();
    valid = take_number(image, "generation", UINT64_MAX, session.image->generation) &&
            take_number(image, "listed_at", INT64_MAX, listed_at) &&
            take_number(image, "bytes", UINT64_MAX, session.image->image_bytes);
    session.image->listed_at = static_cast<std::int64_t>(listed_at);
  }
  if (valid) return session;
  return fail(ErrorCode::corrupt, "decode FUSE session: not a session file of this version",
              "Unmount and mount again.");
}

Result<Session> load_session(const std::filesystem::path& path) {
  SHOAL_TRY(const std::string text, sys::read_text_file(path, kSessionFileBytesMax));
  return decode_session(text);
}

Result<void> save_session(const std::filesystem::path& path, const Session& session) {
  return sys::write_text_file(path, encode_session(session));
}

}  // namespace shoal::fuse
