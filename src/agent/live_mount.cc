// SPDX-License-Identifier: Apache-2.0
#include "agent/live_mount.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "frontend/fuse/adoption.h"
#include "frontend/fuse/mount.h"
#include "sys/mount.h"

namespace shoal::agent {
namespace {

Result<fuse::MountState> state_of(const MountPlan& plan) {
  return fuse::load_mount_state(
      fuse::mount_paths(plan.places.runtime_directory, plan.mount_point()).state);
}

Result<LiveMount> live(fuse::MountState state, LiveMount::How how) {
  SHOAL_TRY(auto keeper, sys::OtherProcess::open(state.keeper.pid));
  if (!fuse::is_alive(state.keeper)) {
    keeper.reap();
    return fail(ErrorCode::unavailable,
                "mount " + state.mount_point.string() + ": its keeper died at once",
                "See the log " + state.log_file.string());
  }
  LiveMount mount{.state = std::move(state),
                  .keeper = std::move(keeper),
                  .descriptor = {},
                  .how = how,
                  .doubt = {}};
  auto descriptor = fuse::borrow_descriptor(mount.state);
  if (descriptor)
    mount.descriptor = std::move(*descriptor);
  else
    mount.doubt = std::move(descriptor).error();
  return mount;
}

// Nothing of it is served any more, or it is given up.
Result<void> clear(const MountPlan& plan) {
  const auto gone =
      fuse::unmount(plan.places.runtime_directory, plan.mount_point(), /*force=*/true);
  if (!gone && gone.error().code() != ErrorCode::not_found) return gone;
  return {};
}

// Whether all an adoption takes is there still: then it failed because its processes did, and the
// next may go well. The code of its error does not tell: a new server that is killed while it
// starts is as `unavailable` as a connection that has ended.
bool is_adoptable(const MountPlan& plan, const sys::Fd& descriptor) {
  const auto paths = fuse::mount_paths(plan.places.runtime_directory, plan.mount_point());
  const auto state = fuse::load_mount_state(paths.state);
  return state && fuse::load_options(paths) &&
         fuse::check_adoptable(paths, *state, descriptor.get());
}

// A file mapped for comparing.
class Mapped {
 public:
  explicit Mapped(const char* path) : file_(open(path, O_RDONLY | O_CLOEXEC)) {
    struct stat status {};
    if (!file_.valid() || fstat(file_.get(), &status) != 0 || status.st_size == 0) return;
    device_ = status.st_dev;
    inode_ = status.st_ino;
    bytes_ = static_cast<std::size_t>(status.st_size);
    data_ = mmap(nullptr, bytes_, PROT_READ, MAP_PRIVATE, file_.get(), 0);
  }
  ~Mapped() {
    if (data_ != MAP_FAILED) munmap(data_, bytes_);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  [[nodiscard]] bool same_as(const Mapped& other) const {
    if (data_ == MAP_FAILED || other.data_ == MAP_FAILED) return false;
    if (device_ == other.device_ && inode_ == other.inode_) return true;
    return bytes_ == other.bytes_ && std::memcmp(data_, other.data_, bytes_) == 0;
  }

 private:
  sys::Fd file_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::size_t bytes_ = 0;
  void* data_ = MAP_FAILED;
};

}  // namespace

std::string_view name_of(LiveMount::How how) noexcept {
  switch (how) {
    case LiveMount::How::mounted:
      return "mounted";
    case LiveMount::How::found:
      return "found";
    case LiveMount::How::adopted:
      return "adopted";
  }
  return "?";
}

bool runs_same_program(int pid) {
  const Mapped ours("/proc/self/exe");
  const Mapped theirs(("/proc/" + std::to_string(pid) + "/exe").c_str());
  return ours.same_as(theirs);
}

bool has_same_root(int pid) {
  struct stat ours {};
  struct stat theirs {};
  if (stat("/", &ours) != 0 ||
      stat(("/proc/" + std::to_string(pid) + "/root").c_str(), &theirs) != 0)
    return true;
  return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

Result<LiveMount> mount_anew(const MountPlan& plan) {
  SHOAL_CHECK_OK(sys::make_directories(plan.mount_point()));
  const fuse::KeeperOptions options = plan.keeper_options();
  SHOAL_CHECK_OK(sys::make_directories(options.log_file.parent_path()));
  SHOAL_TRY(auto state, fuse::mount(options, plan.keeper_command()));
  return live(std::move(state), LiveMount::How::mounted);
}

bool is_being_mounted(const MountPlan& plan) {
  return sys::LockFile::is_held(
      fuse::mount_paths(plan.places.runtime_directory, plan.mount_point()).lock);
}

Result<LiveMount> bring_back(const MountPlan& plan, const sys::Fd& descriptor, Fallback fallback) {
  auto state = state_of(plan);
  if (!state && state.error().code() == ErrorCode::not_found) {
    // Nothing to clear; a keeper that is just mounting must be left alone.
    if (auto missing = plan.missing_keys()) return fail(std::move(*missing));
    return mount_anew(plan);
  }
  if (!state) fallback = Fallback::remount;
  const bool kept = state && fuse::is_alive(state->keeper);
  if (kept && runs_same_program(state->keeper.pid) && has_same_root(state->keeper.pid))
    return live(std::move(*state), LiveMount::How::found);
  if (auto missing = plan.missing_keys()) return fail(std::move(*missing));
  if (state) {
    sys::Fd borrowed;
    if (!descriptor.valid())
      if (auto one = fuse::borrow_descriptor(*state)) borrowed = std::move(*one);
    const sys::Fd& held = descriptor.valid() ? descriptor : borrowed;
    if (held.valid()) {
      auto adopted = fuse::adopt(plan.places.runtime_directory, plan.mount_point(), held,
                                 plan.keeper_command(),
                                 {.replace = true, .cgroup = plan.places.keeper_cgroup});
      if (adopted) return live(std::move(*adopted), LiveMount::How::adopted);
      if (fallback == Fallback::wait && is_adoptable(plan, held))
        return fail(std::move(adopted).error());
    } else if (kept) {
      // A keeper of another version or container, and no right to its descriptor: it serves, that
      // is what counts.
      return live(std::move(*state), LiveMount::How::found);
    }
  }
  SHOAL_CHECK_OK(clear(plan));
  return mount_anew(plan);
}

Result<void> take_down(const MountPlan& plan) {
  const auto gone =
      fuse::unmount(plan.places.runtime_directory, plan.mount_point(), /*force=*/false);
  if (!gone && gone.error().code() != ErrorCode::not_found) return gone;
  rmdir(plan.mount_point().c_str());
  return {};
}

}  // namespace shoal::agent
