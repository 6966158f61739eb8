// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "store/credentials.h"
#include "store/open.h"
#include "store/remote/service.h"

namespace shoal::store::oss {

// `config` is complete (complete_config). Fails with bad_input when it names neither endpoint nor
// region, or no region where V4 needs one.
[[nodiscard]] Result<Service> make_service(const std::string& bucket, const StoreConfig& config,
                                           std::optional<Credentials> credentials);

// "cn-hangzhou" for oss-cn-hangzhou.aliyuncs.com, its -internal form, cn-hangzhou.oss.aliyuncs.com
// and the data accelerator's names; empty for any other host.
[[nodiscard]] std::string region_of_host(std::string_view host);

}  // namespace shoal::store::oss
