// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace shoal::index {

// Who holds RocksDB's lock on an index: "process 4711 (shoal)", or "another process" when the
// kernel does not tell. Must not be called by a process that holds the lock itself: closing any
// descriptor of a file drops a process's own POSIX locks on it.
[[nodiscard]] std::string lock_owner(const std::filesystem::path& lock_file);

}  // namespace shoal::index
