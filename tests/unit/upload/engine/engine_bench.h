// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"
#include "sim/support/faulty_files.h"
#include "sim/support/virtual_time.h"
#include "store/memory/memory_store.h"
#include "unit/upload/engine/scripted_store.h"
#include "upload/engine.h"

namespace shoal::testing {

// Workers in virtual time: each task a random moment later, in any order.
class SimPool final : public Executor {
 public:
  explicit SimPool(sim::Scheduler& scheduler) : scheduler_(scheduler) {}
  void post(Task task) override {
    const auto delay = Duration(std::chrono::microseconds(scheduler_.rng().below(500)));
    scheduler_.at(scheduler_.now() + delay, std::move(task));
  }

 private:
  sim::Scheduler& scheduler_;
};

// An event as it is after the call: what it points at is copied.
struct SeenEvent {
  UploadEvent::Kind kind;
  std::uint64_t id;
  std::string key;
  std::string file;
  std::optional<ErrorCode> error;
  std::optional<Uploaded> result;
  bool is_recovered;
  TimePoint at;
};

// One production engine with a real journal over a memory bucket, in virtual time. The wall clock
// stands in 1970, so that no file is too young to be read.
class EngineBench {
 public:
  explicit EngineBench(store::Scheme scheme = store::Scheme::s3) : scheme_(scheme) {
    options.part_bytes = 1000;
    options.single_put_bytes_max = 3000;
    options.memory_bytes_max = 1u << 20;
    options.requests_in_flight_max = 8;
    options.accept_timeout = std::chrono::milliseconds(20);
    options.durability = Durability::process_death;
    options.on_event = [this](const UploadEvent& event) { note(event); };
  }
  ~EngineBench() { end(); }

  // ---- processes

  void begin() {
    loop_ = std::make_unique<sim::SimExecutor>(scheduler, std::chrono::microseconds(50));
    workers_ = std::make_unique<SimPool>(scheduler);
    store = std::make_unique<ScriptedStore>(bucket, *loop_);
    auto journal = upload::Journal::open({.directory = journal_directory(),
                                          .bucket = "s3://b",
                                          .sync = options.durability == Durability::power_loss});
    SHOAL_ASSERT(journal.has_value());
    const store::Location location{.scheme = scheme_, .bucket = "b", .prefix = "p/"};
    auto made = upload::Engine::create(
        location, options, std::move(*journal),
        {.loop = *loop_, .store = *store, .workers = *workers_, .worker_threads = 2});
    SHOAL_ASSERT(made.has_value());
    engine = std::move(*made);
  }
  void start() {
    begin();
    engine->start();
  }
  // As the destructor of an uploader does: nothing of the engine is left when it returns.
  void end() {
    if (!engine) return;
    bool is_closed = false;
    engine->close([&] { is_closed = true; });
    SHOAL_ASSERT(run_until([&] { return is_closed; }));
    scheduler.clear();
    drop();
  }
  // From one moment to the next: what was under way is gone, with what it would have done later.
  void kill() {
    engine->close([] {});
    bucket.cancel_all();
    scheduler.clear();
    drop();
  }
  void kill_and_start() {
    kill();
    start();
  }

  // ---- waiting

  [[nodiscard]] static bool is_ready(const Upload& upload) {
    return upload.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  bool run_until(const std::function<bool()>& done) {
    return scheduler.run_until(done, std::chrono::hours(100));
  }
  void run_for(Duration time) {
    const TimePoint until = scheduler.now() + time;
    scheduler.at(until, [] {});
    scheduler.run_until([&] { return scheduler.now() >= until; }, time);
  }
  Result<Uploaded> outcome_of(const Upload& upload) {
    if (!run_until([&] { return is_ready(upload); }))
      return fail(ErrorCode::bug, "the upload has no outcome");
    return upload.get();
  }
  Result<Uploaded> outcome_of(const Result<Upload>& accepted) {
    if (!accepted) return fail(Error(accepted.error()));
    return outcome_of(*accepted);
  }
  bool run_until_done() {
    return run_until([&] { return engine->stats().pending == 0; });
  }

  // ---- files and bucket

  std::filesystem::path write_file(const std::string& name, const std::string& text) {
    const auto path = directory.path() / name;
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    return path;
  }
  void replace_file(const std::string& name, const std::string& text) {
    std::filesystem::rename(write_file(name + ".new", text), directory.path() / name);
  }
  // Bytes that say where they are.
  static std::string text_of(std::uint64_t bytes, char first = 'a') {
    std::string text(bytes, first);
    for (std::uint64_t at = 0; at < bytes; at += 10) {
      const std::string number = std::to_string(at);
      text.replace(at, std::min<std::uint64_t>(number.size(), bytes - at),
                   number.substr(0, bytes - at));
    }
    return text;
  }
  [[nodiscard]] std::string object(const std::string& key) const {
    const std::string* found = bucket.find("p/" + key);
    return found == nullptr ? "(missing)" : *found;
  }
  // Ids of the uploads in parts that the bucket has.
  std::vector<std::string> uploads_in_bucket() {
    std::optional<std::vector<std::string>> ids;
    bucket.list_uploads({}, [&](Result<store::UploadsPage> page) {
      ids.emplace();
      for (const auto& one : page->uploads) ids->push_back(one.upload.id);
    });
    scheduler.run_until([&] { return ids.has_value(); });
    return *ids;
  }
  [[nodiscard]] std::size_t files_in_spool() const {
    const std::filesystem::directory_iterator files(journal_directory() / "spool");
    return static_cast<std::size_t>(std::distance(begin_of(files), {}));
  }
  [[nodiscard]] std::size_t count_events(UploadEvent::Kind kind) const {
    return static_cast<std::size_t>(std::ranges::count(events, kind, &SeenEvent::kind));
  }
  [[nodiscard]] std::filesystem::path journal_directory() const {
    return directory.path() / "journal";
  }

  static Error passing() {
    return Error(ErrorCode::unavailable, "script: not well").with_retry(Retry::yes);
  }

  sim::TemporaryDirectory directory;
  sim::Scheduler scheduler{1};
  sim::SimExecutor bucket_loop{scheduler, std::chrono::microseconds(100)};
  store::MemoryStore bucket{bucket_loop, "s3://b"};
  UploaderOptions options;
  std::vector<SeenEvent> events;
  std::unique_ptr<upload::Engine> engine;
  std::unique_ptr<ScriptedStore> store;

 private:
  static std::filesystem::directory_iterator begin_of(std::filesystem::directory_iterator at) {
    return at;
  }
  void drop() {
    engine.reset();
    store.reset();
    workers_.reset();
    loop_.reset();
  }
  void note(const UploadEvent& event) {
    SeenEvent seen{.kind = event.kind,
                   .id = event.id,
                   .key = event.key,
                   .file = event.file,
                   .error = {},
                   .result = {},
                   .is_recovered = event.is_recovered,
                   .at = scheduler.now()};
    if (event.error != nullptr) seen.error = event.error->code();
    if (event.result != nullptr) seen.result = *event.result;
    events.push_back(std::move(seen));
  }

  const store::Scheme scheme_;
  std::unique_ptr<sim::SimExecutor> loop_;
  std::unique_ptr<SimPool> workers_;
};

}  // namespace shoal::testing
