// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "csi/call.h"
#include "csi/messages.h"
#include "csi/status_codes.h"

// The Controller service, for StorageClasses: a volume "made" is a note of what to mount. Nothing
// is made in a bucket, and nothing is ever deleted there, whatever the reclaimPolicy: write Retain,
// so that the PersistentVolume says so.
//
// Thread model: synchronized.

namespace shoal::csi {

class ControllerService {
 public:
  // Checks the parameters as a node will, and hands them on as the volume's attributes.
  Answer<v1::CreateVolumeResponse> create(const v1::CreateVolumeRequest& request, const Call& call);
  Answer<v1::DeleteVolumeResponse> remove(const v1::DeleteVolumeRequest& request, const Call& call);
  Answer<v1::ValidateVolumeCapabilitiesResponse> validate(
      const v1::ValidateVolumeCapabilitiesRequest& request, const Call& call);
  Answer<v1::ControllerGetCapabilitiesResponse> capabilities(
      const v1::ControllerGetCapabilitiesRequest& request, const Call& call);

 private:
  // ALREADY_EXISTS: the name was used with other arguments. What was asked long ago, or of another
  // process, is forgotten: there is nothing it could damage.
  Answer<void> remember(const std::string& name, const std::string& arguments);

  std::mutex mutex_;
  std::map<std::string, std::string> made_;  // guarded by mutex_; name -> arguments
  std::deque<std::string> oldest_;           // guarded by mutex_; names, each once
};

}  // namespace shoal::csi
