// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/adoption.h"

#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "frontend/fuse/connection.h"
#include "frontend/fuse/mount_table.h"
#include "frontend/fuse/session.h"
#include "sys/file.h"

namespace shoal::fuse {
namespace {

constexpr std::uint64_t kOptionsBytesMax = 1u << 20;
constexpr const char* kOnlyUnmount = "Unmount with --force, then mount again.";
constexpr mode_t kOwnerOnly = 0600;

}  // namespace

Result<void> save_options(const MountPaths& paths, const KeeperOptions& options) {
  SHOAL_CHECK_OK(sys::write_text_file(paths.options, encode_keeper_options(options)));
  if (::chmod(paths.options.c_str(), kOwnerOnly) != 0)
    return fail(sys::errno_error(errno, "restrict " + paths.options.string()));
  return {};
}

Result<KeeperOptions> load_options(const MountPaths& paths) {
  const auto text = sys::read_text_file(paths.options, kOptionsBytesMax);
  if (!text && text.error().code() == ErrorCode::not_found)
    return fail(ErrorCode::unsupported,
                "read " + paths.options.string() +
                    ": there is none; the mount was made by a version that cannot hand it over",
                "It goes on as it is; unmount and mount it when it is not in use.");
  if (!text) return fail(text.error());
  auto options = decode_keeper_options(*text);
  if (!options)
    return fail(ErrorCode::corrupt,
                "read " + paths.options.string() + ": " + options.error().message(), kOnlyUnmount);
  return options;
}

Result<void> check_adoptable(const MountPaths& paths, const MountState& state, int fuse_fd) {
  if (!is_fuse_device(fuse_fd))
    return fail(ErrorCode::bad_input,
                "descriptor " + std::to_string(fuse_fd) + " is not open on /dev/fuse",
                "Hand over what borrow_descriptor() returned for this mount.");
  if (!is_connected(fuse_fd))
    return fail(ErrorCode::unavailable, "the kernel has ended the FUSE connection", kOnlyUnmount);
  // The number the kernel says first: a descriptor of another mount must never serve this one.
  const auto device = device_of(fuse_fd);
  if (device && *device != state.fuse_device)
    return fail(ErrorCode::bad_input,
                "descriptor " + std::to_string(fuse_fd) + " belongs to FUSE mount " + *device +
                    ", this one is " + state.fuse_device,
                "Hand over what borrow_descriptor() returned for this mount.");
  SHOAL_TRY(const auto image, image_mount(paths, state));
  SHOAL_TRY(const auto fuse, fuse_mount(paths, state));
  if (!image || !fuse)
    return fail(ErrorCode::not_found,
                "nothing of it is mounted on " +
                    (image ? paths.fuse.string() : state.mount_point.string()) +
                    "; it was unmounted, or the mount does not reach this mount namespace",
                "Share the directory with propagation (mountPropagation: Bidirectional), or clean "
                "up with `shoal umount --force` and mount again.");
  // Without it the new server would wait for a greeting the kernel gave long ago.
  const auto session = load_session(paths.session);
  if (session) return {};
  return fail(ErrorCode::corrupt,
              "read session " + paths.session.string() + ": " + session.error().message(),
              kOnlyUnmount);
}

}  // namespace shoal::fuse
