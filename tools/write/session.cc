// SPDX-License-Identifier: Apache-2.0
#include "tools/write/session.h"

#include "tools/display.h"
#include "tools/write/journals.h"
#include "upload/state_directory.h"

namespace shoal::tools::write {

Result<std::unique_ptr<Session>> Session::open(const Options& options, SendView& view,
                                               const Io& io) {
  std::unique_ptr<Session> session(new Session(options, view, io));
  SHOAL_TRY(session->uploader_options_, options.upload.to_options(options.store));
  SHOAL_TRY(const auto config, options.store.to_config());
  UploaderOptions& to = session->uploader_options_;
  to.remember_sent = options.remember_sent;
  // Until it is known which files the interrupted run has sent; see PutRun.
  to.start_paused = options.remember_sent;
  to.on_event = [&events = session->events_](const UploadEvent& event) { events.add(event); };
  const auto base = upload::journal_directory("put", options.target.bucket, config);
  SHOAL_TRY(session->uploader_,
            open_slot(base, {options.target.bucket.to_url(), options.command, to}));
  session->sending_ = std::make_unique<Sending>(session->parts(), session->totals_);
  if (session->totals_.recovered > 0)
    view.say("continuing " + grouped(session->totals_.recovered) +
             " uploads of an interrupted run, kept in " + session->uploader_->journal().string());
  return session;
}

void Session::explain_left() {
  const UploaderStats stats = uploader_->stats();
  const std::string url = options_.target.bucket.to_url();
  if (totals_.is_interrupted && options_.remember_sent) {
    const std::uint64_t done = totals_.sent + totals_.sent_before + totals_.failed;
    const std::uint64_t rest = totals_.files > done ? totals_.files - done : 0;
    view_.say("interrupted: " + grouped(rest) + " of " + grouped(totals_.files) +
              " files are not sent. The same command goes on where this one stopped.");
  }
  if (stats.pending == 0) return;
  view_.say(grouped(stats.pending) + " uploads stay in " + uploader_->journal().string() +
            (sending_->first_left() ? " because the service could not take them" : "") +
            ". The same command goes on with them, and so does `shoal uploads " + url +
            " --resume`; `shoal uploads` shows them, with --abort-all it gives them up.");
}

bool Session::explain(bool is_complete) {
  totals_.is_interrupted = !is_complete;
  view_.finish();
  explain_left();
  return is_complete && totals_.failed == 0 && totals_.left == 0 && totals_.recovered_failed == 0;
}

int Session::finish(bool is_complete, bool json) {
  const bool all = explain(is_complete);
  if (is_complete && options_.remember_sent) {
    const auto forgotten = uploader_->forget_sent();
    if (!forgotten) view_.say(Error(forgotten.error()).with_context("end the run").to_string());
  }
  if (json)
    view_.print_json(totals_);
  else
    view_.print_result(totals_);
  return all ? kExitOk : kExitFailed;
}

}  // namespace shoal::tools::write
