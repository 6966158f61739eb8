// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

namespace shoal {

void Secret::wipe() noexcept {
  // Volatile stores cannot be optimised away although the string dies next.
  volatile char* bytes = text_.data();
  for (std::size_t i = 0; i < text_.size(); ++i) bytes[i] = '\0';
  text_.clear();
}

}  // namespace shoal
