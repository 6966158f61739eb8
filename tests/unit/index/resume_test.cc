// SPDX-License-Identifier: Apache-2.0
// Goal: a build that is stopped, fails or is killed at any point is finished by the next one, with
// the same result as an undisturbed build; a rebuild replaces the old generation in one step.
// Method: stop flags, failing requests, a child process killed with SIGKILL at random requests and
// at every phase.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

#include "unit/index/fixture.h"

namespace shoal::index {
namespace {

constexpr std::uint64_t kKeys = 150000;  // two full runs and a bit

// Has files shadowed by directories ("d012/f" beside "d012/f/x"), markers and special keys.
std::string mixed_key(std::uint64_t i) {
  char text[64];
  const auto directory = static_cast<unsigned>(i / 100);
  switch (i % 100) {
    case 0:
      std::snprintf(text, sizeof text, "p/d%05u/", directory);
      break;
    case 1:
      std::snprintf(text, sizeof text, "p/d%05u//x", directory);
      break;
    case 2:
      std::snprintf(text, sizeof text, "p/d%05u/a", directory);
      break;
    case 3:
      std::snprintf(text, sizeof text, "p/d%05u/a/y", directory);
      break;
    default:
      std::snprintf(text, sizeof text, "p/d%05u/b%02u", directory, static_cast<unsigned>(i % 100));
  }
  return text;
}

Result<format::GenerationRecord> build_mixed(Index& index,
                                             InventedStore::Options store_options = {},
                                             const BuildOptions& options = {}) {
  SerialExecutor executor;
  InventedStore store(mixed_key, kKeys, executor, std::move(store_options));
  return build(index, dataset_record(), "p/", store, executor, options);
}

const Content& expected() {
  static const Content content = [] {
    TemporaryFolder folder;
    const auto index = open_or_die(folder.path());
    EXPECT_TRUE(build_mixed(*index));
    return content_of(*index);
  }();
  return content;
}

TEST(Resume, the_reference_has_what_the_formula_says) {
  EXPECT_EQ(expected().files, kKeys / 100 * 97);
  EXPECT_EQ(expected().special_keys, kKeys / 100 * 3);
  EXPECT_EQ(expected().directories, kKeys / 100 * 2);
}

TEST(Resume, a_failing_request_keeps_what_other_ranges_listed) {
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  std::uint64_t requests = 0;
  for (const std::uint64_t fail_at : {1, 2, 7, 40, 60}) {
    const auto failed = build_mixed(*index, {.seed = fail_at, .fail_request = fail_at});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), ErrorCode::unavailable);
    EXPECT_TRUE(failed.error().message().starts_with("index s3://bucket/p/: "))
        << failed.error().message();
    EXPECT_EQ(index->generation().value(), std::nullopt);
    requests += fail_at;
  }
  std::uint64_t resumed = 0;
  BuildOptions options;
  options.on_progress = [&](const BuildProgress& progress) { resumed = progress.keys_resumed; };
  const auto built = build_mixed(*index, {}, options);
  ASSERT_TRUE(built) << built.error().to_string();
  EXPECT_GT(resumed, 50000u);
  EXPECT_LT(resumed, kKeys);
  EXPECT_GT(built->list_requests, requests);
  EXPECT_EQ(content_of(*index), expected());
}

TEST(Resume, a_stop_keeps_everything_listed_so_far_and_the_layout_can_be_stopped_too) {
  TemporaryFolder folder;
  auto index = open_or_die(folder.path());
  std::atomic<bool> stop = false;
  BuildOptions options;
  options.stop = &stop;
  const auto stopped =
      build_mixed(*index, {.on_request = [&](std::uint64_t n) { stop = stop || n > 60; }}, options);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), ErrorCode::canceled);
  index.reset();
  index = open_or_die(folder.path());
  stop = false;
  std::uint64_t resumed = 0;
  options.on_progress = [&](const BuildProgress& progress) {
    resumed = progress.keys_resumed;
    if (progress.phase == BuildProgress::Phase::layout) stop = true;
  };
  const auto stopped_again = build_mixed(*index, {}, options);
  ASSERT_FALSE(stopped_again);
  EXPECT_EQ(stopped_again.error().code(), ErrorCode::canceled);
  EXPECT_GT(resumed, 20000u);
  stop = false;
  options.on_progress = nullptr;
  SerialExecutor executor;
  InventedStore unused([](std::uint64_t) { return std::string(); }, 0, executor);
  const auto built = build(*index, dataset_record(), "p/", unused, executor, options);
  ASSERT_TRUE(built) << built.error().to_string();
  EXPECT_EQ(unused.requests(), 0u) << "only the layout was missing";
  EXPECT_EQ(content_of(*index), expected());
}

TEST(Resume, a_build_killed_anywhere_is_finished_by_the_next) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    TemporaryFolder folder;
    int kills = 0;
    // Each child goes on where the one before was killed, and dies a little later itself.
    for (int attempt = 0; attempt < 4; ++attempt) {
      const std::string text = std::to_string(seed * 100 + static_cast<std::uint64_t>(attempt));
      const pid_t child = ::fork();
      if (child == 0) {
        ::execl("/proc/self/exe", "index_test", "--build-child", folder.path().c_str(),
                text.c_str(), nullptr);
        ::_exit(127);
      }
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      if (WIFSIGNALED(status)) {
        ASSERT_EQ(WTERMSIG(status), SIGKILL);
        ++kills;
      } else {
        ASSERT_EQ(WEXITSTATUS(status), 0);
      }
    }
    EXPECT_GT(kills, 0) << "seed " << seed;
    const auto index = open_or_die(folder.path());
    if (!index->generation().value()) {
      const auto built = build_mixed(*index);
      ASSERT_TRUE(built) << "seed " << seed << ": " << built.error().to_string();
    }
    ASSERT_EQ(content_of(*index), expected()) << "seed " << seed;
  }
}

// ---- rebuild

TEST(Rebuild, replaces_the_generation_and_forgets_cache_states_of_the_old_layout) {
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  const auto first = build_mixed(*index);
  ASSERT_TRUE(first);
  ASSERT_TRUE(index->store({0}, {.layout_id = first->layout_id, .present = {1}}));
  const auto cursor = index->walk("").value();
  Entry entry;
  ASSERT_TRUE(cursor->next(entry).value());
  const auto second = build_keys(*index, {"p/d00000/b50", "p/new", "p/x//y"});
  ASSERT_TRUE(second) << second.error().to_string();
  EXPECT_EQ(second->generation.value, 2u);
  EXPECT_NE(second->layout_id, first->layout_id);
  const Content content = content_of(*index);
  ASSERT_EQ(content.entries.size(), 2u);
  EXPECT_EQ(content.entries[0].first, "d00000/b50");
  EXPECT_EQ(content.entries[1].first, "new");
  EXPECT_EQ(content.chunks.size(), 1u);
  EXPECT_EQ(content.special.size(), 1u);
  EXPECT_EQ(index->load({0}).value(), std::nullopt);
  std::uint64_t seen = 1;
  while (cursor->next(entry).value()) ++seen;
  EXPECT_EQ(seen, expected().entries.size()) << "a cursor keeps the state of its creation";
  ASSERT_TRUE(build_mixed(*index));
  EXPECT_EQ(content_of(*index), expected());
  EXPECT_EQ(index->generation().value()->generation.value, 3u);
}

TEST(Rebuild, leaves_the_old_generation_readable_until_it_is_done) {
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  ASSERT_TRUE(build_keys(*index, {"p/a", "p/x//y"}));
  const Content before = content_of(*index);
  ASSERT_FALSE(build_mixed(*index, {.fail_request = 100}));
  EXPECT_EQ(content_of(*index), before);
  std::atomic<bool> stop = false;
  BuildOptions options;
  options.stop = &stop;
  options.on_progress = [&](const BuildProgress& progress) {
    if (progress.phase == BuildProgress::Phase::layout) stop = true;
  };
  ASSERT_FALSE(build_mixed(*index, {}, options));
  EXPECT_EQ(content_of(*index), before);
  ASSERT_TRUE(build_mixed(*index));
  EXPECT_EQ(content_of(*index), expected());
  EXPECT_EQ(index->generation().value()->generation.value, 2u);
}

TEST(Rebuild, of_an_emptied_dataset_fails_and_keeps_the_old_generation) {
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  ASSERT_TRUE(build_keys(*index, {"p/a"}));
  EXPECT_EQ(build_keys(*index, {}).error().code(), ErrorCode::not_found);
  EXPECT_EQ(content_of(*index).entries.size(), 1u);
}

TEST(Rebuild, another_geometry_takes_effect_together_with_its_layout) {
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  ASSERT_TRUE(build_keys(*index, {"p/a", "p/b"}));
  const format::Geometry small{512, 4096};
  EXPECT_FALSE(build_keys(*index, {"p/a", "p/b"}, {.fail_request = 1}, {}, small));
  EXPECT_EQ(index->dataset().value()->geometry, format::Geometry());
  ASSERT_TRUE(build_keys(*index, {"p/a", "p/b"}, {}, {}, small));
  EXPECT_EQ(index->dataset().value()->geometry, small);
}

TEST(Rebuild, another_dataset_is_refused_and_nothing_changes) {
  TemporaryFolder folder;
  const auto index = open_or_die(folder.path());
  ASSERT_TRUE(build_keys(*index, {"p/a"}));
  const Content before = content_of(*index);
  SerialExecutor executor;
  InventedStore store(mixed_key, 10, executor);
  format::DatasetRecord other = dataset_record();
  other.endpoint = "http://elsewhere";
  format::DatasetRecord url = dataset_record();
  url.url = "s3://bucket/q/";
  for (const auto& dataset : {other, url}) {
    const auto refused = build(*index, dataset, "p/", store, executor, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::precondition);
    EXPECT_NE(refused.error().message().find("s3://bucket/p/"), std::string::npos);
    EXPECT_NE(refused.error().message().find(dataset.url), std::string::npos);
  }
  EXPECT_EQ(store.requests(), 0u);
  EXPECT_EQ(content_of(*index), before);
  EXPECT_EQ(index->dataset().value(), dataset_record());
}

}  // namespace

// Kills itself at a point the seed decides: at a request, as soon as a run is stored, or in the
// layout.
int build_child(const char* folder, const char* seed) {
  Rng rng(std::strtoull(seed, nullptr, 10));
  const std::uint64_t die_at = 1 + rng.below(120);
  const std::uint64_t way = rng.below(3);
  const auto die = [] { ::kill(::getpid(), SIGKILL); };
  const auto index = open_or_die(folder);
  if (index->generation().value()) return 0;
  BuildOptions options;
  options.on_progress = [&](const BuildProgress& progress) {
    if (way == 1 && progress.phase == BuildProgress::Phase::layout) die();
  };
  // Another thread of this process dies in the middle of sorting, ingesting or laying out.
  const auto delayed = std::chrono::microseconds(rng.below(600000));
  std::thread reaper;
  const auto die_later = [&] {
    std::this_thread::sleep_for(delayed);  // tidy-ok: the seed chooses the moment of the kill
    die();
  };
  if (way == 2) reaper = std::thread(die_later);
  const auto built = build_mixed(*index,
                                 {.seed = die_at,
                                  .on_request =
                                      [&](std::uint64_t n) {
                                        if (way == 0 && n >= die_at) die();
                                      }},
                                 options);
  if (reaper.joinable()) reaper.join();
  return built ? 0 : 1;
}

}  // namespace shoal::index
