// SPDX-License-Identifier: Apache-2.0
// Goal: whatever the way of eviction, and however readers, guesses, warming, pins, checks and
// calls that are given up meet in a bucket and on a disk that fail: bytes are right or the error
// was injected; every request ends by its deadline; no block is asked for twice at once; the cache
// keeps to its bound; what is pinned stays; nothing is left over at the end. Method: seeded random
// worlds of chunk owners under virtual time; the real cache files; an oracle that knows every byte.
// The seed also draws sizes, rates and which faults are on.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "sim/support/owner_world.h"

namespace shoal::sim {
namespace {

using namespace std::chrono_literals;
using fetch::Counters;
using Kind = fetch::ReadPart::Kind;

struct Scenario {
  OwnerWorldOptions options;
  bool faults = false;
  bool disk_faults = false;
  std::size_t steps = 0;
};

Scenario draw(std::uint64_t seed) {
  Rng rng(seed * 7919 + 1);
  Scenario scenario;
  OwnerWorldOptions& options = scenario.options;
  options.seed = seed;
  options.owners = 1 + static_cast<std::uint32_t>(rng.below(3));
  options.geometry.block_bytes = rng.below(2) == 0 ? 512 : 4096;
  options.geometry.chunk_bytes = 32768u << rng.below(3);
  const std::uint64_t chunk = options.geometry.chunk_bytes;
  options.sizes =
      OracleDataset::mixed_sizes(rng, 40 + rng.below(300), 1 + rng.below(20000), 4 * chunk);
  if (rng.below(3) == 0) options.etag_kind = OracleObject::ETagKind::md5;
  options.bucket.delay_min = 1ms;
  options.bucket.delay_max = 1ms + rng.below(rng.below(4) == 0 ? 3000 : 40) * 1ms;
  options.bucket.piece_bytes = rng.below(2) == 0 ? 0 : 1 + rng.below(chunk);
  options.bucket.piece_delay = 1ms;
  options.post_jitter = rng.below(3) * 200us;
  options.files.in_page_cache = rng.unit();
  options.files.delay_max = 1us + rng.below(10) * 1ms;
  options.use_cache = rng.below(6) != 0;
  options.direct = rng.below(4) == 0;
  options.retry = rng.below(2) == 0;
  options.requests_in_flight_max = 1 + static_cast<std::uint32_t>(rng.below(40));
  options.buffer_bytes_max = options.owners * chunk * (4 + rng.below(20));
  options.cache_bytes_max = rng.below(4) == 0 ? 1ull << 30 : chunk * (3 + rng.below(30));
  scenario.faults = rng.below(2) == 0;
  if (scenario.faults) {
    options.bucket.fail = 0.1 * rng.unit();
    options.bucket.hang = rng.below(2) == 0 ? 0.02 : 0;
  }
  scenario.disk_faults = rng.below(3) == 0;
  if (scenario.disk_faults) {
    options.files.read_error = 0.1 * rng.unit();
    options.files.write_error = 0.2 * rng.unit();
    options.files.no_space = 0.2 * rng.unit();
  }
  scenario.steps = 80 + rng.below(200);
  return scenario;
}

// A next use that changes all the time but never lies: chunks in the order of their numbers.
class Sweep final : public fetch::NextUse {
 public:
  [[nodiscard]] std::uint64_t next_use(ChunkId chunk) const override {
    return chunk.value >= at ? chunk.value - at : kNever;
  }
  std::uint64_t at = 0;
};

// What the runs together must have met.
struct Coverage {
  std::uint64_t evicted = 0, refused = 0, given_up = 0, pins_refused = 0, warmed = 0, wasted = 0,
                used = 0, misfits = 0, write_errors = 0, timeouts = 0, kills = 0, pinned = 0;
  [[nodiscard]] std::string print() const {
    return fmt::format(
        "evicted {}, refused {}, GETs given up {}, pins {} refused {}, warmed {}, prefetched used "
        "{} wasted {}, misfits {}, write errors {}, timeouts {}, kills {}",
        evicted, refused, given_up, pinned, pins_refused, warmed, used, wasted, misfits,
        write_errors, timeouts, kills);
  }
  [[nodiscard]] bool is_complete() const {
    return evicted > 0 && refused > 0 && given_up > 0 && pins_refused > 0 && warmed > 0 &&
           wasted > 0 && used > 0 && misfits > 0 && write_errors > 0 && timeouts > 0 && kills > 0 &&
           pinned > 0;
  }
};

class Run {
 public:
  Run(std::uint64_t seed, Coverage& coverage)
      : coverage_(coverage),
        scenario_(draw(seed)),
        rng_(seed * 104729),
        world_(scenario_.options) {}

  std::string go() {
    for (std::size_t i = 0; i < scenario_.steps && fault_.empty(); ++i) step();
    settle();
    if (fault_.empty()) check_pins();
    count();
    world_.close();
    if (fault_.empty()) fault_ = world_.leaks();
    return fault_;
  }

 private:
  void step() {
    switch (rng_.below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        read_somewhere();
        break;
      case 4:
      case 5:
      case 6:
        walk();
        break;
      case 7:
      case 8:
        guess();
        break;
      case 9:
        warm();
        break;
      case 10:
        world_.check_object(object());
        break;
      case 11:
        world_.run_for(rng_.below(3000) * 1ms);
        break;
      case 12:
        change_eviction();
        break;
      case 13:
        change_bucket();
        break;
      case 14:
        settle();
        break;
      default:
        restart_or_unpin();
    }
    check_bounds();
  }

  std::size_t object() {
    for (;;) {
      const std::size_t number = rng_.below(world_.dataset.objects().size());
      if (world_.dataset.objects()[number].object.size > 0) return number;
    }
  }
  Duration timeout() {
    return rng_.below(3) == 0 ? Duration(rng_.below(3000) * 1ms) : Duration(60s);
  }

  void read_somewhere() {
    const std::uint64_t chunk = world_.options.geometry.chunk_bytes;
    const std::uint64_t begin = rng_.below(world_.dataset.data_end().value);
    const std::uint64_t most =
        std::min(chunk - begin % chunk, world_.dataset.data_end().value - begin);
    world_.read(DataAddress{begin}, static_cast<std::uint32_t>(1 + rng_.below(most)), timeout());
  }

  void walk() {
    for (std::uint64_t i = 0; i < 10; ++i) {
      at_ = (at_ + 1) % world_.dataset.objects().size();
      if (world_.dataset.objects()[at_].object.size > 0) world_.read_object(at_, timeout());
      if (rng_.below(3) == 0) world_.run_for(rng_.below(30) * 1ms);
    }
  }

  void guess() {
    const std::uint64_t chunk = world_.options.geometry.chunk_bytes;
    const std::uint64_t begin = rng_.below(world_.dataset.data_end().value);
    const auto bytes = static_cast<std::uint32_t>(chunk - begin % chunk);
    world_.prefetch(DataAddress{begin}, bytes);
    if (rng_.below(4) != 0) return;
    if (rng_.below(2) == 0)
      world_.owner_of(world_.options.geometry.chunk_of(DataAddress{begin})).drop_guesses();
    else
      world_.owner_of(world_.options.geometry.chunk_of(DataAddress{begin}))
          .drop_guesses(world_.options.geometry.chunk_of(DataAddress{begin}),
                        {static_cast<std::uint32_t>(begin % chunk),
                         static_cast<std::uint32_t>(begin % chunk) + bytes / 2});
  }

  void warm() {
    const bool pin = rng_.below(3) == 0;
    const std::size_t first = object();
    for (std::size_t i = first; i < std::min(first + 10, world_.dataset.objects().size()); ++i)
      if (world_.dataset.objects()[i].object.size > 0) world_.warm_object(i, pin);
  }

  void change_eviction() {
    sweep_->at =
        rng_.below(1 + world_.dataset.data_end().value / world_.options.geometry.chunk_bytes);
    mode_ = static_cast<fetch::EvictionMode>(rng_.below(3));
    set_eviction();
  }
  void set_eviction() {
    for (std::uint32_t i = 0; i < world_.options.owners; ++i)
      world_.owner(i).set_eviction(mode_,
                                   mode_ == fetch::EvictionMode::next_use ? sweep_ : nullptr);
  }

  void change_bucket() {
    for (OracleStore& store : world_.stores) {
      if (scenario_.faults) store.behaviour().outage = rng_.below(3) == 0;
      if (scenario_.options.etag_kind == OracleObject::ETagKind::md5 && rng_.below(2) == 0)
        store.behaviour().damaged = 1;
    }
  }

  void restart_or_unpin() {
    if (rng_.below(3) != 0) {
      const std::size_t number = object();
      world_.unpin(world_.dataset.objects()[number].address);
      return;
    }
    settle();
    if (!fault_.empty()) return;
    world_.run_for(20s);
    check_pins();
    count();
    const bool kill = scenario_.options.use_cache && rng_.below(2) == 0;
    coverage_.kills += kill ? 1 : 0;
    if (kill)
      world_.kill_and_restart();
    else
      world_.restart();
    set_eviction();
  }

  void settle() {
    if (!world_.settle()) fault_ = fmt::format("{} requests have not ended", world_.unfinished);
    for (const Part& part : world_.parts) {
      if (!fault_.empty()) return;
      check(part);
    }
    if (world_.unfinished == 0) world_.parts.clear();
  }

  void check(const Part& part) {
    // A read the kernel has taken on ends with the kernel.
    if (part.done && part.ended > part.deadline + world_.options.files.delay_max + 1ms)
      fault_ = fmt::format("ended {} us after its deadline", (part.ended - part.deadline) / 1us);
    if (part.done && part.failure && is_excused(part, *part.failure)) return;
    if (auto fault = world_.fault_of(part); !fault.empty()) fault_ = fault;
    if (part.kind == Kind::warm && part.done && !part.failure) {
      if (part.bytes_present + part.bytes_fetched != part.length)
        fault_ = fmt::format("warmed {} + {} of {} bytes", part.bytes_present, part.bytes_fetched,
                             part.length);
      coverage_.pinned += part.pin ? 1 : 0;
    }
    if (part.kind == Kind::check && part.bytes_present > part.length)
      fault_ = "more is present than was asked for";
  }

  [[nodiscard]] bool is_excused(const Part& part, const Error& error) {
    coverage_.timeouts += error.code() == ErrorCode::timeout ? 1 : 0;
    switch (error.code()) {
      case ErrorCode::unavailable:
        return scenario_.faults;
      case ErrorCode::timeout:
        return part.deadline - part.started < 60s || scenario_.faults;
      case ErrorCode::limit:
      case ErrorCode::unsupported:
        return part.pin;
      case ErrorCode::corrupt:  // damaged twice
        return scenario_.options.etag_kind == OracleObject::ETagKind::md5;
      default:
        return false;
    }
  }

  void check_bounds() {
    const OwnerWorldOptions& options = scenario_.options;
    if (options.use_cache) {
      if (world_.cache().used_bytes() > options.cache_bytes_max)
        fault_ = fmt::format("{} bytes cached of {}", world_.cache().used_bytes(),
                             options.cache_bytes_max);
    }
    if (world_.buffer_bytes() > options.buffer_bytes_max)
      fault_ = fmt::format("{} bytes of buffers", world_.buffer_bytes());
    if (world_.requests_in_flight() > std::max(options.requests_in_flight_max, options.owners))
      fault_ = fmt::format("{} requests in flight", world_.requests_in_flight());
    if (world_.bucket.overlapping > 0) fault_ = "a block was asked for twice at once";
  }

  // A pinned file that was in the cache is there as long as the disk is well.
  void check_pins() {
    if (!scenario_.options.use_cache || scenario_.disk_faults || scenario_.faults) return;
    if (!world_.settle()) return;
    world_.parts.clear();
    const std::size_t number = object();
    Part& warm = world_.warm_object(number, /*pin=*/true);
    if (!world_.settle() || warm.failure) return;
    world_.run_for(20s);
    for (std::size_t i = 0; i < 60; ++i) world_.read_object(object());
    if (!world_.settle()) return;
    Part& check = world_.check_object(number);
    if (!world_.settle()) return;
    if (check.bytes_present != check.length)
      fault_ =
          fmt::format("a pinned file is gone: {} of {} bytes", check.bytes_present, check.length);
    world_.parts.clear();
  }

  void count() {
    coverage_.evicted += world_.sum(&Counters::chunks_evicted);
    coverage_.refused += world_.sum(&Counters::chunks_refused);
    coverage_.given_up += world_.sum(&Counters::gets_given_up);
    coverage_.pins_refused += world_.sum(&Counters::pins_refused);
    coverage_.warmed += world_.sum(&Counters::warmed_bytes);
    coverage_.wasted += world_.sum(&Counters::wasted_bytes);
    coverage_.used += world_.sum(&Counters::used_bytes);
    coverage_.misfits += world_.sum(&Counters::misfit_bodies);
    coverage_.write_errors += world_.sum(&Counters::cache_write_errors);
  }

  Coverage& coverage_;
  Scenario scenario_;
  Rng rng_;
  OwnerWorld world_;
  fetch::EvictionMode mode_ = fetch::EvictionMode::scan_resistant;
  std::shared_ptr<Sweep> sweep_ = std::make_shared<Sweep>();
  std::size_t at_ = 0;
  std::string fault_;
};

int run(std::uint64_t first, std::uint64_t count) {
  int failures = 0;
  Coverage coverage;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const std::string fault = Run(seed, coverage).go();
    if (fault.empty()) continue;
    ++failures;
    std::printf("seed %llu: %s\n  again: owner_sim --seed %llu\n",
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
      std::fprintf(stderr, "owner_sim [--seed N | --seeds COUNT]\n");
      return EXIT_FAILURE;
    }
  }
  return shoal::sim::run(first, count);
}
