// SPDX-License-Identifier: Apache-2.0
#include "csi/rpc_log.h"

#include <cstdio>
#include <random>

#include "base/log.h"
#include "base/rng.h"

namespace shoal::csi {
namespace {

LogLevel level_of(const FinishedCall& call) {
  if (call.code == StatusCode::aborted) return LogLevel::info;  // it goes on
  if (call.code != StatusCode::ok) return LogLevel::warning;
  const bool changes = call.rpc == "NodeStageVolume" || call.rpc == "NodeUnstageVolume" ||
                       call.rpc == "NodePublishVolume" || call.rpc == "NodeUnpublishVolume" ||
                       call.rpc == "CreateVolume" || call.rpc == "DeleteVolume";
  return changes ? LogLevel::info : LogLevel::debug;
}

std::uint64_t random_number() {
  std::random_device device;
  return Rng((std::uint64_t{device()} << 32) | device()).next();
}

}  // namespace

RequestIds::RequestIds() : process_(random_number()) {}

std::string RequestIds::next() {
  char text[40];
  std::snprintf(text, sizeof text, "csi-%012llx-%llx",
                static_cast<unsigned long long>(process_ & 0xffffffffffffull),
                static_cast<unsigned long long>(++count_));
  return text;
}

void log_call(const FinishedCall& call) {
  const LogLevel level = level_of(call);
  if (!is_logged(level)) return;
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(call.took).count();
  log_event(level, "csi.call",
            {{"rpc", call.rpc},
             {"request_id", call.request_id},
             {"volume", call.volume},
             {"target", call.target},
             {"code", name_of(call.code)},
             {"duration_ms", milliseconds},
             {"message", call.message}});
}

}  // namespace shoal::csi
