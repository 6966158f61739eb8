// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "shoal/uploader.h"
#include "upload/watcher.h"

namespace shoal::tools {

// What `shoal watch` tells Prometheus: the backlog, its age, outcomes, requests to the bucket.
[[nodiscard]] std::string watch_metrics(const Uploader& uploader, const upload::WatchStats& watch);

}  // namespace shoal::tools
