// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "frontend/fuse/keeper.h"
#include "frontend/fuse/mount_state.h"
#include "sys/file.h"

// What commands call; see keeper.h for the processes behind.

namespace shoal::fuse {

// Starts `keeper_command` ("shoal keeper"; gets "--options-fd N --report-fd N" added) and waits
// until the mount is usable or has failed; then nothing of it is left. Errors are the keeper's. The
// keeper is a child in a session of its own: a caller that lives on reaps it when it ends.
[[nodiscard]] Result<MountState> mount(const KeeperOptions& options,
                                       const std::vector<std::string>& keeper_command);

// The mounts below a runtime directory, by mount point. State files of which neither a process nor
// the mount is left are removed on the way; files of other versions are left alone.
[[nodiscard]] Result<std::vector<MountState>> list_mounts(
    const std::filesystem::path& runtime_directory);

// Unmounts through the keeper, or in its place if it died, and returns when everything is gone.
// `force` detaches at once: who has files open gets I/O errors. Errors: not_found (no mount of
// ours), precondition (busy, naming the processes), unavailable (a keeper is being started for it),
// timeout (the keeper does not finish).
[[nodiscard]] Result<void> unmount(const std::filesystem::path& runtime_directory,
                                   const std::filesystem::path& mount_point, bool force);

// ---- hand-over: a mount lives as long as anybody holds its /dev/fuse descriptor
//
// Somebody who outlives keepers (an agent, or systemd's descriptor store for it) keeps a descriptor
// of each mount. When the keeper dies, alone or with its server, or is to be replaced by another
// version of the program, a new keeper adopts the mount: it mounts nothing, replaces the server,
// and goes on. Readers see a pause. Both processes and the caller must see the same process numbers
// (containers: hostPID), the runtime directory, and the mount point, each under the same path;
// mount namespaces may differ if mounts propagate between them.
//
// Who keeps a descriptor must close it once the mount is over: when list_mounts() has it no more,
// after unmount(), or when adoption failed for good. Until then readers of a mount that nobody
// serves wait: that is what it is for. A keeper that unmounts or gives up, and unmount(), end the
// connection whoever holds descriptors; one that is left is harmless then.

// A descriptor of the open file on /dev/fuse the mount was made with: the keeper's, or the server's
// when the keeper is dead. Close-on-exec. Needs CAP_SYS_PTRACE over them. Errors: not_found
// (neither lives), permission, unavailable (the connection has ended), corrupt (it belongs to
// another mount).
[[nodiscard]] Result<sys::Fd> borrow_descriptor(const MountState& state);

struct AdoptOptions {
  // A keeper that lives is killed first (it unmounts nothing then); else it is an error.
  bool replace = false;
  // Where the new keeper and its server live (KeeperOptions::cgroup); empty: as the mount was made.
  std::filesystem::path cgroup;
};

// Starts a new keeper for a mount whose keeper is dead, or to be replaced, and returns when its
// server answers. `fuse` is borrowed: the caller goes on holding it, whatever the outcome. The
// server is the program keeper_command[0], with the arguments the mount was made with; its
// environment (and what credentials are in it) is the caller's. A server that lives is ended, asked
// first: nobody but its parent learns how it ends, and an upgrade is to replace it anyway.
//
// On failure the mount stays as it is, unserved: try again, or close the descriptor (readers then
// get an error) and unmount(force). Errors: not_found (no such mount, or it was unmounted
// meanwhile), precondition (its keeper lives; or another adoption is under way), unavailable (the
// connection has ended: only unmount() is left), unsupported (made by a version that kept no
// options), corrupt (state, session or options unreadable), bad_input (the descriptor is of no FUSE
// mount, or of another one); and why the server does not start.
[[nodiscard]] Result<MountState> adopt(const std::filesystem::path& runtime_directory,
                                       const std::filesystem::path& mount_point,
                                       const sys::Fd& fuse,
                                       const std::vector<std::string>& keeper_command,
                                       const AdoptOptions& how = {});

}  // namespace shoal::fuse
