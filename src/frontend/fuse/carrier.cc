// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/carrier.h"

#include <dirent.h>
#include <sys/statfs.h>

#include <cerrno>

#include "frontend/fuse/bounds.h"
#include "frontend/fuse/readahead.h"
#include "sys/file.h"
#include "sys/mount.h"

namespace shoal::fuse {
namespace {

namespace fs = std::filesystem;

constexpr long kErofsMagic = 0xE0F5E1E2;

Result<void> verify(const fs::path& mount_point) {
  struct statfs facts {};
  if (::statfs(mount_point.c_str(), &facts) != 0)
    return fail(sys::errno_error(errno, "look at the mounted " + mount_point.string()));
  if (facts.f_type != kErofsMagic)
    return fail(ErrorCode::io, "look at the mounted " + mount_point.string() + ": it is no EROFS");
  DIR* directory = ::opendir(mount_point.c_str());
  if (directory == nullptr)
    return fail(sys::errno_error(errno, "open the root of " + mount_point.string()));
  errno = 0;
  const bool any = ::readdir(directory) != nullptr;
  const int error = errno;
  ::closedir(directory);
  if (!any) return fail(sys::errno_error(error, "list the root of " + mount_point.string()));
  return {};
}

// Returns the description.
Result<std::string> mount_one(const fs::path& image, const fs::path& mount_point, Carrier carrier) {
  switch (carrier) {
    case Carrier::file_directio:
      SHOAL_CHECK_OK(sys::mount_erofs_file(image, mount_point, "directio"));
      return "erofs file-backed, directio";
    case Carrier::file_buffered:
      widen_readahead(image, bounds::kImageReadaheadBytes);
      SHOAL_CHECK_OK(sys::mount_erofs_file(image, mount_point, ""));
      return "erofs file-backed, buffered";
    case Carrier::automatic:
    case Carrier::exact:
    case Carrier::loop:
      break;
  }
  SHOAL_TRY(const auto loop, sys::mount_erofs_loop(image, mount_point, ""));
  return "erofs on loop " + loop.device + (loop.direct_io ? ", direct I/O" : ", buffered");
}

Result<std::string> mount_and_verify(const fs::path& image, const fs::path& mount_point,
                                     Carrier carrier) {
  const ReadaheadTuning readahead;
  SHOAL_TRY(auto description, mount_one(image, mount_point, carrier));
  readahead.apply(bounds::kReadaheadBytes);
  if (auto usable = verify(mount_point); !usable) {
    ignore(sys::unmount(mount_point, sys::Unmount::lazy), "the first failure is the one to tell");
    return fail(std::move(usable).error());
  }
  return description;
}

}  // namespace

Result<std::string> mount_erofs(const fs::path& image, const fs::path& mount_point,
                                Carrier carrier) {
  if (carrier != Carrier::automatic && carrier != Carrier::exact)
    return mount_and_verify(image, mount_point, carrier);
  // Kernels before 6.12 want a block device (ENOTBLK), 6.12 does not know `directio` (EINVAL): each
  // refusal is cheap, so try instead of guessing from a version number.
  const Carrier from_file =
      carrier == Carrier::exact ? Carrier::file_directio : Carrier::file_buffered;
  std::string refusals;
  for (const Carrier next : {from_file, Carrier::loop}) {
    auto mounted = mount_and_verify(image, mount_point, next);
    if (mounted) return mounted;
    refusals += (refusals.empty() ? "" : "; ") + std::string(name_of(next)) + ": " +
                mounted.error().message();
  }
  return fail(ErrorCode::io, "mount EROFS from " + image.string() + ": " + refusals,
              "See the kernel log (dmesg) for what EROFS found wrong.");
}

}  // namespace shoal::fuse
