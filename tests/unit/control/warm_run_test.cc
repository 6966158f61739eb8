// SPDX-License-Identifier: Apache-2.0
// Goal: a warm, check or unpin acts on every named file once, within its bounds, and tells the
// truth about what happened, also when files fail and when it is canceled.
// Method: a volume in memory that answers on its own thread, when it is let.
#include "control/warm_run.h"

#include <gtest/gtest.h>

#include <thread>

#include "fake_volume.h"

namespace shoal::control {
namespace {

using State = WarmProgress::State;
using Action = WarmSpec::Action;

WarmSpec spec_of(const std::vector<std::string>& paths, Action action = Action::warm) {
  WarmSpec spec;
  spec.action = action;
  for (const std::string& path : paths)
    spec.paths.push_back(*PathPattern::parse(path, PathPattern::Syntax::pattern));
  return spec;
}

WarmProgress run(FakeVolume& volume, WarmSpec spec) {
  WarmRun run(volume, std::move(spec), system_clock());
  run.run();
  return run.progress();
}

TEST(WarmRun, fetches_every_named_file_and_the_second_time_none) {
  FakeVolume volume;
  add_tree(volume);
  volume.add("zero", 0);
  WarmProgress first = run(volume, spec_of({"AAPL", "zero", "nope"}));
  EXPECT_EQ(first.state, State::done);
  EXPECT_EQ(first.files, 4u);
  EXPECT_EQ(first.bytes, 3000u);
  EXPECT_EQ(first.files_done, 4u);
  EXPECT_EQ(first.bytes_done, 3000u);
  EXPECT_EQ(first.bytes_fetched, 3000u);
  EXPECT_EQ(first.files_present, 1u) << "of the empty file nothing is missing";
  EXPECT_EQ(first.unmatched, 1u);
  EXPECT_EQ(first.unmatched_names, std::vector<std::string>{"nope"});
  EXPECT_EQ(volume.warmed().size(), 3u);
  const WarmProgress second = run(volume, spec_of({"AAPL"}));
  EXPECT_EQ(second.files_present, 3u);
  EXPECT_EQ(second.bytes_present, 3000u) << "blocks beyond a file's end are not its bytes";
  EXPECT_EQ(second.bytes_fetched, 0u);
}

TEST(WarmRun, check_asks_only_and_counts_the_requests_it_would_cost) {
  FakeVolume volume;
  add_tree(volume);
  volume.add("z-large", 9u << 20);
  run(volume, spec_of({"AAPL/notes.txt"}));
  const WarmProgress checked = run(volume, spec_of({"AAPL", "z-large"}, Action::check));
  EXPECT_EQ(checked.state, State::done);
  EXPECT_EQ(checked.files_present, 1u);
  EXPECT_EQ(checked.requests, 2u + 3u) << "two small files, three chunks";
  EXPECT_EQ(checked.absent,
            (std::vector<std::string>{"AAPL/2026-01-02.csv", "AAPL/2026-01-05.csv", "z-large"}));
  for (const WarmRequest& request : volume.warmed())
    EXPECT_TRUE(request.check_only || request.bytes == 1000);
}

TEST(WarmRun, pins_are_asked_for_and_unpinning_asks_for_nothing_else) {
  FakeVolume volume;
  add_tree(volume);
  WarmSpec spec = spec_of({"top"});
  spec.pin = true;
  run(volume, spec);
  ASSERT_EQ(volume.warmed().size(), 1u);
  EXPECT_TRUE(volume.warmed().front().pin);
  const WarmProgress progress = run(volume, spec_of({"AAPL", "top"}, Action::unpin));
  EXPECT_EQ(progress.files_done, 4u);
  EXPECT_EQ(volume.unpinned.size(), 4u);
  EXPECT_EQ(volume.warmed().size(), 1u);
}

TEST(WarmRun, keeps_to_its_bound_in_flight) {
  FakeVolume volume;
  for (int i = 0; i < 300; ++i) volume.add("f" + std::to_string(1000 + i));
  WarmSpec spec = spec_of({"*"});
  spec.parallel = 7;
  volume.hold(true);
  WarmRun warm(volume, spec, system_clock());
  std::thread thread([&] { warm.run(); });
  volume.wait_in_flight(7);
  volume.hold(false);
  thread.join();
  EXPECT_EQ(warm.progress().files_done, 300u);
  EXPECT_EQ(volume.in_flight_max, 7u);
}

TEST(WarmRun, bounds_the_bytes_in_flight_of_large_files) {
  FakeVolume volume;
  volume.add("large", 1ull << 30);
  volume.hold(true);
  WarmRun warm(volume, spec_of({"large"}), system_clock());
  std::thread thread([&] { warm.run(); });
  volume.wait_in_flight(limits::kBytesInFlightMax / limits::kPieceBytes);
  volume.hold(false);
  thread.join();
  EXPECT_EQ(volume.in_flight_max, limits::kBytesInFlightMax / limits::kPieceBytes);
  EXPECT_EQ(warm.progress().bytes_fetched, 1ull << 30);
  EXPECT_EQ(warm.progress().files_done, 1u);
}

TEST(WarmRun, refuses_more_than_the_cache_holds_with_numbers_unless_forced) {
  FakeVolume volume;
  for (int i = 0; i < 10; ++i) volume.add("f" + std::to_string(i));
  volume.cache_bytes_max = 9 * 4096;  // ten files of a block each
  WarmSpec spec = spec_of({"*"});
  const WarmProgress refused = run(volume, spec);
  EXPECT_EQ(refused.state, State::failed);
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->code(), ErrorCode::limit);
  EXPECT_NE(refused.error->message().find("10 files take 40.0 KiB of cache, which holds at most "
                                          "36.0 KiB"),
            std::string::npos)
      << refused.error->to_string();
  EXPECT_TRUE(volume.warmed().empty());
  spec.force = true;
  EXPECT_EQ(run(volume, spec).state, State::done);
  spec.force = false;
  spec.action = Action::check;
  EXPECT_EQ(run(volume, spec).state, State::done) << "looking costs nothing";
}

TEST(WarmRun, a_failed_file_is_named_and_the_others_go_on) {
  FakeVolume volume;
  for (int i = 0; i < 50; ++i) volume.add("f" + std::to_string(100 + i));
  int calls = 0;
  volume.on_warm = [&](const WarmRequest&) -> Result<void> {
    if (++calls % 2 == 0) return fail(ErrorCode::precondition, "replaced");
    return {};
  };
  const WarmProgress progress = run(volume, spec_of({"*"}));
  EXPECT_EQ(progress.state, State::done);
  EXPECT_EQ(progress.files_done, 50u);
  EXPECT_EQ(progress.files_failed, 25u);
  ASSERT_EQ(progress.failures.size(), limits::kNamesKept);
  EXPECT_EQ(progress.failures.front().substr(0, 14), "f101: replaced");
}

TEST(WarmRun, a_refused_pin_ends_the_run) {
  FakeVolume volume;
  for (int i = 0; i < 1000; ++i) volume.add("f" + std::to_string(1000 + i));
  int calls = 0;
  volume.on_warm = [&](const WarmRequest&) -> Result<void> {
    if (++calls > 3) return fail(ErrorCode::limit, "pins would leave too little cache");
    return {};
  };
  WarmSpec spec = spec_of({"*"});
  spec.pin = true;
  spec.parallel = 4;
  const WarmProgress progress = run(volume, spec);
  EXPECT_EQ(progress.state, State::failed);
  ASSERT_TRUE(progress.error);
  EXPECT_EQ(progress.error->code(), ErrorCode::limit);
  EXPECT_LT(calls, 20);
}

TEST(WarmRun, cancel_starts_nothing_more_and_waits_for_what_is_under_way) {
  FakeVolume volume;
  for (int i = 0; i < 1000; ++i) volume.add("f" + std::to_string(1000 + i));
  volume.hold(true);
  WarmSpec spec = spec_of({"*"});
  spec.parallel = 10;
  WarmRun warm(volume, spec, system_clock());
  std::thread thread([&] { warm.run(); });
  volume.wait_in_flight(10);
  warm.cancel();
  EXPECT_FALSE(warm.progress().is_over());
  volume.hold(false);
  thread.join();
  EXPECT_EQ(warm.progress().state, State::canceled);
  EXPECT_EQ(warm.progress().files_done, 10u);
}

TEST(WarmRun, abandon_waits_for_nothing_and_late_answers_find_their_place) {
  FakeVolume volume;
  for (int i = 0; i < 100; ++i) volume.add("f" + std::to_string(100 + i));
  volume.hold(true);
  {
    WarmRun warm(volume, spec_of({"*"}), system_clock());
    std::thread thread([&] { warm.run(); });
    volume.wait_in_flight(100);
    warm.abandon();
    thread.join();
    EXPECT_EQ(warm.progress().state, State::canceled);
  }
  volume.hold(false);  // under ASan: the answers touch nothing that is gone
}

TEST(WarmRun, canceled_before_it_began_it_does_nothing) {
  FakeVolume volume;
  add_tree(volume);
  WarmRun warm(volume, spec_of({"*"}), system_clock());
  warm.cancel();
  EXPECT_EQ(warm.progress().state, State::canceled);
  warm.run();
  EXPECT_TRUE(volume.warmed().empty());
}

}  // namespace
}  // namespace shoal::control
