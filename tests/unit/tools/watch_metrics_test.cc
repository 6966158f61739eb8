// SPDX-License-Identifier: Apache-2.0
// Goal: a watcher tells Prometheus every number of its uploader, once and under the right name.
// Method: an uploader that only has numbers, each of them different.
#include "tools/watch_metrics.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace shoal::tools {
namespace {

class NumbersOnly final : public Uploader {
 public:
  UploaderStats numbers;
  StoreActivity activity;
  UploaderStats stats() const override { return numbers; }
  StoreActivity store_activity() const override { return activity; }

  Result<Upload> put_object(std::string_view, std::span<const std::byte>,
                            const PutOptions&) override {
    return no();
  }
  Result<Upload> put_object_from_file(std::string_view, const std::filesystem::path&,
                                      const PutOptions&) override {
    return no();
  }
  Result<std::vector<Upload>> put_objects_from_files(std::span<const FileToPut>) override {
    return no();
  }
  Result<Upload> append_object(std::string_view, std::optional<std::uint64_t>,
                               std::span<const std::byte>) override {
    return no();
  }
  Result<Upload> remove_object(std::string_view) override { return no(); }
  Result<void> flush(std::chrono::milliseconds) override { return no(); }
  void resume() override {}
  Result<void> discard(std::uint64_t) override { return no(); }
  std::vector<Pending> pending() const override { return {}; }
  std::optional<SentFile> last_sent(std::string_view) const override { return {}; }
  Result<void> forget_sent() override { return no(); }
  const std::string& url() const override { return url_; }
  const std::filesystem::path& journal() const override { return journal_; }

 private:
  static std::unexpected<Error> no() { return fail(ErrorCode::unsupported, "numbers only"); }
  std::string url_;
  std::filesystem::path journal_;
};

TEST(WatchMetrics, tell_what_alerts_ask_for) {
  NumbersOnly uploader;
  uploader.numbers.pending = 11;
  uploader.numbers.waiting = 12;
  uploader.numbers.sent = 13;
  uploader.numbers.sent_bytes = 14;
  uploader.numbers.refused = 15;
  uploader.numbers.throttled = 16;
  uploader.numbers.oldest_pending_seconds = 17.5;
  uploader.activity.ops.push_back({.name = "put", .by_code = {18}, .durations = {}});
  uploader.activity.sent_bytes = 19;
  const std::string text =
      "\n" + watch_metrics(uploader, {.is_ready = true, .files_unsent = 20, .lost_events = 21});
  for (const char* line :
       {"shoal_upload_pending 11", "shoal_upload_waiting 12", "shoal_upload_sent_total 13",
        "shoal_upload_sent_bytes_total 14", "shoal_upload_refused_total 15",
        "shoal_objstore_throttled_total 16", "shoal_upload_oldest_pending_seconds 17.5",
        "shoal_objstore_requests_total{op=\"put\",code=\"2xx\"} 18",
        "shoal_objstore_sent_bytes_total 19", "shoal_watch_files_unsent 20",
        "shoal_watch_lost_events_total 21", "shoal_watch_ready 1"})
    EXPECT_NE(text.find("\n" + std::string(line) + "\n"), std::string::npos) << line << text;
  std::istringstream lines(text);
  std::set<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    EXPECT_TRUE(names.insert(line.substr(0, line.rfind(' '))).second) << line;
  }
}

}  // namespace
}  // namespace shoal::tools
