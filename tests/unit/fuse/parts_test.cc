// SPDX-License-Identifier: Apache-2.0
// Goal: what outlives a process reads back as written or is refused, and the small decisions of the
// frontend are what they are said to be.
// Method: direct calls; files under a temporary directory.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/log_limit.h"
#include "frontend/fuse/adoption.h"
#include "frontend/fuse/bounds.h"
#include "frontend/fuse/buffer_pool.h"
#include "frontend/fuse/child_task.h"
#include "frontend/fuse/connection.h"
#include "frontend/fuse/holders.h"
#include "frontend/fuse/host_check.h"
#include "frontend/fuse/keeper.h"
#include "frontend/fuse/log_file.h"
#include "frontend/fuse/mount.h"
#include "frontend/fuse/read_errors.h"
#include "frontend/fuse/report.h"
#include "frontend/fuse/request_slots.h"
#include "frontend/fuse/restart_policy.h"
#include "frontend/fuse/session.h"

namespace shoal::fuse {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class Directory {
 public:
  Directory() {
    char name[] = "/tmp/shoal-fuse-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~Directory() { fs::remove_all(path_); }
  fs::path operator/(const char* name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// ---- session

TEST(Session, asks_for_no_more_than_offered_and_never_for_passthrough) {
  const auto all = negotiate({.major = 7, .minor = 99, .max_readahead = 0, .flags = ~0ull}, true);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->minor, protocol::kMinorMax);
  EXPECT_TRUE(all->resend());
  EXPECT_EQ(all->flags & (1ull << 37), 0u) << "EROFS refuses a file of a passthrough file system";
  EXPECT_EQ(all->max_pages, 256u);
  const auto none = negotiate({.major = 7, .minor = 31, .max_readahead = 0, .flags = 0}, true);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->flags, 0u);
  EXPECT_EQ(none->max_pages, 32u);
  EXPECT_FALSE(
      negotiate({.major = 7, .minor = 99, .max_readahead = 0, .flags = ~0ull}, false)->resend());
  for (const auto& [major, minor] : {std::pair{7u, 30u}, {6u, 99u}, {8u, 0u}})
    EXPECT_FALSE(negotiate({.major = major, .minor = minor, .max_readahead = 0, .flags = 0}, true));
}

TEST(Session, survives_its_file_and_refuses_others) {
  const Directory directory;
  EXPECT_EQ(load_session(directory / "s").error().code(), ErrorCode::not_found);
  const Session session{.minor = 40, .flags = protocol::kHasResend | 5, .max_pages = 256};
  ASSERT_TRUE(save_session(directory / "s", session));
  EXPECT_EQ(*load_session(directory / "s"), session);
  Session with_image = session;
  with_image.image = {.generation = 3, .listed_at = 1'700'000'000, .image_bytes = 1ull << 40};
  EXPECT_EQ(*decode_session(encode_session(with_image)), with_image);
  for (const char* text :
       {"", "{}", "[]", "{\"version\":2,\"minor\":1,\"flags\":1,\"max_pages\":1}",
        "{\"version\":1,\"minor\":-1,\"flags\":1,\"max_pages\":1}",
        "{\"version\":1,\"minor\":1,\"flags\":1,\"max_pages\":0}",
        "{\"version\":1,\"minor\":1,\"flags\":1,\"max_pages\":1,\"image\":{}}",
        "{\"version\":1,\"minor\":1,\"flags\":1,\"max_pages\":65536}"})
    EXPECT_EQ(decode_session(text).error().code(), ErrorCode::corrupt) << text;
}

// ---- requests and buffers

TEST(RequestSlots, are_bounded_and_remember_unanswered_requests) {
  const Directory directory;
  {
    auto slots = RequestSlots::open(directory / "r");
    ASSERT_TRUE(slots);
    RequestSlots::Slot slot;
    for (std::uint32_t i = 0; i < bounds::kRequestSlots; ++i) {
      ASSERT_TRUE(slots->acquire(slot));
      store_le<std::uint32_t>(slot.bytes.data(), 40 + i % 100);
    }
    EXPECT_FALSE(slots->acquire(slot));
    slots->release(slot);
    EXPECT_EQ(slots->in_use(), bounds::kRequestSlots - 1);
    ASSERT_TRUE(slots->acquire(slot));
    slots->release(slot);
  }
  auto again = RequestSlots::open(directory / "r");
  ASSERT_TRUE(again);
  const auto restored = again->restored();
  EXPECT_EQ(restored.size(), bounds::kRequestSlots - 1);
  EXPECT_EQ(again->in_use(), bounds::kRequestSlots - 1);
  for (const auto& slot : restored) again->release(slot);
  EXPECT_TRUE(again->restored().empty());
}

TEST(RequestSlots, a_length_that_cannot_be_is_an_empty_slot) {
  const Directory directory;
  {
    auto slots = RequestSlots::open(directory / "r");
    RequestSlots::Slot slot;
    ASSERT_TRUE(slots && slots->acquire(slot));
    store_le<std::uint32_t>(slot.bytes.data(), bounds::kRequestBytes + 1);
  }
  auto again = RequestSlots::open(directory / "r");
  EXPECT_TRUE(again->restored().empty());
  EXPECT_EQ(again->in_use(), 0u);
}

TEST(BufferPool, keeps_its_bound_over_all_sizes_and_aligns_to_pages) {
  BufferPool pool(1u << 20);
  std::vector<BufferPool::Buffer> held;
  for (;;) {
    auto buffer = pool.acquire(100000);
    if (!buffer.valid()) break;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.bytes().data()) % 4096, 0u);
    EXPECT_EQ(buffer.bytes().size(), 128u << 10);
    held.push_back(std::move(buffer));
  }
  EXPECT_EQ(held.size(), 8u);
  EXPECT_FALSE(pool.acquire(1).valid());
  held.pop_back();
  EXPECT_TRUE(pool.acquire(1).valid()) << "unused memory of another size is given up for it";
  held.clear();
  EXPECT_TRUE(pool.acquire(bounds::kReadBytes).valid());
  EXPECT_EQ(pool.bytes_in_use(), 0u);
}

// ---- errors

TEST(ReadErrors, are_eio_unless_the_question_was_wrong) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::bug); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    const int expected = code == ErrorCode::bad_input     ? EINVAL
                         : code == ErrorCode::unsupported ? EOPNOTSUPP
                                                          : EIO;
    EXPECT_EQ(errno_of(code), expected) << name_of(code);
  }
}

TEST(ReadErrors, a_flood_of_one_kind_is_cut_and_hides_no_other) {
  ReadErrorLog log;
  testing::internal::CaptureStderr();
  for (int i = 0; i < 1000; ++i) log.record(0, 4096, Error(ErrorCode::timeout, "slow"));
  log.record(4096, 512, Error(ErrorCode::corrupt, "get s3://b/k: torn [request 1A]"));
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), LogLimit::kLinesMax + 1);
  EXPECT_NE(text.find("offset=4096 bytes=512 error=\"get s3://b/k: torn [request 1A]"),
            std::string::npos)
      << text;
}

TEST(LogFile, is_cut_at_its_bound_and_what_was_in_it_kept_once) {
  char name[] = "/tmp/shoal-log-XXXXXX";
  const std::filesystem::path directory = mkdtemp(name);
  const auto log = directory / "server.log";
  std::ofstream writer(log, std::ios::app);
  const auto text_of = [](const std::filesystem::path& file) {
    std::ifstream in(file);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  EXPECT_FALSE(bound_log_file(directory / "none", 10));
  writer << "0123456789" << std::flush;
  EXPECT_FALSE(bound_log_file(log, 10));
  for (const char* line : {"first", "second"}) {
    writer << line << std::flush;
    const std::string before = text_of(log);
    if (before.size() <= 10) writer << "0123456789" << std::flush;
    EXPECT_TRUE(bound_log_file(log, 10));
    EXPECT_EQ(std::filesystem::file_size(log), 0u);
    EXPECT_NE(text_of(directory / "server.log.1").find(line), std::string::npos);
  }
  EXPECT_EQ(text_of(directory / "server.log.1"), "second0123456789");
  writer << "the same writer goes on" << std::flush;
  EXPECT_EQ(text_of(log), "the same writer goes on");
  std::filesystem::remove(directory / "server.log.1");
  std::filesystem::create_directories(directory / "server.log.1" / "in the way");
  EXPECT_TRUE(bound_log_file(log, 10)) << "a copy that fails keeps the bound";
  std::filesystem::remove_all(directory);
}

TEST(Reports, carry_a_value_or_the_whole_error) {
  EXPECT_EQ(*decode_report(encode_success("state")), "state");
  const auto failed =
      decode_report(encode_failure(Error(ErrorCode::permission, "open \xff: no", "Be root")));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::permission);
  EXPECT_EQ(failed.error().remedy(), "Be root");
  EXPECT_LT(encode_failure(Error(ErrorCode::io, std::string(1u << 20, 'x'))).size(),
            kReportBytesMax);
  for (const char* text : {"", "{}", "{\"ok\":true}", "{\"ok\":false}", "[]", "{\"ok\":1}"})
    EXPECT_EQ(decode_report(text).error().code(), ErrorCode::corrupt) << text;
}

TEST(ChildTask, hands_back_results_errors_deaths_and_times_out) {
  const auto run = [](ChildTask::Work work, Duration limit) {
    auto task = ChildTask::start("test", {}, std::move(work));
    return task->wait(limit);
  };
  EXPECT_EQ(*run([] { return Result<std::string>("x"); }, 20s), "x");
  EXPECT_EQ(run([]() -> Result<std::string> { return fail(ErrorCode::corrupt, "y"); }, 20s)
                .error()
                .code(),
            ErrorCode::corrupt);
  EXPECT_EQ(run([]() -> Result<std::string> { ::_exit(3); }, 20s).error().code(), ErrorCode::io);
  EXPECT_EQ(run(
                []() -> Result<std::string> {
                  ::pause();
                  return {};
                },
                10ms)
                .error()
                .code(),
            ErrorCode::timeout);
}

// ---- keeper

TEST(RestartPolicy, restarts_at_once_then_slower_then_not_at_all) {
  RestartPolicy policy;
  const TimePoint start{};
  EXPECT_EQ(policy.delay_after_death(start, 10ms), Duration::zero());
  EXPECT_EQ(policy.delay_after_death(start, 10ms), 100ms);
  EXPECT_EQ(policy.delay_after_death(start, 10ms), 200ms);
  EXPECT_EQ(policy.delay_after_death(start, 10ms), 400ms);
  EXPECT_EQ(policy.delay_after_death(start, 10ms), 3s);
  EXPECT_EQ(policy.delay_after_death(start + 59s, 10ms), 3s);
  EXPECT_EQ(policy.delay_after_death(start + 60s, 10ms), std::nullopt);
}

TEST(RestartPolicy, forgives_a_server_that_lived) {
  RestartPolicy policy;
  for (int i = 0; i < 4; ++i) static_cast<void>(policy.delay_after_death({}, 10ms));
  EXPECT_EQ(policy.delay_after_death({}, 1s), Duration::zero());
  EXPECT_EQ(policy.delay_after_death({}, 10ms), Duration::zero());
  EXPECT_EQ(policy.quick_deaths(), 1);
}

TEST(KeeperOptions, survive_their_json_and_refuse_others) {
  KeeperOptions options;
  options.mount_point = "/mnt/a b";
  options.runtime_directory = "/run/shoal";
  options.volume = "/v";
  options.source = "s3://b/p";
  options.server_command = {"shoal", "serve", "--x", "\"quoted\""};
  options.log_file = "/v/log";
  options.carrier = Carrier::file_buffered;
  options.cgroup = "/sys/fs/cgroup/shoal";
  const auto decoded = decode_keeper_options(encode_keeper_options(options));
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(decoded->mount_point, options.mount_point);
  EXPECT_EQ(decoded->server_command, options.server_command);
  EXPECT_EQ(decoded->carrier, options.carrier);
  EXPECT_EQ(decoded->cgroup, options.cgroup);
  options.server_command.clear();
  EXPECT_FALSE(decode_keeper_options(encode_keeper_options(options)));
  for (const char* text : {"", "{}", "[]", "{\"mount_point\":3}"})
    EXPECT_EQ(decode_keeper_options(text).error().code(), ErrorCode::bad_input) << text;
  EXPECT_EQ(carrier_named("tape").error().code(), ErrorCode::bad_input);
  EXPECT_EQ(*carrier_named(name_of(Carrier::loop)), Carrier::loop);
}

// ---- mounts seen from outside

TEST(MountPaths, are_readable_and_differ_where_names_collide) {
  const auto paths = mount_paths("/run/shoal", "/mnt/data/");
  EXPECT_TRUE(paths.id.starts_with("mnt-data-")) << paths.id;
  EXPECT_EQ(paths.id, mount_paths("/run/shoal", "/mnt/./data").id);
  EXPECT_NE(paths.id, mount_paths("/run/shoal", "/mnt-data").id);
  EXPECT_EQ(paths.image, fs::path("/run/shoal") / paths.id / "fuse/image");
  EXPECT_LT(mount_paths("/r", "/" + std::string(1000, 'x')).id.size(), 60u);
  EXPECT_EQ(mount_paths("/r", "/..a/ \n").id.find_first_of("/ \n"), std::string::npos);
}

MountState sample_state() {
  MountState state;
  state.id = "mnt-data-1";
  state.mount_point = "/mnt/data";
  state.source = "s3://b/p";
  state.keeper = {.pid = 7, .started = 1ull << 40};
  state.server = {.pid = 8, .started = 9};
  state.carrier = "erofs";
  state.server_restarts = 3;
  state.resend = true;
  state.mounted_at = 1700000000;
  state.mount_id = 42;
  state.erofs_device = "0:51";
  state.fuse_device = "0:50";
  state.adoptions = 2;
  state.unmount_error = "why\n";
  return state;
}

TEST(MountState, survives_its_file_and_refuses_others) {
  const MountState state = sample_state();
  const std::string text = encode_mount_state(state);
  const auto decoded = decode_mount_state(text);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(encode_mount_state(*decoded), text);
  EXPECT_EQ(decoded->keeper, state.keeper);
  for (std::size_t length = 0; length + 2 < text.size(); length += 7)
    EXPECT_FALSE(decode_mount_state(std::string_view(text).substr(0, length))) << length;
  std::string other = text;
  other.replace(other.find("\"pid\": 7"), 8, "\"pid\": -7");
  EXPECT_FALSE(decode_mount_state(other));
}

TEST(MountState, of_an_earlier_version_lacks_what_came_later) {
  std::string text = encode_mount_state(sample_state());
  for (const char* field : {"erofs_device", "fuse_device", "adoptions"}) {
    const std::size_t at = text.find("\"" + std::string(field));
    text.erase(at, text.find('\n', at) + 1 - at);
  }
  const auto decoded = decode_mount_state(text);
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(decoded->erofs_device, "");
  EXPECT_EQ(decoded->adoptions, 0u);
  std::string other = encode_mount_state(sample_state());
  other.replace(other.find("\"0:50\""), 6, "50");
  EXPECT_FALSE(decode_mount_state(other)) << "of another type is not the same as missing";
}

TEST(ProcessId, is_of_one_process_only) {
  const ProcessId self = process_id_of(::getpid());
  EXPECT_TRUE(is_alive(self));
  EXPECT_FALSE(is_alive({.pid = self.pid, .started = self.started + 1}));
  EXPECT_FALSE(is_alive({}));
  EXPECT_EQ(process_id_of(0x7fffffff), ProcessId{});
}

TEST(ListMounts, drops_state_files_of_which_nothing_is_left) {
  const Directory directory;
  fs::create_directories(directory / "mounts");
  MountState state = sample_state();
  state.mount_point = directory / "nowhere";
  const auto paths = mount_paths(directory.path(), state.mount_point);
  ASSERT_TRUE(save_mount_state(paths.state, state));
  std::ofstream(directory / "mounts/other.json") << "of another version";
  const auto mounts = list_mounts(directory.path());
  ASSERT_TRUE(mounts);
  EXPECT_TRUE(mounts->empty());
  EXPECT_FALSE(fs::exists(paths.state));
  EXPECT_TRUE(fs::exists(directory / "mounts/other.json"));
  EXPECT_TRUE(list_mounts(directory / "missing")->empty());
}

TEST(Adoption, keeps_options_for_their_owner_alone) {
  const Directory directory;
  const auto paths = mount_paths(directory.path(), "/mnt/data");
  fs::create_directories(paths.directory);
  EXPECT_EQ(load_options(paths).error().code(), ErrorCode::unsupported);
  KeeperOptions options;
  options.mount_point = "/mnt/data";
  options.server_command = {"shoal", "serve"};
  ASSERT_TRUE(save_options(paths, options));
  EXPECT_EQ(fs::status(paths.options).permissions(), fs::perms(0600));
  EXPECT_EQ(load_options(paths)->server_command, options.server_command);
  std::ofstream(paths.options) << "{";
  EXPECT_EQ(load_options(paths).error().code(), ErrorCode::corrupt);
}

TEST(Connection, of_what_is_no_mounted_fuse_device_is_none) {
  EXPECT_FALSE(is_connected(-1));
  const sys::Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_FALSE(is_fuse_device(null.get()));
  EXPECT_FALSE(is_fuse_device(-1));
  EXPECT_EQ(device_of(null.get()), std::nullopt);
  EXPECT_TRUE(abort_connection(-1, "0:1")) << "a connection that has ended needs no end";
}

TEST(Holders, of_a_directory_are_named_with_the_reason) {
  const Directory directory;
  EXPECT_TRUE(holders_of(directory.path(), 8).empty());
  std::ofstream(directory / "held") << "x";
  const int held = ::open((directory / "held").c_str(), O_RDONLY | O_CLOEXEC);
  const auto holders = holders_of(directory.path(), 8);
  ::close(held);
  ASSERT_EQ(holders.size(), 1u);
  EXPECT_NE(holders[0].find("[" + std::to_string(::getpid()) + "] (open file)"), std::string::npos);
}

TEST(CheckHost, refuses_what_is_no_mount_point) {
  const Directory directory;
  std::ofstream(directory / "file") << "x";
  EXPECT_EQ(check_host(directory.path(), "relative").error().code(), ErrorCode::bad_input);
  EXPECT_EQ(check_host(directory.path(), directory / "missing").error().code(),
            ErrorCode::not_found);
  EXPECT_EQ(check_host(directory.path(), directory / "file").error().code(), ErrorCode::bad_input);
}

}  // namespace
}  // namespace shoal::fuse
