// SPDX-License-Identifier: Apache-2.0
#include "store/remote/service.h"

namespace shoal::store {

bool Signer::renew(const Credentials& credentials) {
  const bool is_same = credentials.access_key == credentials_.access_key &&
                       credentials.secret_key.reveal() == credentials_.secret_key.reveal() &&
                       credentials.session_token.reveal() == credentials_.session_token.reveal();
  if (is_same) return false;
  credentials_ = credentials;
  on_renewed();
  return true;
}

}  // namespace shoal::store
