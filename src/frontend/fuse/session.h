// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "frontend/fuse/protocol.h"

// What server and kernel agreed on in INIT. The kernel says INIT once per mount, so the first
// server saves it and every later one reads it back.

namespace shoal::fuse {

// Which image a mount shows. The kernel keeps what it has read of it, so a server of another one
// would mix the two.
struct ImageIdentity {
  std::uint64_t generation = 0;
  std::int64_t listed_at = 0;
  std::uint64_t image_bytes = 0;
  bool operator==(const ImageIdentity&) const = default;
};

struct Session {
  std::uint32_t minor = 0;
  std::uint64_t flags = 0;
  std::uint16_t max_pages = 0;                        // most pages in one READ
  std::optional<ImageIdentity> image = std::nullopt;  // none: written by a version without it

  // The kernel can send unanswered requests again after a server's death (Linux 6.9).
  [[nodiscard]] bool resend() const noexcept { return (flags & protocol::kHasResend) != 0; }
  bool operator==(const Session&) const = default;
};

// What we ask for, cut down to what the kernel offers. `allow_resend` false leaves resending out,
// as on a kernel without it. Fails with unsupported when the kernel's protocol is too old.
[[nodiscard]] Result<Session> negotiate(const protocol::InitRequest& offer, bool allow_resend);
[[nodiscard]] protocol::InitReply init_reply(const Session& session);

[[nodiscard]] std::string encode_session(const Session& session);
// Fails with corrupt when the text is not what encode_session() writes.
[[nodiscard]] Result<Session> decode_session(std::string_view text);

// `not_found` when there is none: the kernel's INIT is still to come.
[[nodiscard]] Result<Session> load_session(const std::filesystem::path& path);
[[nodiscard]] Result<void> save_session(const std::filesystem::path& path, const Session& session);

}  // namespace shoal::fuse
