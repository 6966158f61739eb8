// SPDX-License-Identifier: Apache-2.0
// Goal: whatever the bucket, the disk, the readers and kill -9 do, a read returns the right bytes
// or an error that was injected, every read ends, bounds hold, and nothing is left over at the end.
// Method: seeded random worlds under virtual time; the real data path, cache files and policy; an
// oracle that knows every byte. The seed also draws sizes, rates and which faults are on.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include "sim/support/world.h"

namespace shoal::sim {
namespace {

using namespace std::chrono_literals;

struct Scenario {
  WorldOptions options;
  bool bucket_faults = false;
  bool disk_faults = false;
  bool damage = false;
  bool impatient = false;  // some reads have short deadlines
  std::size_t steps = 0;
};

Scenario draw(std::uint64_t seed) {
  Rng rng(seed * 7919);
  Scenario scenario;
  WorldOptions& options = scenario.options;
  options.seed = seed;
  options.threads = 1 + static_cast<std::uint32_t>(rng.below(3));
  options.geometry.block_bytes = rng.below(2) == 0 ? 512 : 4096;
  options.geometry.chunk_bytes = 32768u << rng.below(3);
  const std::uint64_t chunk = options.geometry.chunk_bytes;
  options.sizes =
      OracleDataset::mixed_sizes(rng, 40 + rng.below(400), 1 + rng.below(20000), 4 * chunk);
  options.bucket.delay_min = 1ms;
  options.bucket.delay_max = 1ms + rng.below(40) * 1ms;
  options.bucket.piece_bytes = rng.below(2) == 0 ? 0 : 1 + rng.below(chunk);
  options.bucket.piece_delay = 1ms;
  options.post_jitter = rng.below(3) * 200us;
  options.files.in_page_cache = rng.unit();
  options.files.delay_max = 1us + rng.below(10) * 1ms;
  options.use_cache = rng.below(5) != 0;
  options.prefetch = rng.below(3) != 0;
  options.requests_in_flight_max = 1 + static_cast<std::uint32_t>(rng.below(64));
  options.buffer_bytes_max = options.threads * chunk * (4 + rng.below(30));
  options.cache_bytes_max = rng.below(2) == 0 ? chunk * (1 + rng.below(40)) : 1ull << 30;
  scenario.bucket_faults = rng.below(2) == 0;
  if (scenario.bucket_faults) {
    options.bucket.fail = 0.1 * rng.unit();
    options.bucket.hang = rng.below(2) == 0 ? 0.01 : 0;
  }
  scenario.disk_faults = rng.below(2) == 0;
  if (scenario.disk_faults) {
    options.files.read_error = 0.1 * rng.unit();
    options.files.write_error = 0.2 * rng.unit();
    options.files.no_space = 0.3 * rng.unit();
  }
  scenario.damage = rng.below(2) == 0;
  scenario.impatient = rng.below(3) == 0;
  scenario.steps = 60 + rng.below(200);
  return scenario;
}

// What the runs together must have met: a fault no seed brings about is a hole in the simulator.
struct Coverage {
  VolumeStats sum;
  std::uint64_t timeouts = 0, unavailable = 0, kills = 0;
  void add(const VolumeStats& stats) {
    sum.data_read_hits += stats.data_read_hits;
    sum.get_errors += stats.get_errors;
    sum.prefetch_used_bytes += stats.prefetch_used_bytes;
    sum.prefetch_wasted_bytes += stats.prefetch_wasted_bytes;
    sum.cache_chunks_sealed += stats.cache_chunks_sealed;
    sum.cache_chunks_evicted += stats.cache_chunks_evicted;
    sum.cache_checksum_failures += stats.cache_checksum_failures;
    sum.cache_write_errors += stats.cache_write_errors;
  }
  [[nodiscard]] std::string print() const {
    return fmt::format(
        "hits {}, GET errors {}, prefetch used {} wasted {}, chunks sealed {} evicted {}, checksum "
        "failures {}, cache write errors {}, timeouts {}, unavailable {}, kills {}",
        sum.data_read_hits, sum.get_errors, sum.prefetch_used_bytes, sum.prefetch_wasted_bytes,
        sum.cache_chunks_sealed, sum.cache_chunks_evicted, sum.cache_checksum_failures,
        sum.cache_write_errors, timeouts, unavailable, kills);
  }
  [[nodiscard]] bool is_complete() const {
    return sum.data_read_hits > 0 && sum.get_errors > 0 && sum.prefetch_used_bytes > 0 &&
           sum.prefetch_wasted_bytes > 0 && sum.cache_chunks_sealed > 0 &&
           sum.cache_chunks_evicted > 0 && sum.cache_checksum_failures > 0 &&
           sum.cache_write_errors > 0 && timeouts > 0 && unavailable > 0 && kills > 0;
  }
};

// One run; the text says what went wrong, "" when nothing did.
class Run {
 public:
  Run(std::uint64_t seed, Coverage& coverage)
      : coverage_(coverage),
        scenario_(draw(seed)),
        rng_(seed * 104729),
        world_(scenario_.options) {}

  std::string go() {
    for (std::size_t i = 0; i < scenario_.steps && fault_.empty(); ++i) step();
    settle_and_check();
    coverage_.add(world_.stats());
    world_.close();
    if (fault_.empty()) fault_ = world_.leaks();
    return fault_;
  }

 private:
  void step() {
    const std::uint64_t kind = rng_.below(20);
    if (kind < 8) {
      random_read();
    } else if (kind < 14) {
      walk();
    } else if (kind < 16) {
      world_.run_for(rng_.below(3000) * 1ms);
    } else if (kind < 18) {
      settle_and_check();
    } else if (kind == 18 && rng_.below(4) == 0) {
      restart();
    } else {
      hot_object();
    }
    check_bounds();
  }

  Duration timeout() {
    return scenario_.impatient && rng_.below(3) == 0 ? Duration(rng_.below(30) * 1ms)
                                                     : Duration(60s);
  }

  void random_read() {
    const std::uint64_t size = world_.path().size();
    const std::uint64_t start = format::kDataRegionStart;
    // Mostly in the data region, sometimes across its start, sometimes in the metadata.
    const std::uint64_t low = rng_.below(10) == 0 ? start - rng_.below(20000) : start;
    const std::uint64_t offset =
        rng_.below(20) == 0 ? rng_.below(3 * 4096) : low + rng_.below(size - low);
    const std::uint64_t most = std::min<std::uint64_t>(size - offset, 1 + rng_.below(300000));
    world_.read_image(offset, 1 + rng_.below(most), timeout());
  }

  // Some readers go on where they were, file after file, as grep -r does.
  void walk() {
    std::size_t& at = walkers_[rng_.below(std::size(walkers_))];
    for (std::uint64_t i = 0; i < 12; ++i) {
      const auto& objects = world_.dataset.objects();
      at = (at + 1) % objects.size();
      if (objects[at].object.size > 0) world_.read_object(at, timeout());
      if (rng_.below(3) == 0) world_.run_for(rng_.below(50) * 1ms);
    }
  }

  void hot_object() {
    const std::size_t number = rng_.below(world_.dataset.objects().size());
    if (world_.dataset.objects()[number].object.size == 0) return;
    for (std::uint64_t i = 0; i < 8; ++i) world_.read_object(number, timeout());
  }

  void restart() {
    coverage_.add(world_.stats());
    const bool kill = scenario_.options.use_cache && rng_.below(2) == 0;
    coverage_.kills += kill ? 1 : 0;
    if (kill)
      world_.kill_and_restart();
    else
      world_.restart();
    if (scenario_.options.use_cache && scenario_.damage) {
      world_.close();
      damage_sparse(world_.cache_file(), rng_.below(4), rng_);
      world_.open();
    }
    // Reads that were under way at the end of the old server may have failed with it.
    check_outcomes(/*closing=*/true);
  }

  void settle_and_check() {
    if (!world_.settle())
      fault_ = fmt::format("{} reads have not ended within an hour", world_.unfinished);
    check_outcomes(/*closing=*/false);
  }

  void check_outcomes(bool closing) {
    for (const Outcome& outcome : world_.outcomes) {
      if (!fault_.empty()) return;
      if (outcome.done && outcome.error && is_excused(*outcome.error, closing)) continue;
      fault_ = world_.fault_of(outcome);
    }
    if (world_.unfinished == 0) world_.outcomes.clear();
  }

  [[nodiscard]] bool is_excused(const Error& error, bool closing) {
    coverage_.timeouts += error.code() == ErrorCode::timeout ? 1 : 0;
    coverage_.unavailable += error.code() == ErrorCode::unavailable ? 1 : 0;
    switch (error.code()) {
      case ErrorCode::unavailable:
        return scenario_.bucket_faults;
      case ErrorCode::timeout:
        return scenario_.impatient || scenario_.bucket_faults;
      case ErrorCode::closed:
      case ErrorCode::canceled:
        return closing;
      // Only metadata reads: an error of the cache is never a reader's.
      case ErrorCode::io:
        return scenario_.disk_faults && error.message().starts_with("metadata");
      default:
        return false;
    }
  }

  void check_bounds() {
    const VolumeStats stats = world_.stats();
    const WorldOptions& options = scenario_.options;
    if (stats.cache_bytes > options.cache_bytes_max)
      fault_ = fmt::format("{} bytes cached of {}", stats.cache_bytes, options.cache_bytes_max);
    if (stats.buffer_bytes > options.buffer_bytes_max)
      fault_ =
          fmt::format("{} bytes of buffers of {}", stats.buffer_bytes, options.buffer_bytes_max);
    if (stats.requests_in_flight > std::max(options.requests_in_flight_max, options.threads))
      fault_ = fmt::format("{} requests in flight", stats.requests_in_flight);
  }

  Coverage& coverage_;
  Scenario scenario_;
  Rng rng_;
  World world_;
  std::size_t walkers_[3] = {0, 17, 35};
  std::string fault_;
};

int run(std::uint64_t first, std::uint64_t count) {
  int failures = 0;
  Coverage coverage;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const std::string fault = Run(seed, coverage).go();
    if (fault.empty()) continue;
    ++failures;
    std::printf("seed %llu: %s\n  again: read_path_sim --seed %llu\n",
                static_cast<unsigned long long>(seed), fault.c_str(),
                static_cast<unsigned long long>(seed));
  }
  std::printf("%llu seeds from %llu, %d failed\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(first), failures);
  std::printf("met: %s\n", coverage.print().c_str());
  if (count >= 50 && !coverage.is_complete()) {
    std::printf("some of these were never met: the simulator has a hole\n");
    ++failures;
  }
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace shoal::sim

int main(int argc, char** argv) {
  std::uint64_t first = 1;
  std::uint64_t count = 50;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    const std::uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--seed") {
      first = value;
      count = 1;
    } else if (option == "--seeds") {
      count = value;
    } else {
      std::fprintf(stderr, "read_path_sim [--seed N | --seeds COUNT]\n");
      return EXIT_FAILURE;
    }
  }
  return shoal::sim::run(first, count);
}
