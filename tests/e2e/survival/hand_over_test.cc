// SPDX-License-Identifier: Apache-2.0
// Goal: who holds a mount's descriptor brings it over the death of its keeper, of both processes,
// and over an upgrade, and readers get exact bytes; and such a descriptor never makes anybody hang.
// Method: the test plays the agent: it borrows the descriptor, kills in random order while four
// threads read 3,000 files, and lets this program, or a copy of it elsewhere, adopt the mount.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <future>
#include <random>
#include <thread>

#include "e2e/survival/mount_test.h"
#include "frontend/fuse/connection.h"

namespace shoal::survival {
namespace {

namespace fs = std::filesystem;

class HandOver : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped()) return;
    newer_ = dataset->directory() / "newer";
    fs::copy_file("/proc/self/exe", newer_, fs::copy_options::overwrite_existing);
  }

  sys::Fd borrow() const {
    auto fuse = fuse::borrow_descriptor(state());
    EXPECT_TRUE(fuse) << fuse.error().to_string();
    return fuse ? std::move(*fuse) : sys::Fd();
  }
  Result<fuse::MountState> adopt(const sys::Fd& fuse, bool replace = false,
                                 const std::string& program = "/proc/self/exe") const {
    fuse::AdoptOptions how;
    how.replace = replace;
    return fuse::adopt(runtime_, mount_point_, fuse, {program, "keeper"}, how);
  }
  void expect_adopted(const Result<fuse::MountState>& adopted) const {
    ASSERT_TRUE(adopted) << adopted.error().to_string();
    EXPECT_TRUE(fuse::is_alive(adopted->keeper));
    EXPECT_TRUE(fuse::is_alive(adopted->server));
    EXPECT_EQ(adopted->keeper, state().keeper);
  }
  static void kill_and_wait(const fuse::ProcessId& victim) {
    ASSERT_EQ(::kill(victim.pid, SIGKILL), 0);
    ASSERT_TRUE(eventually([&] { return !fuse::is_alive(victim); }));
    ::waitpid(victim.pid, nullptr, WNOHANG);  // keepers are our children
  }
  void kill_both() const {
    const auto before = state();
    kill_and_wait(before.keeper);
    kill_and_wait(before.server);
  }
  static std::string program_of(const fuse::ProcessId& process) {
    std::error_code error;
    return fs::read_symlink("/proc/" + std::to_string(process.pid) + "/exe", error).string();
  }

  // One blow and what an agent does about it.
  void one_round(std::mt19937& random, const sys::Fd& spare) const {
    const bool newer = random() % 2 == 0;
    const std::string program = newer ? newer_.string() : std::string("/proc/self/exe");
    const auto before = state();
    switch (random() % 4) {
      case 0:
        kill_server();
        return;
      case 1:
        kill_and_wait(before.keeper);
        break;
      case 2:
        kill_both();
        break;
      case 3:
        break;  // replaced while it works
    }
    const auto adopted = adopt(spare, /*replace=*/true, program);
    expect_adopted(adopted);
    ASSERT_TRUE(adopted);
    EXPECT_EQ(adopted->adoptions, before.adoptions + 1);
    EXPECT_FALSE(fuse::is_alive(before.keeper));
    EXPECT_FALSE(fuse::is_alive(before.server));
    for (const auto& process : {adopted->keeper, adopted->server})
      EXPECT_EQ(program_of(process) == newer_, newer) << program_of(process);
    ::waitpid(before.keeper.pid, nullptr, WNOHANG);
  }
  void read_through_rounds(std::uint64_t rounds) {
    std::random_device seed_source;
    const auto seed = seed_source();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const sys::Fd spare = borrow();
    std::atomic<std::uint64_t> progress{0};
    std::atomic<bool> done{false};
    std::jthread agent([&] {
      for (std::uint64_t round = 1; round <= rounds; ++round) {
        const std::uint64_t at = dataset->files().size() * round / (rounds + 1);
        while (progress < at && !done) ::poll(nullptr, 0, 1);
        ASSERT_FALSE(done) << "read everything before round " << round;
        one_round(random, spare);
        if (HasFatalFailure()) return;
      }
    });
    const auto result =
        read_all(*dataset, mount_point_, 4, false, [&](std::uint64_t files) { progress = files; });
    done = true;
    agent.join();
    expect_exact(result);
  }

  // Reads a byte of the big file that nobody has read yet, in a process of its own, because that
  // may hang: the errno, 0 when it was read, -1 when it did not end.
  class Reader {
   public:
    Reader(const fs::path& file, std::uint64_t offset, int open_file = -1) {
      pid_ = ::fork();
      if (pid_ != 0) return;
      // Of all that was open only the file to read, and no descriptor of the mount.
      const int fd = open_file >= 0 ? ::dup2(open_file, 3) : -1;
      ::close_range(fd >= 0 ? 4 : 3, ~0u, 0);
      read_at(fd >= 0 ? fd : ::open(file.c_str(), O_RDONLY), offset);
    }
    ~Reader() {
      if (pid_ > 0) static_cast<void>(end(true));
    }
    int end(bool kill_it = false) {
      if (kill_it) ::kill(pid_, SIGKILL);
      int status = 0;
      const bool ended = eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
      if (!ended) return -1;
      pid_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    bool is_waiting() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }

   private:
    [[noreturn]] static void read_at(int fd, std::uint64_t offset) {
      char byte = 0;
      ::_exit(fd >= 0 && ::pread(fd, &byte, 1, static_cast<off_t>(offset)) == 1 ? 0 : errno);
    }
    pid_t pid_ = -1;
  };

  fs::path newer_;
};

// Reads of files say EIO; looking a name up says what FUSE says, before or after the end.
bool is_end_of_connection(int error) {
  return error == EIO || error == ECONNABORTED || error == ENOTCONN;
}

constexpr std::uint64_t kFarBytes = 48ull << 20;  // beyond any readahead of a first read

// ---- through everything

TEST_F(HandOver, twenty_blows_in_random_order_are_not_noticed_by_readers) {
  auto how = options({"--delay-us", "2000"});
  how.carrier = fuse::Carrier::exact;  // a request for each file
  mount(how);
  read_through_rounds(20);
}

TEST_F(HandOver, they_are_not_noticed_without_resend_and_on_a_loop_device_either) {
  auto how = options({"--delay-us", "500", "--resend", "0"});
  how.carrier = fuse::Carrier::loop;
  mount(how);
  read_through_rounds(12);
}

// ---- borrowing

TEST_F(HandOver, the_descriptor_comes_from_the_keeper_or_the_server_and_is_the_same_connection) {
  const auto mounted = mount(options());
  const sys::Fd first = borrow();
  ASSERT_TRUE(fuse::is_connected(first.get()));
  EXPECT_EQ(fuse::device_of(first.get()).value_or(mounted.fuse_device), mounted.fuse_device);
  EXPECT_NE(::fcntl(first.get(), F_GETFD) & FD_CLOEXEC, 0);
  kill_and_wait(mounted.keeper);
  const sys::Fd second = borrow();
  EXPECT_TRUE(fuse::is_connected(second.get()));
  kill_and_wait(mounted.server);
  const auto none = fuse::borrow_descriptor(mounted);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), ErrorCode::not_found);
  expect_adopted(adopt(second));
  expect_exact(read_all(*dataset, mount_point_, 2));
}

TEST_F(HandOver, who_may_not_trace_the_keeper_is_told_what_is_missing) {
  const auto mounted = mount(options());
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(1);
    const auto refused = fuse::borrow_descriptor(mounted);
    if (refused) ::_exit(2);
    if (refused.error().code() != ErrorCode::permission) ::_exit(3);
    ::_exit(refused.error().remedy().find("CAP_SYS_PTRACE") != std::string::npos ? 0 : 4);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// ---- what adoption refuses, leaving everything as it was

TEST_F(HandOver, a_keeper_that_lives_is_left_alone_unless_it_is_to_be_replaced) {
  const auto mounted = mount(options());
  const sys::Fd spare = borrow();
  const auto refused = adopt(spare);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::precondition);
  EXPECT_TRUE(fuse::is_alive(mounted.keeper));
  EXPECT_EQ(state().keeper, mounted.keeper);
}

TEST_F(HandOver, only_the_descriptor_of_this_very_mount_will_do) {
  const auto mounted = mount(options());
  const sys::Fd nothing;
  const sys::Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const sys::Fd unmounted(::open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  EXPECT_EQ(adopt(nothing, true).error().code(), ErrorCode::bad_input);
  EXPECT_EQ(adopt(null, true).error().code(), ErrorCode::bad_input);
  EXPECT_EQ(adopt(unmounted, true).error().code(), ErrorCode::unavailable);

  auto elsewhere = options();
  elsewhere.mount_point = dataset->directory() / "elsewhere";
  fs::create_directories(elsewhere.mount_point);
  const auto other = fuse::mount(elsewhere, self({"keeper"}));
  ASSERT_TRUE(other) << other.error().to_string();
  {
    const auto foreign = fuse::borrow_descriptor(*other);
    ASSERT_TRUE(foreign) << foreign.error().to_string();
    if (fuse::device_of(foreign->get())) {
      EXPECT_EQ(adopt(*foreign, true).error().code(), ErrorCode::bad_input);
    }
  }
  EXPECT_TRUE(fuse::unmount(runtime_, elsewhere.mount_point, false));
  EXPECT_TRUE(fuse::is_alive(mounted.keeper)) << "ended although nothing could be adopted";
  expect_exact(read_all(*dataset, mount_point_, 2));
}

TEST_F(HandOver, what_is_not_there_or_not_there_any_more_is_not_found) {
  const sys::Fd nothing;
  EXPECT_EQ(adopt(nothing).error().code(), ErrorCode::not_found);
  mount(options());
  const sys::Fd spare = borrow();
  kill_both();
  ASSERT_EQ(::umount2(mount_point_.c_str(), 0), 0);
  EXPECT_EQ(adopt(spare).error().code(), ErrorCode::not_found);
  const auto cleaned = fuse::unmount(runtime_, mount_point_, false);
  EXPECT_TRUE(cleaned) << cleaned.error().to_string();
  expect_nothing_left();
  EXPECT_FALSE(fuse::is_connected(spare.get()));
}

TEST_F(HandOver, an_ended_connection_is_said_so) {
  mount(options());
  const sys::Fd spare = borrow();
  kill_both();
  ::umount2(paths().fuse.c_str(), MNT_FORCE);
  EXPECT_EQ(adopt(spare).error().code(), ErrorCode::unavailable);
}

TEST_F(HandOver, a_mount_of_an_earlier_version_goes_on_but_cannot_be_handed_over) {
  const auto mounted = mount(options());
  // What such a version had written.
  auto old = mounted;
  old.erofs_device.clear();
  old.fuse_device.clear();
  std::string text = fuse::encode_mount_state(old);
  for (const char* field : {"erofs_device", "fuse_device", "adoptions"}) {
    const std::size_t at = text.find("  \"" + std::string(field));
    ASSERT_NE(at, std::string::npos);
    text.erase(at, text.find('\n', at) + 1 - at);
  }
  ASSERT_TRUE(sys::write_text_file(paths().state, text));
  fs::remove(paths().options);
  ASSERT_EQ(fuse::list_mounts(runtime_)->size(), 1u);
  const sys::Fd spare = borrow();
  const auto refused = adopt(spare, /*replace=*/true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::unsupported);
  EXPECT_TRUE(fuse::is_alive(mounted.keeper));
  expect_exact(read_all(*dataset, mount_point_, 2));
  kill_both();
  const auto gone = fuse::unmount(runtime_, mount_point_, false);
  EXPECT_TRUE(gone) << gone.error().to_string();
}

TEST_F(HandOver, torn_files_are_corrupt_and_force_cleans_up_without_them) {
  mount(options());
  const sys::Fd spare = borrow();
  kill_both();
  const std::pair<fs::path, const char*> files[] = {
      {paths().state, "state"}, {paths().options, "options"}, {paths().session, "session"}};
  for (const auto& [file, what] : files) {
    const std::string whole = sys::read_text_file(file, 1u << 20).value_or("");
    ASSERT_FALSE(whole.empty());
    ASSERT_TRUE(sys::write_text_file(file, whole.substr(0, whole.size() / 2)));
    const auto refused = adopt(spare);
    ASSERT_FALSE(refused) << what;
    EXPECT_EQ(refused.error().code(), ErrorCode::corrupt) << what;
    ASSERT_TRUE(sys::write_text_file(file, whole));
  }
  expect_adopted(adopt(spare));
  kill_both();
  ASSERT_TRUE(sys::write_text_file(paths().state, "{"));
  EXPECT_EQ(fuse::unmount(runtime_, mount_point_, false).error().code(), ErrorCode::corrupt);
  const auto forced = fuse::unmount(runtime_, mount_point_, true);
  EXPECT_TRUE(forced) << forced.error().to_string();
  expect_nothing_left();
}

TEST_F(HandOver, a_server_that_does_not_start_can_be_tried_again_while_readers_wait) {
  mount(options());
  const sys::Fd spare = borrow();
  kill_both();
  const fs::path away = dataset->directory() / "away";
  fs::rename(dataset->image(), away);
  Reader reader(mount_point_ / "big", kFarBytes);
  const auto refused = adopt(spare);
  fs::rename(away, dataset->image());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::not_found) << refused.error().to_string();
  EXPECT_TRUE(reader.is_waiting());
  EXPECT_TRUE(*sys::is_mount_point(mount_point_));
  expect_adopted(adopt(spare));
  EXPECT_EQ(reader.end(), 0);
  expect_exact(read_all(*dataset, mount_point_, 2));
}

// ---- races

TEST_F(HandOver, of_two_adoptions_at_once_one_wins_and_the_other_says_so) {
  mount(options());
  const sys::Fd spare = borrow();
  kill_both();
  auto other = std::async(std::launch::async, [&] { return adopt(spare); });
  const auto mine = adopt(spare);
  const auto theirs = other.get();
  ASSERT_NE(mine.has_value(), theirs.has_value());
  const Error& lost = mine ? theirs.error() : mine.error();
  EXPECT_EQ(lost.code(), ErrorCode::precondition) << lost.to_string();
  expect_adopted(mine ? mine : theirs);
  expect_exact(read_all(*dataset, mount_point_, 2));
}

TEST_F(HandOver, a_server_its_keeper_had_no_time_to_write_down_is_found_and_ended) {
  const auto mounted = mount(options());
  const sys::Fd spare = borrow();
  kill_and_wait(mounted.keeper);
  auto unwritten = mounted;
  unwritten.server = {};
  ASSERT_TRUE(fuse::save_mount_state(paths().state, unwritten));
  expect_adopted(adopt(spare));
  EXPECT_FALSE(fuse::is_alive(mounted.server));
  EXPECT_TRUE(fuse::is_connected(spare.get()));
}

TEST_F(HandOver, an_unmount_while_nobody_serves_ends_the_mount_or_leaves_it_whole) {
  mount(options());
  const sys::Fd spare = borrow();
  const int held = ::open((mount_point_ / "big").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(held, 0);
  kill_both();
  const auto busy = fuse::unmount(runtime_, mount_point_, false);
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code(), ErrorCode::precondition) << busy.error().to_string();
  expect_adopted(adopt(spare));
  expect_exact(read_all(*dataset, mount_point_, 2));
  ::close(held);
  kill_both();
  const auto gone = fuse::unmount(runtime_, mount_point_, false);
  EXPECT_TRUE(gone) << gone.error().to_string();
  expect_nothing_left();
}

// ---- a descriptor that is held makes nobody hang

TEST_F(HandOver, an_unmount_is_complete_although_somebody_holds_a_descriptor) {
  mount(options());
  const sys::Fd spare = borrow();
  const auto gone = fuse::unmount(runtime_, mount_point_, false);
  EXPECT_TRUE(gone) << gone.error().to_string();
  expect_nothing_left();
  EXPECT_FALSE(fuse::is_connected(spare.get()));
}

TEST_F(HandOver, readers_get_an_error_when_the_keeper_ends_although_somebody_holds_a_descriptor) {
  for (const bool force : {true, false}) {
    const auto mounted = mount(options());
    const sys::Fd spare = borrow();
    const sys::Fd held(::open((mount_point_ / "big").c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(held.valid());
    // By a server that says the file system is gone, the keeper gives up.
    if (force)
      EXPECT_TRUE(fuse::unmount(runtime_, mount_point_, true));
    else
      ASSERT_EQ(::kill(mounted.server.pid, SIGUSR1), 0);
    EXPECT_TRUE(eventually([&] { return !fuse::is_alive(mounted.keeper); }));
    EXPECT_FALSE(fuse::is_connected(spare.get())) << "force " << force;
    Reader reader({}, kFarBytes, held.get());
    EXPECT_EQ(reader.end(), EIO) << "force " << force;
    expect_nothing_left();
  }
}

TEST_F(HandOver, a_mount_given_up_by_its_agent_fails_readers_and_can_be_forced_away) {
  mount(options());
  sys::Fd spare = borrow();
  kill_both();
  Reader waiting(mount_point_ / "big", kFarBytes);
  const auto forced = fuse::unmount(runtime_, mount_point_, true);  // the descriptor is still held
  EXPECT_TRUE(forced) << forced.error().to_string();
  EXPECT_TRUE(is_end_of_connection(waiting.end()));
  expect_nothing_left();

  mount(options());
  spare = borrow();
  kill_both();
  Reader other(mount_point_ / "big", kFarBytes);
  spare = sys::Fd();
  EXPECT_TRUE(is_end_of_connection(other.end()));
  ASSERT_EQ(fuse::list_mounts(runtime_)->size(), 1u);
  EXPECT_TRUE(fuse::unmount(runtime_, mount_point_, true));
}

TEST_F(HandOver, pages_that_nobody_will_ever_read_do_not_hold_up_an_unmount) {
  auto how = options();
  how.carrier = fuse::Carrier::exact;  // reads are asynchronous: nobody need wait for them
  mount(how);
  const sys::Fd spare = borrow();
  sys::Fd held(::open((mount_point_ / "big").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(held.valid());
  kill_both();
  const auto requests_waiting = [&] {
    const auto connections = sys::open_fuse_connections();
    const std::string file = state().fuse_device.substr(2) + "/waiting";
    const sys::Fd waiting(::openat(connections->get(), file.c_str(), O_RDONLY | O_CLOEXEC));
    char digits[16] = {};
    return ::read(waiting.get(), digits, sizeof digits - 1) > 0 ? std::atoi(digits) : 0;
  };
  const int before = requests_waiting();
  {
    // Killed while the kernel reads for it: the file is closed, its pages stay locked.
    Reader reader({}, kFarBytes, held.get());
    ASSERT_TRUE(eventually([&] { return requests_waiting() > before; }));
    EXPECT_EQ(reader.end(/*kill_it=*/true), -1);
  }
  held = sys::Fd();
  const auto gone = fuse::unmount(runtime_, mount_point_, false);
  EXPECT_TRUE(gone) << gone.error().to_string();
  expect_nothing_left();
}

TEST_F(HandOver, the_next_mount_at_the_same_place_fails_readers_of_the_one_nobody_adopted) {
  mount(options());
  const sys::Fd spare = borrow();
  kill_both();
  Reader waiting(mount_point_ / "big", kFarBytes);
  mount(options());
  EXPECT_TRUE(is_end_of_connection(waiting.end()));
  EXPECT_FALSE(fuse::is_connected(spare.get()));
  expect_exact(read_all(*dataset, mount_point_, 2));
}

// ---- from elsewhere

TEST_F(HandOver, another_mount_namespace_adopts_and_this_one_unmounts) {
  const fs::path top = dataset->directory();
  ASSERT_EQ(::mount(top.c_str(), top.c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::mount(nullptr, top.c_str(), nullptr, MS_SHARED, nullptr), 0);
  mount(options());
  const sys::Fd spare = borrow();
  kill_both();
  const auto in_another_namespace = [&](const std::function<bool()>& act) {
    const pid_t child = ::fork();
    if (child == 0) {
      // Mounts come and go with those of the other side, under other ids.
      if (::unshare(CLONE_NEWNS) != 0) ::_exit(2);
      ::_exit(act() ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  EXPECT_EQ(in_another_namespace([&] { return adopt(spare).has_value(); }), 0);
  const auto adopted = state();
  EXPECT_TRUE(fuse::is_alive(adopted.keeper));
  expect_exact(read_all(*dataset, mount_point_, 2));
  ASSERT_EQ(fuse::list_mounts(runtime_)->size(), 1u);
  kill_and_wait(adopted.keeper);
  kill_and_wait(adopted.server);
  // Its mount id means nothing here, nor in a third namespace; the mount is still known.
  ASSERT_EQ(fuse::list_mounts(runtime_)->size(), 1u);
  expect_adopted(adopt(spare));
  EXPECT_EQ(in_another_namespace([&] {
              const auto gone = fuse::unmount(runtime_, mount_point_, false);
              return gone.has_value();
            }),
            0);
  expect_nothing_left();
  EXPECT_EQ(::umount2(top.c_str(), MNT_DETACH), 0);
}

// ---- cgroups

TEST_F(HandOver, keeper_and_server_live_in_the_cgroup_they_are_told) {
  fs::path top;
  const auto mounts = sys::read_mounts();
  ASSERT_TRUE(mounts);
  for (const auto& mount : *mounts)
    if (mount.fs_type == "cgroup2" && ::access(mount.mount_point.c_str(), W_OK) == 0)
      top = mount.mount_point;
  if (top.empty()) GTEST_SKIP() << "no cgroup v2 that can be written";
  auto how = options();
  how.cgroup = top / ("shoal-test-" + std::to_string(::getpid()));
  const auto lives_in = [](const fuse::ProcessId& process) {
    const auto text =
        sys::read_text_file("/proc/" + std::to_string(process.pid) + "/cgroup", 1u << 16);
    const std::size_t at = text ? text->find("0::") : std::string::npos;
    return at == std::string::npos ? "" : text->substr(at + 3, text->find('\n', at) - at - 3);
  };
  const auto mounted = mount(how);
  const std::string expected = "/" + how.cgroup.filename().string();
  EXPECT_TRUE(lives_in(mounted.keeper).ends_with(expected)) << lives_in(mounted.keeper);
  EXPECT_TRUE(lives_in(mounted.server).ends_with(expected)) << lives_in(mounted.server);
  const auto adopted = adopt(borrow(), /*replace=*/true);
  expect_adopted(adopted);
  EXPECT_TRUE(lives_in(adopted->keeper).ends_with(expected)) << "forgotten by the adoption";
  EXPECT_TRUE(fuse::unmount(runtime_, mount_point_, false));
  ::waitpid(mounted.keeper.pid, nullptr, WNOHANG);
  ::waitpid(adopted->keeper.pid, nullptr, 0);
  EXPECT_TRUE(eventually([&] { return ::rmdir(how.cgroup.c_str()) == 0; }));
}

TEST_F(HandOver, a_directory_that_is_no_cgroup_fails_the_mount_and_says_what_to_do) {
  auto how = options();
  how.cgroup = dataset->directory() / "no/cgroup";
  const auto refused = fuse::mount(how, self({"keeper"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::bad_input);
  EXPECT_NE(refused.error().remedy().find("/sys/fs/cgroup"), std::string::npos);
}

}  // namespace
}  // namespace shoal::survival
