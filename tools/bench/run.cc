// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/run.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tools/bench/progress_line.h"
#include "tools/display.h"

namespace shoal::tools::bench {
namespace {

constexpr auto kSamplePeriod = std::chrono::milliseconds(20);
constexpr std::size_t kFailuresShown = 5;
// A first pass this much slower than the others was filling caches.
constexpr double kOddFirstPass = 1.5;

double seconds_since(TimePoint began) {
  return std::chrono::duration<double>(system_clock().now() - began).count();
}

TimePoint deadline_of(TimePoint began, double seconds_max) {
  if (seconds_max <= 0) return TimePoint::max();
  return began + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds_max));
}

// Watches a pass from a thread of its own while the readers work.
class Sampler {
 public:
  Sampler(const Pass& pass, TimePoint began, std::string what, ProgressLine& line)
      : pass_(pass), began_(began), what_(std::move(what)), line_(line) {
    timeline_.add({});
    thread_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
  }
  // The timeline, ended here.
  Timeline finish(double seconds) {
    thread_.request_stop();
    thread_.join();
    timeline_.finish({seconds, pass_.files_read()});
    return std::move(timeline_);
  }

 private:
  void watch(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any tick;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      tick.wait_for(lock, stop, kSamplePeriod, [] { return false; });
      const double seconds = seconds_since(began_);
      const std::uint64_t files = pass_.files_read();
      timeline_.add({seconds, files});
      line_.show(fmt::format("{}  {} files  {}/s", what_, grouped(files),
                             grouped(static_cast<std::uint64_t>(static_cast<double>(files) /
                                                                std::max(seconds, 1e-3)))));
    }
  }

  const Pass& pass_;
  TimePoint began_;
  std::string what_;
  ProgressLine& line_;
  Timeline timeline_;  // of the thread, until it is joined
  std::jthread thread_;
};

Traffic difference(const Traffic& before, const Traffic& after) {
  return {.gets = after.gets - before.gets,
          .hedged_gets = after.hedged_gets - before.hedged_gets,
          .get_bytes = after.get_bytes - before.get_bytes,
          .throttled = after.throttled - before.throttled,
          .prefetched_bytes = after.prefetched_bytes - before.prefetched_bytes,
          .prefetch_wasted_bytes = after.prefetch_wasted_bytes - before.prefetch_wasted_bytes};
}

// A server that was restarted in between counts from zero again: then nothing is known.
void add_usage(const SourceUsage& before, const SourceUsage& after, PassResult& result) {
  result.server = after.server;
  const bool same_server = before.server.has_value() == after.server.has_value() &&
                           (!before.server || before.server->pid == after.server->pid);
  if (!same_server) return;
  if (before.server) result.server_cpu = after.server->cpu - before.server->cpu;
  if (before.traffic && after.traffic) result.traffic = difference(*before.traffic, *after.traffic);
}

// Readers of a walk take runs of files, as `xargs -P` deals them out, but never so long that some
// get nothing.
std::size_t slice_of(const Settings& settings, const Source& source, std::size_t files) {
  if (settings.order != Order::walk || source.kind() == SourceKind::bucket) return 1;
  return std::clamp<std::size_t>(files / (std::size_t{4} * settings.readers), 1, 64);
}

class Bench {
 public:
  Bench(const Settings& settings, const std::vector<std::unique_ptr<Source>>& sources, const Io& io)
      : settings_(settings), sources_(sources), io_(io), line_(io), files_(sources.size()) {}

  Result<Report> run() {
    report_.settings = settings_;
    report_.machine = this_machine();
    report_.command = command_line();
    report_.started_at = std::chrono::duration_cast<std::chrono::seconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
    for (const auto& source : sources_)
      SHOAL_CHECK_OK(source->check(settings_.state, settings_.passes));
    for (std::size_t i = 0; i < sources_.size() && !stopped(); ++i) SHOAL_CHECK_OK(list(i));
    if (settings_.warmup || settings_.state == CacheState::warm) SHOAL_CHECK_OK(warm_up());
    for (unsigned pass = 1; pass <= settings_.passes && !stopped(); ++pass)
      for (std::size_t i = 0; i < sources_.size() && !stopped(); ++i)
        SHOAL_CHECK_OK(measure(i, pass));
    for (std::size_t i = 0; i < report_.targets.size(); ++i) add_notes(i);
    report_.interrupted = stopped();
    report_.own_resident_bytes_max = own_usage().resident_bytes_max;
    return std::move(report_);
  }

 private:
  [[nodiscard]] bool stopped() const { return io_.stop != nullptr && io_.stop->load(); }
  [[nodiscard]] bool is_included(const std::string& path) const {
    return settings_.include.empty() || fnmatch(settings_.include.c_str(), path.c_str(), 0) == 0;
  }
  Result<void> list(std::size_t index);
  Result<void> warm_up();
  Result<void> measure(std::size_t index, unsigned number);
  PassResult read_once(std::size_t index, const std::string& what, double seconds_max);
  void add_notes(std::size_t index);

  const Settings& settings_;
  const std::vector<std::unique_ptr<Source>>& sources_;
  const Io& io_;
  ProgressLine line_;
  std::vector<std::vector<BenchFile>> files_;  // per source
  Report report_;
};

Result<void> Bench::list(std::size_t index) {
  Source& source = *sources_[index];
  SHOAL_CHECK_OK(source.prepare(settings_.state, {}));
  FileSelection selection({settings_.order, settings_.seed, settings_.files_max});
  Listing listing;
  bool go_on = true;
  ListVisit visit{.on_file =
                      [&](BenchFile file) {
                        if (!is_included(file.path)) return true;
                        go_on = selection.offer(std::move(file));
                        if (selection.offered() % 1000 == 0)
                          line_.show(fmt::format("listing {}  {} files", printable(source.name()),
                                                 grouped(selection.offered())));
                        return go_on;
                      },
                  .on_error =
                      [&](const std::string& path, const Error& error) {
                        if (++listing.failed <= kFailuresShown)
                          listing.failures.push_back(printable(path) + ": " + error.to_string());
                      },
                  .stop = io_.stop};
  const TimePoint began = system_clock().now();
  SHOAL_TRY(listing.counts, source.list(visit));
  listing.seconds = seconds_since(began);
  listing.files = selection.offered();
  listing.complete = go_on && !stopped();
  files_[index] = selection.finish();
  listing.chosen = files_[index].size();
  if (files_[index].empty() && !stopped())
    return fail(ErrorCode::not_found,
                "bench " + source.name() + ": there is no file to read" +
                    (settings_.include.empty() ? "" : " whose path is like " + settings_.include),
                listing.failures.empty()
                    ? "Name a directory that holds regular files."
                    : "Some directories could not be read, first " + listing.failures.front());
  report_.targets.push_back({.name = source.name(),
                             .kind = source.kind(),
                             .description = source.description(),
                             .is_local = source.is_local(),
                             .listing = std::move(listing),
                             .passes = {},
                             .notes = {}});
  return {};
}

PassResult Bench::read_once(std::size_t index, const std::string& what, double seconds_max) {
  Source& source = *sources_[index];
  const std::vector<BenchFile>& files = files_[index];
  const SourceUsage before = source.usage();
  const ProcessUsage own_before = own_usage();
  const TimePoint began = system_clock().now();
  Pass pass(files, {.deadline = deadline_of(began, seconds_max),
                    .stop = io_.stop,
                    .slice = slice_of(settings_, source, files.size())});
  Sampler sampler(pass, began, what + "  " + printable(source.name()), line_);
  source.read(pass);
  PassResult result;
  result.seconds = seconds_since(began);
  result.timeline = sampler.finish(result.seconds);
  result.own_cpu = own_usage().cpu - own_before.cpu;
  add_usage(before, source.usage(), result);
  result.counts = pass.counts();
  const bool all = result.counts.files + result.counts.failed == files.size();
  result.end = all ? PassEnd::all_files : stopped() ? PassEnd::interrupted : PassEnd::time_over;
  return result;
}

Result<void> Bench::warm_up() {
  for (std::size_t i = 0; i < report_.targets.size() && !stopped(); ++i) {
    SHOAL_CHECK_OK(sources_[i]->prepare(settings_.state, files_[i]));
    read_once(i, "warm-up", /*seconds_max=*/0);
  }
  return {};
}

Result<void> Bench::measure(std::size_t index, unsigned number) {
  SHOAL_CHECK_OK(sources_[index]->prepare(settings_.state, files_[index]));
  report_.targets[index].passes.push_back(
      read_once(index, fmt::format("pass {}/{}", number, settings_.passes), settings_.seconds_max));
  return {};
}

void Bench::add_notes(std::size_t index) {
  TargetResult& target = report_.targets[index];
  target.notes = sources_[index]->notes();
  const auto& passes = target.passes;
  if (settings_.state == CacheState::warm && target.kind != SourceKind::bucket &&
      std::ranges::any_of(
          passes, [](const PassResult& pass) { return pass.traffic && pass.traffic->gets > 0; }))
    target.notes.emplace_back(
        "not everything was warm: some was fetched again, so it does not fit the caches "
        "(--cache-size of the mount)");
  if (settings_.state != CacheState::as_is || settings_.warmup || passes.size() < 2) return;
  std::vector<double> later;
  for (std::size_t i = 1; i < passes.size(); ++i) later.push_back(files_per_second(passes[i]));
  if (spread_of(later).median > kOddFirstPass * files_per_second(passes[0]))
    target.notes.emplace_back(
        "the first pass was much slower than the others: it filled caches. See --warmup, --state");
}

}  // namespace

Result<Report> run_bench(const Settings& settings,
                         const std::vector<std::unique_ptr<Source>>& sources, const Io& io) {
  return Bench(settings, sources, io).run();
}

}  // namespace shoal::tools::bench
