// SPDX-License-Identifier: Apache-2.0
#include "upload/sync.h"

#include <algorithm>

#include "upload/etag_check.h"

namespace shoal::upload {
namespace {

using Action = SyncStep::Action;
using Reason = SyncStep::Reason;

// The objects under a prefix, in byte order, a page at a time.
class RemoteObjects {
 public:
  RemoteObjects(const ListPages& list, std::string prefix)
      : list_(list), request_{.prefix = std::move(prefix)} {}

  Result<void> advance() {
    ++at_;
    while (at_ >= page_.objects.size() && has_more_) {
      SHOAL_TRY(page_, list_(request_));
      at_ = 0;
      has_more_ = page_.next_token.has_value();
      if (has_more_) request_.token = *page_.next_token;
    }
    return {};
  }
  [[nodiscard]] const store::ObjectInfo* current() const {
    return at_ < page_.objects.size() ? &page_.objects[at_] : nullptr;
  }

 private:
  const ListPages& list_;
  store::ListRequest request_;
  store::ListPage page_;
  std::size_t at_ = ~std::size_t{0};  // advance() makes it 0
  bool has_more_ = true;
};

class SyncPlanner {
 public:
  SyncPlanner(const SyncOptions& options, const ListPages& list, const LastSent& last_sent,
              const OnStep& on_step)
      : options_(options),
        last_sent_(last_sent),
        on_step_(on_step),
        objects_(list, options.prefix + options.below) {}

  Result<SyncCounts> run() {
    SHOAL_TRY(auto files,
              LocalFiles::open(
                  options_.local, [this](const auto& skipped) { skip(skipped); }, options_.below));
    SHOAL_CHECK_OK(objects_.advance());
    for (auto file = files.next(); file || objects_.current() != nullptr;) {
      SHOAL_CHECK_OK(go_on());
      const int order = compare(file);
      if (order > 0) {
        SHOAL_CHECK_OK(plan_extra(*objects_.current()));
      } else {
        ++counts_.files;
        counts_.bytes += file->status.size;
        SHOAL_CHECK_OK(plan_file(*file, order == 0 ? objects_.current() : nullptr));
        file = files.next();
      }
      if (order < 0) continue;
      ++counts_.objects;
      SHOAL_CHECK_OK(objects_.advance());
    }
    SHOAL_CHECK_OK(plan_removals());
    return counts_;
  }

 private:
  Result<void> go_on() {
    if (skip_error_) return fail(*skip_error_);
    if (options_.stop != nullptr && options_.stop->load())
      return fail(ErrorCode::canceled,
                  "compare " + options_.local.root.string() + " with the bucket: interrupted");
    return {};
  }

  // Below 0: the file comes first; 0: file and object belong together.
  [[nodiscard]] int compare(const std::optional<LocalFile>& file) const {
    const store::ObjectInfo* object = objects_.current();
    if (!file) return 1;
    if (object == nullptr) return -1;
    return std::string_view(file->key).compare(key_of(*object));
  }
  [[nodiscard]] std::string_view key_of(const store::ObjectInfo& object) const {
    return std::string_view(object.key).substr(options_.prefix.size());
  }

  void skip(const SkippedFile& skipped) {
    ++counts_.skipped[skipped.reason];
    if (skipped.is_error()) ++counts_.skipped_errors;
    // What the filter excludes is asked of the filter.
    if (skipped.reason != SkippedFile::Reason::excluded) skipped_keys_.insert(skipped.key);
    SyncStep step{.action = Action::skip, .reason = Reason::skipped, .key = skipped.key};
    step.skipped = &skipped;
    if (const auto done = on_step_(step); !done && !skip_error_) skip_error_ = done.error();
  }

  Result<void> plan_file(const LocalFile& file, const store::ObjectInfo* object) {
    SHOAL_TRY(const Reason reason, judge(file, object));
    const bool is_same = reason == Reason::same_as_sent || reason == Reason::not_older ||
                         reason == Reason::same_content;
    ++(is_same ? counts_.keep : counts_.send);
    (is_same ? counts_.keep_bytes : counts_.send_bytes) += file.status.size;
    return on_step_({.action = is_same ? Action::keep : Action::send,
                     .reason = reason,
                     .key = file.key,
                     .bytes = file.status.size,
                     .status = file.status});
  }

  Result<Reason> judge(const LocalFile& file, const store::ObjectInfo* object) {
    if (object == nullptr) return Reason::missing;
    if (object->size != file.status.size) return Reason::size;
    const auto path = options_.local.root / file.key;
    const auto sent = last_sent_(file.key);
    const bool is_ours = sent && sent->etag == object->etag;
    if (is_ours && is_same_file(*sent, path, file.status)) return Reason::same_as_sent;
    // Another file than the one we sent may have any time: it may have been renamed here.
    constexpr std::int64_t kNanoseconds = 1'000'000'000;
    if (!is_ours && !options_.checksum && object->mtime * kNanoseconds >= file.status.mtime_ns)
      return Reason::not_older;
    const auto matches = matches_etag(path, file.status.size, object->etag, options_.part_bytes);
    // A file that cannot be read to its end is changing: the uploader waits for it, or says why.
    return matches && *matches ? Reason::same_content : Reason::content;
  }

  static bool is_same_file(const SentFile& sent, const std::filesystem::path& path,
                           const sys::FileStatus& status) {
    return sent.file == path && sent.size == status.size && sent.mtime_ns == status.mtime_ns &&
           sent.ctime_ns == status.ctime_ns && sent.inode == status.inode;
  }

  Result<void> plan_extra(const store::ObjectInfo& object) {
    const std::string key(key_of(object));
    const Reason reason = reason_to_stay(key);
    if (reason == Reason::no_file && options_.delete_extra) {
      removals_.push_back(key);
      return {};
    }
    return extra(key, reason);
  }
  Result<void> extra(const std::string& key, Reason reason) {
    ++counts_.extra;
    return on_step_({.action = Action::extra, .reason = reason, .key = key});
  }

  [[nodiscard]] Reason reason_to_stay(const std::string& key) const {
    if (key.empty() || key.ends_with('/')) {
      const auto status = sys::file_status(options_.local.root / key, /*follow=*/true);
      if (status && status->kind == sys::FileStatus::Kind::directory) return Reason::marker;
    }
    if (!options_.local.filter.includes(key)) return Reason::excluded;
    return is_behind_skipped(key) ? Reason::stands_for_skipped : Reason::no_file;
  }

  // The key itself, or a directory above it, was skipped.
  [[nodiscard]] bool is_behind_skipped(const std::string& key) const {
    if (skipped_keys_.contains(key)) return true;
    for (auto slash = key.find('/'); slash != std::string::npos; slash = key.find('/', slash + 1))
      if (skipped_keys_.contains(key.substr(0, slash)) ||
          skipped_keys_.contains(key.substr(0, slash + 1)))
        return true;
    return false;
  }

  // Only now is it known whether the walk saw everything.
  Result<void> plan_removals() {
    SHOAL_CHECK_OK(go_on());
    for (const std::string& key : removals_) {
      if (counts_.skipped_errors > 0 || is_behind_skipped(key)) {
        SHOAL_CHECK_OK(extra(
            key, counts_.skipped_errors > 0 ? Reason::walk_failed : Reason::stands_for_skipped));
        continue;
      }
      ++counts_.remove;
      SHOAL_CHECK_OK(on_step_({.action = Action::remove, .reason = Reason::no_file, .key = key}));
    }
    return {};
  }

  const SyncOptions& options_;
  const LastSent& last_sent_;
  const OnStep& on_step_;
  RemoteObjects objects_;
  SyncCounts counts_;
  std::set<std::string> skipped_keys_;
  std::vector<std::string> removals_;
  std::optional<Error> skip_error_;
};

}  // namespace

std::string_view text_of(Reason reason) {
  switch (reason) {
    case Reason::missing:
      return "not in the bucket";
    case Reason::size:
      return "the sizes differ";
    case Reason::content:
      return "the content differs";
    case Reason::same_as_sent:
      return "sent before, unchanged";
    case Reason::not_older:
      return "the object is not older";
    case Reason::same_content:
      return "the same content";
    case Reason::no_file:
      return "no such file";
    case Reason::excluded:
      return "excluded";
    case Reason::stands_for_skipped:
      return "what has this name here is not sent";
    case Reason::marker:
      return "stands for a directory";
    case Reason::walk_failed:
      return "part of the directory could not be read";
    case Reason::skipped:
      return "skipped";
  }
  return "?";
}

Result<SyncCounts> plan_sync(const SyncOptions& options, const ListPages& list,
                             const LastSent& last_sent, const OnStep& on_step) {
  return SyncPlanner(options, list, last_sent, on_step).run();
}

}  // namespace shoal::upload
