// SPDX-License-Identifier: Apache-2.0
// Goal: a service manager hears what it is told, gets descriptors that are the same open files, and
// what it kept comes back under its name; without one nothing happens.
// Method: a datagram socket of the test's own plays the manager.

#include "sys/service_manager.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "temporary_directory.h"

namespace shoal::sys {
namespace {

using namespace std::chrono_literals;
using testing::TemporaryDirectory;

class Listener {
 public:
  explicit Listener(const std::string& name) : socket_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  // The next message; its descriptor, if it has one, into `fd`.
  std::string take(Fd* fd = nullptr) {
    char text[4096];
    char control[CMSG_SPACE(sizeof(int))];
    iovec part{text, sizeof text};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t bytes = recvmsg(socket_.get(), &message, MSG_DONTWAIT);
    if (bytes < 0) return "nothing";
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr) {
      int raw = -1;
      std::memcpy(&raw, CMSG_DATA(header), sizeof raw);
      Fd taken(raw);
      if (fd != nullptr) *fd = std::move(taken);
    }
    return {text, static_cast<std::size_t>(bytes)};
  }

 private:
  Fd socket_;
};

class ServiceManagerTest : public ::testing::Test {
 protected:
  ~ServiceManagerTest() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS",
                             "LISTEN_FDNAMES", "LISTEN_PID"})
      unsetenv(name);
  }
  TemporaryDirectory directory_;
};

TEST_F(ServiceManagerTest, hears_what_it_is_told_and_children_do_not_inherit_it) {
  Listener listener((directory_ / "notify").string());
  const auto manager = ServiceManager::of_process();
  EXPECT_TRUE(manager.present());
  EXPECT_EQ(getenv("NOTIFY_SOCKET"), nullptr);
  ASSERT_TRUE(manager.notify("READY=1\nSTATUS=well"));
  EXPECT_EQ(listener.take(), "READY=1\nSTATUS=well");
  EXPECT_FALSE(manager.watchdog_interval());
}

TEST_F(ServiceManagerTest, an_abstract_address_works_too) {
  Listener listener("@shoal-test-" + std::to_string(getpid()));
  const auto manager = ServiceManager::of_process();
  ASSERT_TRUE(manager.notify("STOPPING=1"));
  EXPECT_EQ(listener.take(), "STOPPING=1");
}

TEST_F(ServiceManagerTest, gets_the_same_open_file) {
  Listener listener((directory_ / "notify").string());
  const auto manager = ServiceManager::of_process();
  const Fd file(memfd_create("kept", MFD_CLOEXEC));
  ASSERT_TRUE(manager.store("mount-1", file));
  Fd copy;
  EXPECT_EQ(listener.take(&copy), "FDSTORE=1\nFDNAME=mount-1");
  ASSERT_TRUE(copy.valid());
  ASSERT_EQ(write(copy.get(), "x", 1), 1);
  EXPECT_EQ(lseek(file.get(), 0, SEEK_CUR), 1) << "one open file has one position";
  ASSERT_TRUE(manager.forget("mount-1"));
  EXPECT_EQ(listener.take(), "FDSTOREREMOVE=1\nFDNAME=mount-1");
}

TEST_F(ServiceManagerTest, without_one_nothing_happens) {
  const auto manager = ServiceManager::of_process();
  EXPECT_FALSE(manager.present());
  EXPECT_TRUE(manager.notify("READY=1"));
  EXPECT_TRUE(manager.store("x", Fd()));
}

TEST_F(ServiceManagerTest, one_that_is_gone_is_an_error_and_one_with_a_long_name_is_refused) {
  { const Listener gone((directory_ / "notify").string()); }
  EXPECT_FALSE(ServiceManager::of_process().notify("READY=1"));
  setenv("NOTIFY_SOCKET", std::string(200, 'x').c_str(), 1);
  EXPECT_EQ(ServiceManager::of_process().notify("READY=1").error().code(), ErrorCode::bad_input);
}

TEST_F(ServiceManagerTest, the_watchdog_is_for_the_process_it_names) {
  setenv("WATCHDOG_USEC", "3000000", 1);
  EXPECT_EQ(ServiceManager::of_process().watchdog_interval(), 3s);
  setenv("WATCHDOG_USEC", "3000000", 1);
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(ServiceManager::of_process().watchdog_interval());
  setenv("WATCHDOG_USEC", "often", 1);
  EXPECT_FALSE(ServiceManager::of_process().watchdog_interval());
}

// In a child, since stored descriptors have the numbers 3, 4, ...
TEST_F(ServiceManagerTest, what_was_stored_comes_back_under_its_name) {
  EXPECT_EXIT(
      {
        const int first = memfd_create("first", 0);
        const int second = memfd_create("second", 0);
        if (write(second, "two", 3) != 3) _exit(1);
        dup2(first, 100);
        dup2(second, 101);
        dup2(100, 3);
        dup2(101, 4);
        setenv("LISTEN_FDS", "2", 1);
        setenv("LISTEN_FDNAMES", "a:b", 1);
        setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
        auto manager = ServiceManager::of_process();
        const auto stored = manager.take_descriptors();
        if (stored.size() != 2 || stored[0].name != "a" || stored[1].name != "b") _exit(2);
        if (lseek(stored[1].descriptor.get(), 0, SEEK_CUR) != 3) _exit(3);
        if ((fcntl(3, F_GETFD) & FD_CLOEXEC) == 0) _exit(4);
        if (!manager.take_descriptors().empty() || getenv("LISTEN_FDS") != nullptr) _exit(5);
        _exit(0);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(ServiceManagerTest, descriptors_for_another_process_are_left_alone) {
  setenv("LISTEN_FDS", "1", 1);
  setenv("LISTEN_PID", "1", 1);
  EXPECT_TRUE(ServiceManager::of_process().take_descriptors().empty());
  setenv("LISTEN_FDS", "99999999999", 1);
  EXPECT_TRUE(ServiceManager::of_process().take_descriptors().empty());
}

}  // namespace
}  // namespace shoal::sys
