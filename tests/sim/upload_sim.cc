// SPDX-License-Identifier: Apache-2.0
// Goal: whatever the service, the writer of the files and the moment of a crash do, accepted work
// ends in the bucket, in the order of each key, whole, once (appends), and nothing is left over:
// no upload in parts, no spooled body, no journal entry. Method: seeded random worlds under virtual
// time: the production engine and a real journal over a memory bucket that fails, real files that
// change, and kills: the journal's files as they are at that moment are all that is left.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/assert.h"
#include "sim/support/borrowed_store.h"
#include "sim/support/virtual_time.h"
#include "store/fault.h"
#include "store/memory/memory_store.h"
#include "store/retry.h"
#include "upload/engine.h"

namespace shoal::sim {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// Tasks that several threads share: each runs a random moment later, in any order.
class SimPool final : public Executor {
 public:
  explicit SimPool(Scheduler& scheduler) : scheduler_(scheduler) {}
  void post(Task task) override {
    const auto delay = Duration(std::chrono::microseconds(scheduler_.rng().below(500)));
    scheduler_.at(scheduler_.now() + delay, std::move(task));
  }

 private:
  Scheduler& scheduler_;
};

// Bytes that say whose and which version they are, so that a mixture is seen.
std::string content_of(std::uint64_t writer, std::uint64_t version, std::uint64_t size) {
  const std::string unit = fmt::format("<{}:{}>", writer, version);
  std::string text;
  while (text.size() < size) text += unit;
  text.resize(size);
  return text;
}

struct Totals {
  std::uint64_t crashes = 0, accepted = 0, found_there = 0, resumed = 0, changed = 0, lost = 0;
};

class World {
 public:
  World(std::uint64_t seed, fs::path directory)
      : rng_(seed * 6007 + 5), scheduler_(seed), directory_(std::move(directory)) {
    plan_.seed = seed;
    if (rng_.below(3) > 0) {
      plan_.error = 0.1 * rng_.unit();
      plan_.throttle = 0.05 * rng_.unit();
      plan_.lost = 0.2 * rng_.unit();
      plan_.delay = rng_.unit();
      plan_.delay_max = 1ms * (1 + rng_.below(200));
    }
    crash_share_ = rng_.below(2) == 0 ? 0.0 : 0.15;
    fs::create_directories(directory_);
    options_.part_bytes = 16u << 10;
    options_.single_put_bytes_max = 40u << 10;
    options_.memory_bytes_max = (64u << 10) + rng_.below(512u << 10);
    options_.requests_in_flight_max = 1 + static_cast<std::uint32_t>(rng_.below(20));
    options_.retry_for = 0s;
    options_.durability = Durability::process_death;
    options_.remember_sent = true;
    // Nothing here deserves to be refused.
    options_.on_event = [this](const UploadEvent& event) {
      if (event.kind == UploadEvent::Kind::refused) fault_ = "refused: " + event.error->to_string();
    };
    for (std::uint64_t file = 0; file < kFiles; ++file) write_file(file);
    begin();
  }
  ~World() { end(); }

  // Empty when everything held.
  std::string run(Totals& totals) {
    const std::uint64_t steps = 20 + rng_.below(120);
    for (std::uint64_t i = 0; i < steps && fault_.empty(); ++i) step();
    finish();
    totals.crashes += crashes_;
    totals.accepted += accepted_;
    totals.found_there += found_there_;
    totals.resumed += resumed_;
    totals.changed += changed_;
    totals.lost += counts_.lost;
    return fault_;
  }

 private:
  static constexpr std::uint64_t kFiles = 4;
  static constexpr std::uint64_t kPutKeys = 6;
  static constexpr std::uint64_t kAppendKeys = 2;

  struct Expected {
    std::optional<std::string> content{};  // of bytes; nothing: removed, or never there
    std::optional<std::uint64_t> file{};   // the key is a file's
    std::uint64_t version_min = 0;         // what it was when accepted
  };

  // ---- one process

  void begin() {
    loop_ = std::make_unique<SimExecutor>(scheduler_, 50us);
    workers_ = std::make_unique<SimPool>(scheduler_);
    auto faulty =
        store::make_fault_store(std::make_unique<BorrowedStore>(bucket_), *loop_, plan_, &counts_);
    ++plan_.seed;
    store_ = store::make_retry_store(std::move(faulty), *loop_, nullptr, {});
    auto journal = upload::Journal::open(
        {.directory = journal_directory(), .bucket = "s3://sim", .sync = false});
    SHOAL_ASSERT(journal.has_value());
    const store::Location location{.scheme = store::Scheme::s3, .bucket = "sim", .prefix = "p/"};
    auto engine = upload::Engine::create(
        location, options_, std::move(*journal),
        {.loop = *loop_, .store = *store_, .workers = *workers_, .worker_threads = 2});
    SHOAL_ASSERT(engine.has_value());
    engine_ = std::move(*engine);
    engine_->start();
  }

  void end() {
    if (!engine_) return;
    const UploaderStats stats = engine_->stats();
    found_there_ += stats.found_there;
    resumed_ += stats.parts_resumed;
    changed_ += stats.changed_files;
    engine_->close([] {});
    bucket_.cancel_all();
    store_.reset();
    scheduler_.clear();
    engine_.reset();
    workers_.reset();
    loop_.reset();
  }

  [[nodiscard]] fs::path journal_directory() const { return directory_ / "journal"; }

  // What the journal was told survives; everything else is gone from one moment to the next.
  void crash() {
    ++crashes_;
    end();
    begin();
  }

  // ---- steps

  void step() {
    switch (rng_.below(10)) {
      case 0:
      case 1:
      case 2:
        return put_bytes();
      case 3:
      case 4:
        return put_file();
      case 5:
        return append();
      case 6:
        return remove();
      case 7:
        return write_file(rng_.below(kFiles));
      default:
        run_for(rng_.below(rng_.below(3) == 0 ? 3000 : 60) * 1ms);
        if (rng_.unit() < crash_share_) crash();
    }
  }

  void run_for(Duration time) {
    const TimePoint until = scheduler_.now() + time;
    scheduler_.at(until, [] {});
    scheduler_.run_until([&] { return scheduler_.now() >= until; });
  }

  std::uint64_t size() {
    if (rng_.below(8) == 0) return 0;
    return rng_.below(rng_.below(3) == 0 ? 200'000 : 2'000);
  }

  void put_bytes() {
    const std::string key = fmt::format("k{}", rng_.below(kPutKeys));
    std::string text = content_of(1000, ++versions_, size());
    note(engine_->put_object(key, as_bytes(text), {}));
    expected_[key] = {.content = std::move(text)};
  }

  void put_file() {
    const std::string key = fmt::format("k{}", rng_.below(kPutKeys));
    const std::uint64_t file = rng_.below(kFiles);
    if (rng_.below(4) == 0) {
      note(engine_->put_object_from_file(key, path_of(file), {.copy = true}));
      expected_[key] = {.content = files_[file].back()};
      return;
    }
    note(engine_->put_object_from_file(key, path_of(file), {}));
    expected_[key] = {.file = file, .version_min = files_[file].size() - 1};
  }

  void append() {
    const std::string key = fmt::format("a{}", rng_.below(kAppendKeys));
    const std::string text = content_of(2000, ++versions_, size());
    note(engine_->append_object(key, {}, as_bytes(text)));
    auto& content = expected_[key].content;
    content = content.value_or("") + text;
  }

  void remove() {
    const std::string key = fmt::format("k{}", rng_.below(kPutKeys));
    note(engine_->remove_object(key));
    expected_[key] = {};
  }

  void note(const Result<Upload>& accepted) {
    if (!accepted) fault_ = "not accepted: " + accepted.error().to_string();
    ++accepted_;
  }

  [[nodiscard]] fs::path path_of(std::uint64_t file) const {
    return directory_ / fmt::format("file-{}", file);
  }

  // In place, as programs write, or renamed into place.
  void write_file(std::uint64_t file) {
    files_[file].push_back(content_of(file, files_[file].size(), size()));
    const bool in_place = rng_.below(2) == 0;
    const fs::path target = in_place ? path_of(file) : directory_ / "new";
    std::ofstream(target, std::ios::binary | std::ios::trunc) << files_[file].back();
    if (!in_place) fs::rename(target, path_of(file));
  }

  // ---- the end

  void finish() {
    if (!fault_.empty()) return;
    plan_ = {.seed = plan_.seed};
    if (rng_.below(2) == 0) crash();
    if (!scheduler_.run_until([&] { return engine_->stats().pending == 0; }, 2h)) {
      fault_ = fmt::format("{} uploads had no outcome after two hours", engine_->stats().pending);
      return;
    }
    for (const auto& [key, expected] : expected_) check(key, expected);
    check_leftovers();
  }

  void check(const std::string& key, const Expected& expected) {
    const std::string* found = bucket_.find("p/" + key);
    if (expected.file) {
      const auto& versions = files_[*expected.file];
      for (std::uint64_t i = expected.version_min; found != nullptr && i < versions.size(); ++i)
        if (*found == versions[i]) return;
      fault_ = key + " is no version of its file since it was accepted";
    } else if (!expected.content && found != nullptr) {
      fault_ = key + " was removed last and is there";
    } else if (expected.content && (found == nullptr || *found != *expected.content)) {
      fault_ = fmt::format("{} has {} bytes ({}...), expected {} ({}...)", key,
                           found == nullptr ? 0 : found->size(),
                           found == nullptr ? "missing" : found->substr(0, 40),
                           expected.content->size(), expected.content->substr(0, 40));
    }
  }

  void check_leftovers() {
    std::optional<std::size_t> uploads;
    bucket_.list_uploads({},
                         [&](Result<store::UploadsPage> page) { uploads = page->uploads.size(); });
    scheduler_.run_until([&] { return uploads.has_value(); });
    if (uploads != 0u) fault_ = fmt::format("{} uploads in parts are left", uploads.value_or(99));
    if (!fs::is_empty(journal_directory() / "spool")) fault_ = "a spooled body is left";
    const UploaderStats stats = engine_->stats();
    if (stats.memory_bytes != 0 || stats.journal_bytes != 0)
      fault_ = fmt::format("{} bytes of memory and {} of the journal are in use",
                           stats.memory_bytes, stats.journal_bytes);
    const std::string last = engine_->journal();
    end();
    auto journal = upload::Journal::open({.directory = last, .bucket = "s3://sim", .sync = false});
    if (!journal || !(*journal)->load() || !(*journal)->load()->empty())
      fault_ = "the journal is not empty";
  }

  Rng rng_;
  Scheduler scheduler_;
  const fs::path directory_;
  store::FaultPlan plan_;
  store::FaultCounts counts_;
  UploaderOptions options_;
  double crash_share_ = 0;
  SimExecutor bucket_loop_{scheduler_, 100us};
  store::MemoryStore bucket_{bucket_loop_, "s3://sim"};

  std::unique_ptr<upload::Engine> engine_;  // destroyed last: what the others hold refers to it
  std::unique_ptr<SimExecutor> loop_;
  std::unique_ptr<SimPool> workers_;
  std::unique_ptr<store::ObjectStore> store_;

  std::map<std::string, Expected> expected_;
  std::map<std::uint64_t, std::vector<std::string>> files_;  // every version so far
  std::uint64_t versions_ = 0;
  std::uint64_t crashes_ = 0, accepted_ = 0, found_there_ = 0, resumed_ = 0, changed_ = 0;
  std::string fault_;
};

int run(std::uint64_t first, std::uint64_t count) {
  Totals totals;
  const fs::path base = fs::temp_directory_path() / fmt::format("shoal-upload-sim-{}", getpid());
  int failed = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const fs::path directory = base / std::to_string(seed);
    const std::string fault = World(seed, directory).run(totals);
    fs::remove_all(directory);
    if (fault.empty()) continue;
    std::printf("seed %llu: %s; again with: upload_sim --seed %llu\n",
                static_cast<unsigned long long>(seed), fault.c_str(),
                static_cast<unsigned long long>(seed));
    ++failed;
  }
  fs::remove_all(base);
  fmt::print(
      "{} seeds, {} failed: {} accepted, {} kills, {} found there, {} parts resumed, {} files "
      "changed, {} answers lost\n",
      count, failed, totals.accepted, totals.crashes, totals.found_there, totals.resumed,
      totals.changed, totals.lost);
  // A run in which one of these never happened has not tested what it is for.
  const bool met_all = totals.crashes > 0 && totals.found_there > 0 && totals.resumed > 0 &&
                       totals.changed > 0 && totals.lost > 0;
  if (count >= 50 && !met_all) {
    fmt::print("a kind of trouble was never met\n");
    return 1;
  }
  return failed > 0 ? 1 : 0;
}

}  // namespace
}  // namespace shoal::sim

int main(int argc, char** argv) {
  std::uint64_t first = 1;
  std::uint64_t count = 60;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    const std::uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--seed") first = value, count = 1;
    if (flag == "--seeds") count = value;
  }
  return shoal::sim::run(first, count);
}
