// SPDX-License-Identifier: Apache-2.0
#include "csi/identity_service.h"

#include "csi/status_codes.h"

namespace shoal::csi {

Answer<v1::GetPluginInfoResponse> IdentityService::info(const v1::GetPluginInfoRequest&,
                                                        const Call&) {
  v1::GetPluginInfoResponse response;
  response.set_name(options_.driver_name);
  response.set_vendor_version(options_.version);
  return response;
}

Answer<v1::GetPluginCapabilitiesResponse> IdentityService::capabilities(
    const v1::GetPluginCapabilitiesRequest&, const Call&) {
  v1::GetPluginCapabilitiesResponse response;
  if (options_.has_controller)
    response.add_capabilities()->mutable_service()->set_type(
        v1::PluginCapability::Service::CONTROLLER_SERVICE);
  return response;
}

Answer<v1::ProbeResponse> IdentityService::probe(const v1::ProbeRequest&, const Call& call) {
  v1::ProbeResponse response;
  response.mutable_ready()->set_value(true);
  if (!agents_) return response;
  const auto pong = agents_(call.request_id)->ping();
  if (pong) return response;
  switch (pong.error().code()) {
    case ErrorCode::permission:  // the socket is not ours to use
    case ErrorCode::bad_input:   // its path is too long
    case ErrorCode::corrupt:     // somebody else listens there
    case ErrorCode::not_found:
      return failure(StatusCode::failed_precondition, [&] {
        const Error& error = pong.error();
        return error.message() + (error.remedy().empty() ? "" : ". " + error.remedy());
      }());
    default:
      response.mutable_ready()->set_value(false);
      return response;
  }
}

}  // namespace shoal::csi
