// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "base/log.h"
#include "frontend/fuse/adoption.h"
#include "frontend/fuse/keeper_impl.h"
#include "frontend/fuse/mount_table.h"
#include "frontend/fuse/old_servers.h"

namespace shoal::fuse {

Result<MountState> Keeper::adopt(sys::Fd fuse) {
  fuse_ = std::move(fuse);
  const auto steps = [this]() -> Result<void> {
    SHOAL_CHECK_OK(prepare_process());
    SHOAL_CHECK_OK(take_lock());
    SHOAL_TRY(state_, load_mount_state(paths_.state));
    SHOAL_CHECK_OK(check_adoptable(paths_, state_, fuse_.get()));
    log_event(LogLevel::info, "mount.being_adopted",
              {{"mount_point", options_.mount_point.string()},
               {"old_keeper", state_.keeper.pid},
               {"old_server", state_.server.pid}});
    SHOAL_CHECK_OK(end_old_servers(paths_, state_.server));
    SHOAL_CHECK_OK(start_server());
    SHOAL_CHECK_OK(wait_until_ready());
    return write_adopted_state();
  };
  if (auto adopted = steps(); !adopted) {
    undo();  // server, descriptor and lock: nothing else is ours yet
    return fail(std::move(adopted).error().with_context("adopt " + options_.mount_point.string()));
  }
  directories_made_ = fuse_mounted_ = image_mounted_ = owns_connection_ = true;
  return state_;
}

Result<void> Keeper::write_adopted_state() {
  // Unmounted while the server was starting: there is nothing to keep.
  SHOAL_TRY(const auto image, image_mount(paths_, state_));
  if (!image)
    return fail(ErrorCode::not_found,
                options_.mount_point.string() + " was unmounted during the adoption",
                "Clean up with `shoal umount --force`.");
  state_.mount_id = static_cast<std::uint64_t>(image->id);
  state_.keeper = process_id_of(::getpid());
  ++state_.adoptions;
  SHOAL_CHECK_OK(save_options(paths_, options_));
  SHOAL_CHECK_OK(save_mount_state(paths_.state, state_));
  log_event(LogLevel::info, "mount.adopted",
            {{"mount_point", options_.mount_point.string()},
             {"adoptions", state_.adoptions},
             {"server", state_.server.pid}});
  return {};
}

}  // namespace shoal::fuse
