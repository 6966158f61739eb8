// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <string>

namespace shoal::sys {

// Names the calling thread for top and gdb; the kernel keeps 15 characters and refuses more.
inline void name_this_thread(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace shoal::sys
