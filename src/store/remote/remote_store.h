// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/executor.h"
#include "http/transport.h"
#include "store/counters.h"
#include "store/object_store.h"
#include "store/remote/service.h"

namespace shoal::store {

// A bucket of S3 or OSS: the calls of the waist in the words of the two services' common REST API.
// confined to `executor`. `parser` (null: the executor itself) reads list pages. `counters` (null:
// nobody looks) outlives the store.
[[nodiscard]] std::unique_ptr<ObjectStore> make_remote_store(LoopExecutor& executor,
                                                             http::Transport& transport,
                                                             Executor* parser, Service service,
                                                             StoreCounters* counters = nullptr);

}  // namespace shoal::store
