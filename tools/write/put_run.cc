// SPDX-License-Identifier: Apache-2.0
#include "tools/write/put_run.h"

#include <algorithm>
#include <utility>

#include "sys/file_identity.h"

namespace shoal::tools::write {
namespace {

constexpr std::size_t kBatchFiles = 1000;  // with one write to the journal
// Accepted and without outcome: enough that the uploader never waits for us, few enough that a
// signal finds little to wait for.
constexpr std::size_t kOpenMax = 8000;

bool was_sent(const Uploader& uploader, const PlannedFile& planned) {
  const auto sent = uploader.last_sent(planned.key);
  if (!sent || sent->file != planned.file) return false;
  const auto is = sys::identity_of(planned.file);
  return is && *is == sys::FileIdentity{sent->size, sent->mtime_ns, sent->ctime_ns, sent->inode};
}

// Errors of the journal, which are those of every file.
bool is_of_journal(ErrorCode code) {
  return code == ErrorCode::no_space || code == ErrorCode::io || code == ErrorCode::limit ||
         code == ErrorCode::closed;
}

class PutRun {
 public:
  PutRun(const PutRunOptions& options, const Sending::Parts& parts, Sending& sending,
         SendTotals& totals)
      : options_(options), parts_(parts), sending_(sending), totals_(totals) {}

  bool run(const PutPlan& plan) {
    for (const PlannedFile& planned : plan.files) {
      if (sending_.is_stopped()) return false;
      if (options_.resume && was_sent(parts_.uploader, planned)) {
        ++totals_.sent_before;
        totals_.sent_before_bytes += planned.bytes;
        continue;
      }
      batch_.push_back(&planned);
      if (batch_.size() == kBatchFiles && !submit()) return false;
    }
    return submit() && sending_.wait(0);
  }

 private:
  bool submit() {
    if (batch_.empty() || has_given_up_) {
      parts_.uploader.resume();
      if (!batch_.empty()) totals_.failed += batch_.size();
      batch_.clear();
      return true;
    }
    if (!sending_.wait(kOpenMax)) return false;
    std::vector<FileToPut> files;
    files.reserve(batch_.size());
    for (const PlannedFile* planned : batch_)
      files.push_back({planned->key, planned->file, options_.put});
    auto uploads = parts_.uploader.put_objects_from_files(files);
    // Before, what an interrupted run left would end unseen between was_sent() and here.
    parts_.uploader.resume();
    if (uploads) {
      for (std::size_t i = 0; i < batch_.size(); ++i) track(*batch_[i], std::move((*uploads)[i]));
    } else if (is_of_journal(uploads.error().code())) {
      give_up(uploads.error());
      return true;
    } else {
      submit_singly(files);
    }
    batch_.clear();
    return true;
  }
  // A batch is accepted whole or not at all: the ones that can be sent are found one by one.
  void submit_singly(std::span<const FileToPut> files) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      auto upload =
          parts_.uploader.put_object_from_file(files[i].key, files[i].file, files[i].options);
      if (upload) {
        track(*batch_[i], std::move(*upload));
        continue;
      }
      ++totals_.failed;
      parts_.view.fail({batch_[i]->file.native(), parts_.target.url_of(batch_[i]->key),
                        std::move(upload).error()});
    }
  }
  // Nothing more can be accepted: told once, and every file that is left counts.
  void give_up(const Error& error) {
    totals_.failed += batch_.size();
    if (!std::exchange(has_given_up_, true))
      parts_.view.fail({batch_.front()->file.native() + " and what follows it",
                        parts_.target.url_of(batch_.front()->key), error});
    batch_.clear();
  }
  void track(const PlannedFile& planned, Upload upload) {
    sending_.track({planned.file.native(), planned.key, planned.bytes, std::move(upload)});
  }

  const PutRunOptions& options_;
  const Sending::Parts& parts_;
  Sending& sending_;
  SendTotals& totals_;
  std::vector<const PlannedFile*> batch_;
  bool has_given_up_ = false;
};

}  // namespace

bool run_put(const PutPlan& plan, const PutRunOptions& options, const Sending::Parts& parts,
             Sending& sending, SendTotals& totals) {
  totals.files += plan.files.size();
  totals.bytes += plan.bytes;
  return PutRun(options, parts, sending, totals).run(plan);
}

}  // namespace shoal::tools::write
