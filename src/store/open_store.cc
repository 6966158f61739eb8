// SPDX-License-Identifier: Apache-2.0
#include <random>

#include "store/credentials.h"
#include "store/file/file_store.h"
#include "store/hedge.h"
#include "store/open.h"
#include "store/oss/oss_service.h"
#include "store/remote/remote_store.h"
#include "store/retry.h"
#include "store/s3/s3_service.h"

namespace shoal::store {
namespace {

Result<std::unique_ptr<ObjectStore>> open_remote(const Location& location,
                                                 const StoreConfig& config,
                                                 const StoreParts& parts) {
  if (parts.transport == nullptr)
    return fail(ErrorCode::bug, "open " + location.to_url() + ": no HTTP transport was given");
  const auto sources = CredentialSources::of_process();
  SHOAL_TRY(auto credentials, find_credentials(location.scheme, config, sources));
  const StoreConfig complete = complete_config(location.scheme, config, sources);
  auto service = location.scheme == Scheme::s3
                     ? s3::make_service(location.bucket, complete, std::move(credentials))
                     : oss::make_service(location.bucket, complete, std::move(credentials));
  if (!service) return fail(std::move(service).error());
  service->renew = [scheme = location.scheme, config] {
    return find_credentials(scheme, config, CredentialSources::of_process());
  };
  return make_remote_store(parts.executor, *parts.transport, parts.parser, std::move(*service),
                           parts.counters);
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_store(const Location& location, const StoreConfig& config,
                                                const StoreParts& parts) {
  std::unique_ptr<ObjectStore> store;
  if (location.scheme == Scheme::file) {
    store = make_file_store(parts.executor, parts.parser, location.bucket);
  } else {
    SHOAL_TRY(auto remote, open_remote(location, config, parts));
    store = make_hedge_store(std::move(remote), parts.executor, parts.governor, parts.counters);
  }
  // Nodes that were refused together must not come back together.
  RetryPolicy policy;
  policy.jitter_seed = std::random_device{}();
  if (parts.retry_deadline > Duration::zero()) policy.deadline = parts.retry_deadline;
  return make_retry_store(std::move(store), parts.executor, parts.governor, policy,
                          {.counters = parts.counters, .on_failed_try = parts.on_failed_try});
}

}  // namespace shoal::store
