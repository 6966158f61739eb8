// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace shoal::csi {

// $CSI_ENDPOINT as it is written: "unix:///csi/csi.sock", "unix:/csi/csi.sock",
// "unix://csi/csi.sock" (which other drivers read as /csi/csi.sock, too), or the path alone. The
// path. bad_input: not a unix socket, not ending in ".sock", or longer than the kernel takes.
[[nodiscard]] Result<std::filesystem::path> parse_endpoint(std::string_view text);

// That the socket can be bound there: its directory exists, and nothing is in its place but a
// socket nobody listens on. Fails with not_found, precondition, io.
[[nodiscard]] Result<void> check_can_listen(const std::filesystem::path& socket);

}  // namespace shoal::csi
