// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace shoal::http {

// How many bytes the other side of a TCP socket has acknowledged so far; zero when that cannot be
// known. Apart from its caller because <linux/tcp.h>, which alone tells, does not go with
// <netinet/tcp.h>.
[[nodiscard]] std::uint64_t bytes_acknowledged(int socket);

}  // namespace shoal::http
