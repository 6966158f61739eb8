// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "store/credentials.h"
#include "store/open.h"
#include "store/remote/service.h"

namespace shoal::store::s3 {

// `config` is complete (complete_config). Fails with bad_input for an endpoint that is none.
[[nodiscard]] Result<Service> make_service(const std::string& bucket, const StoreConfig& config,
                                           std::optional<Credentials> credentials);

}  // namespace shoal::store::s3
