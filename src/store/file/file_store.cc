// SPDX-License-Identifier: Apache-2.0
#include "store/file/file_store.h"

#include <algorithm>
#include <deque>
#include <string>
#include <unordered_map>

#include "base/limits.h"
#include "store/file/tree.h"
#include "store/file/tree_error.h"
#include "store/write_checks.h"

namespace shoal::store {
namespace {

constexpr std::uint64_t kPieceBytes = 1 << 20;  // of a GET, read between two looks at the caller
constexpr std::size_t kCursorsKept = 16;        // one per concurrent listing

struct Reading;
// The GETs under way, by id.
using Readings = std::unordered_map<std::uint64_t, Reading*>;

// A GET under way. Shared by its steps, one of which runs at a time: read a piece on a worker, hand
// it to the sink on the executor.
struct Reading {
  std::uint64_t id = 0;
  GetRequest request;
  BodySink& sink;
  Done<void> done;
  std::shared_ptr<Readings> readings;  // may outlive the store
  bool is_cancelled = false;
  OpenObject object{};
  std::vector<std::byte> piece{};
  std::uint64_t delivered = 0;
};

class DirectoryStore final : public FileStore {
 public:
  DirectoryStore(LoopExecutor& executor, Executor* workers, const std::filesystem::path& directory)
      : executor_(executor),
        workers_(workers == nullptr ? executor : *workers),
        tree_(std::make_shared<Tree>(directory)),
        name_("file://" + directory.string()),
        readings_(std::make_shared<Readings>()),
        is_cancelled_(std::make_shared<bool>(false)) {}
  ~DirectoryStore() override { DirectoryStore::cancel_all(); }

  const std::string& name() const override { return name_; }
  std::uint64_t skipped_entries() const override { return tree_->skipped(); }

  void head(const std::string& key, Done<ObjectInfo> done) override {
    run<ObjectInfo>(std::move(done), [tree = tree_, key]() -> Result<ObjectInfo> {
      SHOAL_TRY(auto object, tree->open_object(key));
      return std::move(object.info);
    });
  }

  CallId get(const GetRequest& request, BodySink& sink, Done<void> done) override {
    const CallId id{++last_id_};
    auto reading = std::make_shared<Reading>(Reading{.id = id.value,
                                                     .request = request,
                                                     .sink = sink,
                                                     .done = std::move(done),
                                                     .readings = readings_});
    readings_->emplace(id.value, reading.get());
    if (request.length == 0)
      executor_.post([reading = std::move(reading)] { end(*reading, {}); });
    else
      step(executor_, workers_, tree_, std::move(reading));
    return id;
  }
  // The work itself is not interrupted: its buffers are in use until it ends.
  void cancel(CallId call) override {
    const auto found = readings_->find(call.value);
    if (found != readings_->end()) found->second->is_cancelled = true;
  }

  void list(const ListRequest& request, Done<ListPage> done) override {
    // A cursor that stands behind the page before spares reading its directories again.
    std::shared_ptr<TreeCursor> cursor = take_cursor(request.token);
    run<ListPage>(
        [this, cursor, is_cancelled = is_cancelled_,
         done = std::move(done)](Result<ListPage> page) mutable {
          if (!*is_cancelled && page && page->next_token) keep_cursor(*page->next_token, cursor);
          done(std::move(page));
        },
        [tree = tree_, cursor, request] { return make_page(request, *cursor); });
  }

  void put(const PutRequest& request, Done<PutResult> done) override {
    run<PutResult>(std::move(done), [tree = tree_, request]() -> Result<PutResult> {
      const std::string what = tree->what("put", request.key);
      SHOAL_CHECK_OK(check_body(what, request.body, request.checks));
      SHOAL_TRY(auto etag, tree->replace(request.key, request.condition, [&](int file) {
        return write_all(file, 0, request.body, what);
      }));
      return PutResult{std::move(etag)};
    });
  }

  void create_upload(const std::string& key, const std::string& /*content_type*/,
                     Done<UploadId> done) override {
    run<UploadId>(std::move(done), [tree = tree_, key] { return tree->create_upload(key); });
  }
  void upload_part(const UploadId& upload, std::uint32_t number, ByteSpan body,
                   const BodyChecks& checks, Done<UploadedPart> done) override {
    run<UploadedPart>(std::move(done),
                      [tree = tree_, upload, number, body, checks]() -> Result<UploadedPart> {
                        const std::string what = tree->what("upload part of", upload.key);
                        SHOAL_CHECK_OK(check_body(what, body, checks));
                        return tree->write_part(upload, number, body);
                      });
  }
  void complete_upload(const CompleteRequest& request, Done<PutResult> done) override {
    run<PutResult>(std::move(done), [tree = tree_, request]() -> Result<PutResult> {
      SHOAL_TRY(auto etag, tree->complete(request));
      return PutResult{std::move(etag)};
    });
  }
  void abort_upload(const UploadId& upload, Done<void> done) override {
    run<void>(std::move(done), [tree = tree_, upload] { return tree->abort_upload(upload); });
  }
  void list_uploads(const ListUploadsRequest& request, Done<UploadsPage> done) override {
    run<UploadsPage>(std::move(done), [tree = tree_, request]() -> Result<UploadsPage> {
      SHOAL_TRY(auto uploads, tree->uploads());
      return make_uploads_page(request, std::move(uploads));
    });
  }
  void append(const std::string& key, std::uint64_t position, ByteSpan body,
              const BodyChecks& checks, Done<AppendResult> done) override {
    run<AppendResult>(std::move(done),
                      [tree = tree_, key, position, body, checks]() -> Result<AppendResult> {
                        SHOAL_CHECK_OK(check_body(tree->what("append to", key), body, checks));
                        return tree->append(key, position, body);
                      });
  }
  void remove(const std::string& key, Done<void> done) override {
    run<void>(std::move(done), [tree = tree_, key] { return tree->remove(key); });
  }
  void copy(const std::string& source, const std::string& target, Done<PutResult> done) override {
    run<PutResult>(std::move(done), [tree = tree_, source, target]() -> Result<PutResult> {
      SHOAL_TRY(const auto object, tree->open_object(source));
      std::vector<std::byte> piece(kPieceBytes);
      SHOAL_TRY(auto etag, tree->replace(target, {}, [&](int file) -> Result<void> {
        for (std::uint64_t at = 0; at < object.info.size; at += kPieceBytes) {
          const auto part =
              MutableByteSpan(piece).first(std::min(kPieceBytes, object.info.size - at));
          SHOAL_CHECK_OK(tree->read(object, at, part));
          SHOAL_CHECK_OK(write_all(file, at, part, tree->what("copy to", target)));
        }
        return {};
      }));
      return PutResult{std::move(etag)};
    });
  }

  void cancel_all() override {
    *is_cancelled_ = true;
    is_cancelled_ = std::make_shared<bool>(false);
    for (const auto& [id, reading] : *readings_) reading->is_cancelled = true;
  }

 private:
  template <typename T>
  void run(Done<T> done, std::move_only_function<Result<T>()> work) {
    workers_.post([&executor = executor_, is_cancelled = is_cancelled_, name = name_,
                   done = std::move(done), work = std::move(work)]() mutable {
      auto result = work();
      executor.post(
          [is_cancelled, name, done = std::move(done), result = std::move(result)]() mutable {
            if (*is_cancelled)
              return done(fail(ErrorCode::canceled, name + ": given up by the caller"));
            done(std::move(result));
          });
    });
  }

  static void step(LoopExecutor& executor, Executor& workers, std::shared_ptr<Tree> tree,
                   std::shared_ptr<Reading> reading) {
    workers.post([&executor, &workers, tree = std::move(tree), reading = std::move(reading)] {
      auto result = read_piece(*tree, *reading);
      executor.post([&executor, &workers, tree, reading, result = std::move(result)]() mutable {
        if (result && !reading->is_cancelled) result = reading->sink.on_bytes(reading->piece);
        reading->delivered += reading->piece.size();
        if (reading->is_cancelled)
          result = fail(ErrorCode::canceled,
                        tree->what("get", reading->request.key) + ": given up by the caller");
        if (result && reading->delivered < reading->request.length)
          return step(executor, workers, std::move(tree), std::move(reading));
        end(*reading, std::move(result));
      });
    });
  }

  static void end(Reading& reading, Result<void> result) {
    reading.readings->erase(reading.id);
    reading.done(std::move(result));
  }

  static Result<void> read_piece(const Tree& tree, Reading& reading) {
    const GetRequest& request = reading.request;
    if (!reading.object.file.is_open()) {
      SHOAL_TRY(reading.object, tree.open_object(request.key));
      const ObjectInfo& info = reading.object.info;
      const bool is_inside =
          request.offset <= info.size && request.length <= info.size - request.offset;
      const bool has_size = request.object_size == 0 || request.object_size == info.size;
      if (!is_inside || !has_size || (!request.if_match.empty() && request.if_match != info.etag))
        return fail(
            ErrorCode::precondition,
            tree.what("get", request.key) + ": the file was replaced: it has " +
                std::to_string(info.size) + " bytes and version " + info.etag,
            "The directory has changed since it was listed: run `shoal index build --rebuild`.");
    }
    reading.piece.resize(std::min(kPieceBytes, request.length - reading.delivered));
    return tree.read(reading.object, request.offset + reading.delivered, reading.piece);
  }

  std::shared_ptr<TreeCursor> take_cursor(const std::string& token) {
    const auto found = std::ranges::find(cursors_, token, &KeptCursor::token);
    if (token.empty() || found == cursors_.end())
      return std::shared_ptr<TreeCursor>(new TreeCursor(*tree_),
                                         [tree = tree_](TreeCursor* cursor) { delete cursor; });
    auto cursor = std::move(found->cursor);
    cursors_.erase(found);
    return cursor;
  }
  void keep_cursor(const std::string& token, std::shared_ptr<TreeCursor> cursor) {
    if (cursors_.size() == kCursorsKept) cursors_.pop_front();
    cursors_.push_back({token, std::move(cursor)});
  }

  struct KeptCursor {
    std::string token;
    std::shared_ptr<TreeCursor> cursor;
  };

  LoopExecutor& executor_;
  Executor& workers_;
  // Shared with the work under way, which may end after the store.
  std::shared_ptr<Tree> tree_;
  std::string name_;
  std::deque<KeptCursor> cursors_;
  std::uint64_t last_id_ = 0;
  std::shared_ptr<Readings> readings_;
  // Of the other calls under way; replaced by each cancel_all().
  std::shared_ptr<bool> is_cancelled_;
};

}  // namespace

std::unique_ptr<FileStore> make_file_store(LoopExecutor& executor, Executor* workers,
                                           const std::filesystem::path& directory) {
  return std::make_unique<DirectoryStore>(executor, workers, directory);
}

}  // namespace shoal::store
