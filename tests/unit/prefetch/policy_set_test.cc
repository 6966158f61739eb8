// SPDX-License-Identifier: Apache-2.0
// Goal: the policies together serve mixtures of readers, keep their bounds whatever happens, and
// each answers for what it proposed. Method: readers over a dataset on paper; an adversary by seed.
#include "prefetch/policy_set.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/rng.h"
#include "bucket_model.h"

namespace shoal::prefetch {
namespace {

std::map<std::string, PolicySet::Report> reports_of(const PolicySet& set) {
  std::map<std::string, PolicySet::Report> reports;
  set.visit_stats(
      [&](const PolicySet::Report& report) { reports.emplace(std::string(report.name), report); });
  return reports;
}

struct World {
  explicit World(Layout dataset, bool with_catalog = true)
      : layout(std::move(dataset)), bucket(layout) {
    set = PolicySet::make({.geometry = layout.geometry(), .data_end = layout.end()}, bucket,
                          with_catalog ? &layout : nullptr);
    bucket.use(*set);
  }
  std::shared_ptr<Order> order_of(const std::vector<std::size_t>& files) const {
    auto order = std::make_shared<Order>(layout.geometry());
    std::vector<Order::File> batch;
    for (const std::size_t file : files)
      batch.push_back({layout.files()[file].begin, layout.files()[file].length});
    EXPECT_TRUE(order->append(batch));
    return order;
  }
  Layout layout;
  BucketModel bucket;
  std::unique_ptr<PolicySet> set;
};

TEST(PolicySet, a_walk_costs_one_request_per_file_and_no_question) {
  World world(Layout::symbols(100, 40, 12'000));
  for (const CatalogFile& file : world.layout.files()) world.bucket.read(file);
  EXPECT_EQ(world.bucket.requests, 4000u);
  EXPECT_LE(world.bucket.demand_requests, 3u);
  EXPECT_LE(world.layout.questions, 3u);
  EXPECT_EQ(world.bucket.unread_parts(), 0u);
}

// xargs -P16 -n256: each process walks a slice of 256 files, then takes the next slice.
TEST(PolicySet, slices_of_a_walk_by_sixteen_processes_cost_one_request_per_file) {
  World world(Layout::symbols(200, 82, 6000));
  const std::size_t count = world.layout.files().size();
  std::size_t next_slice = 0;
  std::vector<std::pair<std::size_t, std::size_t>> processes(16);
  Rng rng(6);
  for (std::size_t read = 0; read < count;) {
    auto& [at, end] = processes[rng.below(16)];
    if (at == end) {
      if (next_slice == count) continue;
      at = next_slice;
      end = next_slice = std::min(count, next_slice + 256);
    }
    world.bucket.read(world.layout.files()[at++]);
    ++read;
  }
  EXPECT_EQ(world.bucket.requests, count);
  EXPECT_LE(world.bucket.demand_requests, count / 20);
}

// rg: every thread takes a directory when it has finished one.
TEST(PolicySet, threads_that_take_a_directory_each_are_followed) {
  World world(Layout::symbols(300, 50, 9000));
  std::vector<std::size_t> directories(300);
  for (std::size_t i = 0; i < directories.size(); ++i) directories[i] = i;
  Rng rng(8);
  for (std::size_t i = directories.size(); i > 1; --i)
    std::swap(directories[i - 1], directories[rng.below(i)]);
  std::vector<std::pair<std::size_t, std::size_t>> threads(8, {0, 50});  // directory, file
  std::size_t next = 0;
  for (std::size_t read = 0; read < 300 * 50;) {
    auto& [directory, file] = threads[rng.below(threads.size())];
    if (file == 50) {
      if (next == directories.size()) continue;
      directory = directories[next++];
      file = 0;
    }
    world.bucket.read(Layout::symbol_path(directory, file++));
    ++read;
  }
  EXPECT_EQ(world.bucket.requests, 15'000u);
  EXPECT_LE(world.bucket.demand_requests, 15'000u / 6) << "three of fifty, and a few more";
}

TEST(PolicySet, more_walkers_than_slots_are_helped_in_part) {
  World world(Layout::symbols(256, 200, 5000));
  for (std::size_t file = 0; file < 200; ++file)
    for (std::size_t walker = 0; walker < 256; ++walker)
      world.bucket.read(Layout::symbol_path(walker, file));
  // 256 readers in step look like a cross-section too, which is fine.
  EXPECT_LE(world.bucket.demand_requests, 256u * 200 * 9 / 10);
  EXPECT_LE(world.bucket.requests, 256u * 200);
}

TEST(PolicySet, a_known_order_goes_first_and_leaves_other_readers_to_the_others) {
  World world(Layout::symbols(200, 50, 12'000));
  std::vector<std::size_t> shuffled(5000);
  for (std::size_t i = 0; i < shuffled.size(); ++i) shuffled[i] = i;
  Rng rng(5);
  for (std::size_t i = shuffled.size(); i > 1; --i)
    std::swap(shuffled[i - 1], shuffled[rng.below(i)]);
  world.set->set_order(world.order_of(shuffled), {});
  EXPECT_TRUE(world.set->is_order_active());
  for (std::size_t i = 0; i < 5000; ++i) {
    world.bucket.read(world.layout.files()[shuffled[i]]);
    world.bucket.read(world.layout.files()[5000 + i]);  // a walk beside it
  }
  EXPECT_EQ(world.bucket.requests, 10'000u);
  EXPECT_LE(world.bucket.demand_requests, 8u);
  const auto reports = reports_of(*world.set);
  EXPECT_NEAR(static_cast<double>(reports.at("order").stats.used_bytes), 5000 * 12288, 12288 * 5);
  EXPECT_NEAR(static_cast<double>(reports.at("walk").stats.used_bytes), 5000 * 12288, 12288 * 5);
  EXPECT_FALSE(world.set->is_random());
  world.set->clear_order();
  EXPECT_FALSE(world.set->is_order_active());
  EXPECT_EQ(reports_of(*world.set).at("order").state, "off");
  EXPECT_GT(reports_of(*world.set).at("order").stats.used_bytes, 0u) << "history stays";
}

TEST(PolicySet, use_and_waste_are_told_to_the_policy_that_proposed) {
  World world(Layout::symbols(100, 40, 12'000), /*with_catalog=*/false);
  for (std::size_t i = 0; i < 500; ++i) world.bucket.read(world.layout.files()[i]);
  world.bucket.drop_unread();
  const auto reports = reports_of(*world.set);
  const PolicyStats walk = reports.at("walk").stats;
  // But for the ends of chunks that no object has filled.
  EXPECT_NEAR(static_cast<double>(walk.proposed_bytes),
              static_cast<double>(walk.used_bytes + walk.wasted_bytes), 4 * 4096);
  EXPECT_GT(walk.used_bytes, 0u);
  EXPECT_GT(walk.wasted_bytes, 0u);
  EXPECT_EQ(reports.at("stride").state, "off") << "no catalog";
  EXPECT_EQ(world.set->stats().wasted_bytes, walk.wasted_bytes);
}

// ---- the adversary

// Does everything at random, and checks each proposal.
class Adversary : public Proposals {
 public:
  explicit Adversary(std::uint64_t seed)
      : rng_(seed),
        layout_(make_layout()),
        set_(PolicySet::make({.geometry = layout_.geometry(),
                              .data_end = layout_.end(),
                              .window_bytes_max = kWindow},
                             *this, rng_.below(4) == 0 ? nullptr : &layout_)) {}

  void propose(const Range& range) override {
    ASSERT_GT(range.length, 0u);
    ASSERT_LT(range.begin.value, layout_.end().value);
    ASSERT_LE(range.end(), layout_.end().value);
    ASSERT_LE(range.length, std::max<std::uint64_t>(kWindow, 4u << 20));
    proposed_.push_back(range);
    proposed_in_step_ += range.length;
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      proposed_in_step_ = 0;
      read_in_step_ = 0;
      step();
      // Five policies, each within its window, the walk with two, and what was read makes room.
      ASSERT_LE(proposed_in_step_, 8 * kWindow + 10 * read_in_step_) << i;
      ASSERT_LE(layout_.waiting(), 200u);
    }
    const std::uint64_t questions = layout_.questions;
    layout_.answers = Layout::Answers::truly;
    for (int i = 0; i < 2000 && layout_.waiting() > 0; ++i) layout_.run();
    EXPECT_EQ(layout_.waiting(), 0u) << "answers lead to questions for ever";
    EXPECT_LE(layout_.questions - questions, 4000u);
  }

 private:
  static constexpr std::uint64_t kWindow = 8u << 20;

  Layout make_layout() {
    Layout layout;
    const std::size_t symbols = 5 + rng_.below(60);
    const std::size_t dates = 5 + rng_.below(60);
    for (std::size_t s = 0; s < symbols; ++s)
      for (std::size_t d = 0; d < dates; ++d)
        if (rng_.below(8) != 0)
          layout.add(Layout::symbol_path(s, d),
                     rng_.below(50) == 0 ? rng_.below(20u << 20) : rng_.below(200'000));
    layout.add("README", 100);
    layout.add("deep/a/b/c/d/e/f/g", 5000);
    layout.lay_out();
    return layout;
  }
  const CatalogFile& any_file() { return layout_.files()[rng_.below(layout_.files().size())]; }
  void read(const CatalogFile& file) {
    read_in_step_ += file.length;
    for (std::uint64_t at = 0; at < file.length; at += 128u << 10)
      set_->on_read({{DataAddress{file.begin.value + at},
                      std::min<std::uint64_t>(128u << 10, round_up(file.length - at, 4096))},
                     rng_.below(2) == 0});
  }
  void step() {
    const auto& files = layout_.files();
    switch (rng_.below(12)) {
      case 0:  // a walk of some length
        for (std::size_t i = rng_.below(files.size()), n = rng_.below(50);
             n > 0 && i < files.size(); --n, ++i)
          read(files[i]);
        break;
      case 1: {  // a row
        const std::size_t date = rng_.below(60);
        for (std::size_t s = 0; s < 60; ++s) {
          const std::string path = Layout::symbol_path(s, date);
          for (const CatalogFile& file : files)
            if (file.path == path) read(file);
        }
        break;
      }
      case 2:
        for (int i = 0; i < 70; ++i) read(any_file());
        break;
      case 3: {  // a footer
        const CatalogFile& file = any_file();
        const std::uint64_t end = round_up(file.begin.value + file.length, 4096);
        if (file.length > 8192) set_->on_read({{DataAddress{end - 4096}, 4096}, false});
        break;
      }
      case 4:  // no file at all
        set_->on_read({{DataAddress{rng_.below(layout_.end().value)}, rng_.below(1u << 20)}, true});
        break;
      case 5:
        layout_.answers = static_cast<Layout::Answers>(rng_.below(4));
        break;
      case 6:
        for (std::size_t i = rng_.below(proposed_.size() + 1); i < proposed_.size(); ++i)
          set_->on_used(proposed_[i]);
        break;
      case 7:
        for (int i = 0; i < 20 && !proposed_.empty(); ++i)
          set_->on_wasted(proposed_[rng_.below(proposed_.size())]);
        break;
      case 8:
        set_->on_wasted({DataAddress{rng_.below(layout_.end().value)}, 1 + rng_.below(64u << 20)});
        break;
      case 9:
        change_order();
        break;
      default:
        layout_.run();
        break;
    }
    if (proposed_.size() > 10'000) proposed_.clear();
  }
  void change_order() {
    if (rng_.below(3) == 0) {
      set_->clear_order();
      order_ = nullptr;
      return;
    }
    std::vector<Order::File> batch;
    for (std::size_t n = rng_.below(500); n > 0; --n) {
      const CatalogFile& file = any_file();
      batch.push_back({file.begin, file.length});
    }
    if (order_ == nullptr || rng_.below(2) == 0) {
      order_ = std::make_shared<Order>(layout_.geometry());
      set_->set_order(
          order_, {.stop_when_failing = rng_.below(2) == 0, .begin_at_once = rng_.below(2) == 0});
    }
    EXPECT_TRUE(order_->append(batch));
    // The order is followed for a while.
    for (std::size_t i = 0; i < batch.size() / 2; ++i) {
      read_in_step_ += batch[i].length;
      set_->on_read({{batch[i].begin, std::max<std::uint64_t>(batch[i].length, 1)}, false});
    }
  }

  Rng rng_;
  Layout layout_;
  std::vector<Range> proposed_;
  std::uint64_t proposed_in_step_ = 0;
  std::uint64_t read_in_step_ = 0;
  std::shared_ptr<Order> order_;
  std::unique_ptr<PolicySet> set_;
};

TEST(PolicySet, keeps_its_bounds_whatever_happens) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Adversary adversary(seed);
    adversary.run(150);
    if (HasFatalFailure()) return;
  }
}

// Windows as the policies themselves count them, under reads that never confirm anything twice.
TEST(PolicySet, windows_of_each_policy_stay_below_their_maximum) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Rng rng(seed);
    Layout layout = Layout::symbols(100, 100, 30'000);
    BucketModel bucket(layout);
    constexpr std::uint64_t kWindow = 4u << 20;
    WalkOrder walk({.geometry = layout.geometry(),
                    .data_end = layout.end(),
                    .window_bytes_max = kWindow,
                    .total_bytes_max = 2 * kWindow},
                   bucket);
    Stride stride({.geometry = layout.geometry(), .window_bytes_max = kWindow}, layout, bucket);
    bucket.use(walk);
    for (int i = 0; i < 400; ++i) {
      std::size_t at = rng.below(9900);
      for (std::size_t n = 1 + rng.below(40); n > 0; --n) {
        const CatalogFile& file = layout.files()[at++];
        walk.on_read({{file.begin, file.length}, false});
        if (!stride.on_read({{file.begin, file.length}, false}))
          stride.on_file({{file.begin, file.length}, false}, file);
        ASSERT_LE(walk.outstanding_bytes(), 2 * kWindow);
      }
      const std::size_t date = rng.below(100);
      for (std::size_t s = rng.below(90), n = rng.below(60); n > 0 && s < 100; --n, ++s) {
        const CatalogFile& file = layout.file(Layout::symbol_path(s, date));
        if (!stride.on_read({{file.begin, file.length}, false}))
          stride.on_file({{file.begin, file.length}, false}, file);
        layout.run();
        // Shares have a least size, so that many striders still move.
        ASSERT_LE(stride.outstanding_bytes(), kWindow + Stride::kStridersMax * (1u << 20));
      }
    }
  }
}

}  // namespace
}  // namespace shoal::prefetch
