// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "tools/flags.h"
#include "tools/upload_flags.h"
#include "tools/write/sending.h"

namespace shoal::tools::write {

// What put and append have in common: an uploader for one bucket on a journal of its own, and who
// watches it.
class Session {
 public:
  struct Options {
    ObjectAddress target;
    StoreFlags store;
    UploadFlags upload;
    std::string command;  // "shoal put"
    bool remember_sent = false;
  };
  // `view` and `io` outlive it.
  [[nodiscard]] static Result<std::unique_ptr<Session>> open(const Options& options, SendView& view,
                                                             const Io& io);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] Uploader& uploader() { return *uploader_; }
  [[nodiscard]] const UploaderOptions& options() const { return uploader_options_; }
  [[nodiscard]] Sending::Parts parts() {
    return {*uploader_, events_, view_, options_.target, io_};
  }
  [[nodiscard]] Sending& sending() { return *sending_; }
  [[nodiscard]] SendTotals& totals() { return totals_; }

  // Ends the view and says what stays in the journal and how to go on. True: all was done.
  [[nodiscard]] bool explain(bool is_complete);
  // The same for a run that sends files: prints its result and forgets what was sent, unless a
  // signal ended it. Returns the exit code.
  [[nodiscard]] int finish(bool is_complete, bool json);

 private:
  Session(Options options, SendView& view, const Io& io)
      : options_(std::move(options)), view_(view), io_(io) {}
  void explain_left();

  Options options_;
  SendView& view_;
  const Io& io_;
  SendTotals totals_;
  UploaderOptions uploader_options_;
  EventLog events_;
  std::unique_ptr<Uploader> uploader_;  // after `events_`, which it calls: destroyed first
  std::unique_ptr<Sending> sending_;
};

}  // namespace shoal::tools::write
