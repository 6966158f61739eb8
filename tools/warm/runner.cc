// SPDX-License-Identifier: Apache-2.0
#include "tools/warm/runner.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "control/client.h"

namespace shoal::tools::warm {
namespace {

using namespace std::chrono_literals;
using control::JobReport;
using control::WarmProgress;
using control::WarmSpec;

constexpr auto kTick = 100ms;      // between two looks at a run in this process
constexpr auto kAskFirst = 2ms;    // a batch of cached files is done in no time;
constexpr auto kAskMax = 200ms;    // a long run needs no more
constexpr auto kPatience = 10s;    // of one exchange with the server
constexpr auto kServerWait = 90s;  // the keeper starts another one; RocksDB may have to recover
constexpr auto kCancelWait = 5s;   // for what is in flight

class LocalRunner final : public Runner {
 public:
  LocalRunner(Volume& volume, const std::atomic<bool>& stop) : volume_(volume), stop_(stop) {}

  Result<WarmProgress> run(const WarmSpec& spec, control::PathPattern::Syntax,
                           const OnProgress& on_progress) override {
    control::WarmRun warm(volume_, spec, system_clock());
    std::thread thread([&] { warm.run(); });
    while (!warm.wait_over(kTick)) {
      on_progress(warm.progress());
      if (stop_.load()) warm.abandon();
    }
    thread.join();
    return warm.progress();
  }

 private:
  Volume& volume_;
  const std::atomic<bool>& stop_;
};

void pause(Duration duration) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, duration);
}

// Between a server's death and its successor nobody answers; a job dies with its server.
bool is_servers_death(const Error& error) {
  return error.code() == ErrorCode::unavailable || error.code() == ErrorCode::timeout ||
         error.code() == ErrorCode::not_found;
}

class RemoteRunner final : public Runner {
 public:
  RemoteRunner(std::filesystem::path socket, const std::atomic<bool>& stop,
               std::function<void(const std::string&)> note)
      : socket_(std::move(socket)), stop_(stop), note_(std::move(note)) {}

  Result<WarmProgress> run(const WarmSpec& spec, control::PathPattern::Syntax syntax,
                           const OnProgress& on_progress) override {
    std::uint64_t fetched_before = 0;  // by runs that died with their server
    for (;;) {
      SHOAL_TRY(const JobReport started, start(spec, syntax));
      WarmProgress last = started.progress;
      auto ended = watch(started.id, last, on_progress);
      last.bytes_fetched += fetched_before;
      if (ended) {
        ended->bytes_fetched += fetched_before;
        return ended;
      }
      if (!is_servers_death(ended.error())) return ended;
      fetched_before = last.bytes_fetched;
      note_("the server does not answer (" + ended.error().message() +
            "); going on with its successor");
    }
  }

 private:
  // Waits for a server that answers.
  Result<JobReport> start(const WarmSpec& spec, control::PathPattern::Syntax syntax) {
    const TimePoint deadline = system_clock().now() + kServerWait;
    for (;;) {
      auto job = control::start_job(socket_, spec, syntax, kPatience);
      if (job || !is_servers_death(job.error()) || stop_.load() || system_clock().now() > deadline)
        return job;
      pause(kAskMax);
    }
  }

  Result<WarmProgress> watch(const std::string& id, WarmProgress& last,
                             const OnProgress& on_progress) {
    Duration interval = kAskFirst;
    std::optional<TimePoint> canceled_at;
    for (;;) {
      SHOAL_TRY(const JobReport job, control::ask_job(socket_, id, kPatience));
      last = job.progress;
      if (last.is_over()) return last;
      on_progress(last);
      if (canceled_at && system_clock().now() - *canceled_at > kCancelWait) {
        last.state = WarmProgress::State::canceled;
        return last;
      }
      if (stop_.load() && !canceled_at) {
        canceled_at = system_clock().now();
        interval = kAskFirst;
        SHOAL_TRY([[maybe_unused]] const auto told, control::cancel_job(socket_, id, kPatience));
      }
      pause(interval);
      interval = std::min<Duration>(interval * 2, kAskMax);
    }
  }

  std::filesystem::path socket_;
  const std::atomic<bool>& stop_;
  std::function<void(const std::string&)> note_;
};

}  // namespace

std::unique_ptr<Runner> make_local_runner(Volume& volume, const std::atomic<bool>& stop) {
  return std::make_unique<LocalRunner>(volume, stop);
}

std::unique_ptr<Runner> make_remote_runner(std::filesystem::path socket,
                                           const std::atomic<bool>& stop,
                                           std::function<void(const std::string&)> note) {
  return std::make_unique<RemoteRunner>(std::move(socket), stop, std::move(note));
}

}  // namespace shoal::tools::warm
