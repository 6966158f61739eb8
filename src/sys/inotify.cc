// SPDX-License-Identifier: Apache-2.0
#include "sys/inotify.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace shoal::sys {
namespace {

using Kind = DirectoryEvent::Kind;

// IN_OPEN says not whether for writing; IN_ATTRIB would only say that times or links changed.
constexpr std::uint32_t kMask = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO |
                                IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |
                                IN_ONLYDIR | IN_EXCL_UNLINK;

struct Bit {
  std::uint32_t mask;
  Kind kind;
};
// An event has one of these; IN_ISDIR comes beside it.
constexpr Bit kBits[] = {
    {IN_Q_OVERFLOW, Kind::overflow},  {IN_IGNORED, Kind::watch_ended},
    {IN_UNMOUNT, Kind::gone},         {IN_DELETE_SELF, Kind::gone},
    {IN_MOVE_SELF, Kind::moved_away}, {IN_CREATE, Kind::created},
    {IN_MODIFY, Kind::modified},      {IN_CLOSE_WRITE, Kind::closed},
    {IN_MOVED_TO, Kind::moved_in},    {IN_MOVED_FROM, Kind::moved_out},
    {IN_DELETE, Kind::deleted},
};

void append(const inotify_event& raw, std::vector<DirectoryEvent>& events) {
  for (const Bit& bit : kBits) {
    if ((raw.mask & bit.mask) == 0) continue;
    DirectoryEvent event{
        .kind = bit.kind, .is_directory = (raw.mask & IN_ISDIR) != 0, .watch = raw.wd};
    if (raw.len > 0) event.name.assign(raw.name, strnlen(raw.name, raw.len));
    events.push_back(std::move(event));
    return;
  }
}

}  // namespace

Result<std::unique_ptr<Inotify>> Inotify::create() {
  Fd events(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!events.valid() && errno == EMFILE)
    return fail(ErrorCode::limit, "watch directories: this user has too many inotify instances",
                "Raise /proc/sys/fs/inotify/max_user_instances, or the open files limit.");
  if (!events.valid()) return fail(errno_error(errno, "inotify_init1"));
  Fd wakes(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wakes.valid()) return fail(errno_error(errno, "eventfd"));
  return std::unique_ptr<Inotify>(new Inotify(std::move(events), std::move(wakes)));
}

Result<int> Inotify::add(const std::filesystem::path& directory) {
  const int watch = inotify_add_watch(events_.get(), directory.c_str(), kMask);
  if (watch >= 0) return watch;
  if (errno == ENOSPC)
    return fail(ErrorCode::limit,
                "watch " + directory.string() + ": this user may have no more inotify watches",
                "Raise /proc/sys/fs/inotify/max_user_watches.");
  return fail(errno_error(errno, "watch " + directory.string()));
}

void Inotify::remove(int watch) {
  // EINVAL: it has ended by itself.
  static_cast<void>(inotify_rm_watch(events_.get(), watch));
}

Result<std::vector<DirectoryEvent>> Inotify::read(Duration wait_max) {
  std::array<pollfd, 2> polled{{{.fd = events_.get(), .events = POLLIN, .revents = 0},
                                {.fd = wakes_.get(), .events = POLLIN, .revents = 0}}};
  using std::chrono::milliseconds;
  // Rounded up: a wait that ends too early would be begun again at once, many times.
  const auto wait = std::clamp(std::chrono::ceil<milliseconds>(wait_max), milliseconds(0),
                               milliseconds(std::chrono::hours(1)));
  const int count = poll(polled.data(), polled.size(), static_cast<int>(wait.count()));
  std::vector<DirectoryEvent> events;
  if (count < 0 && errno != EINTR) return fail(errno_error(errno, "poll inotify"));
  if (count <= 0) return events;
  if (polled[1].revents != 0) {
    std::uint64_t wakes = 0;
    static_cast<void>(::read(wakes_.get(), &wakes, sizeof wakes));
  }
  if (polled[0].revents != 0) SHOAL_CHECK_OK(read_batch(events));
  return events;
}

Result<void> Inotify::read_batch(std::vector<DirectoryEvent>& events) {
  // Some hundred events of long names; the caller comes again for the rest.
  alignas(inotify_event) std::array<char, 64 << 10> buffer;
  const ssize_t bytes = ::read(events_.get(), buffer.data(), buffer.size());
  if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (bytes < 0) return fail(errno_error(errno, "read inotify events"));
  for (ssize_t at = 0; at < bytes;) {
    const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
    append(*event, events);
    at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
  }
  return {};
}

void Inotify::wake() {
  const std::uint64_t one = 1;
  // EAGAIN: it has been woken four billion times already and will see it.
  static_cast<void>(::write(wakes_.get(), &one, sizeof one));
}

}  // namespace shoal::sys
