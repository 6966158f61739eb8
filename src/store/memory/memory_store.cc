// SPDX-License-Identifier: Apache-2.0
#include "store/memory/memory_store.h"

#include <algorithm>
#include <utility>

#include "store/encoding.h"
#include "store/paging.h"
#include "store/write_checks.h"

namespace shoal::store {

struct MemoryStore::Waiting {
  std::uint64_t last_id = 0;
  std::map<std::uint64_t, Finish> calls;
  std::uint64_t running = 0;  // the call whose sink is being fed

  void finish(std::uint64_t id, const Error* given_up) {
    const auto found = calls.find(id);
    if (found == calls.end()) return;
    Finish call = std::move(found->second);
    calls.erase(found);
    const std::uint64_t outer = std::exchange(running, id);  // a sink may give up another call
    call(given_up);
    running = outer;
  }
};

class MemoryStore::Cursor final : public KeyCursor {
 public:
  explicit Cursor(const std::map<std::string, Object>& objects)
      : objects_(objects), position_(objects.begin()) {}
  Result<void> seek(const std::string& from) override {
    position_ = objects_.lower_bound(from);
    return {};
  }
  Result<std::optional<ObjectInfo>> next() override {
    if (position_ == objects_.end()) return std::nullopt;
    const auto& [key, object] = *position_++;
    return ObjectInfo{key, object.content.size(), object.mtime, object.etag, {}};
  }

 private:
  const std::map<std::string, Object>& objects_;
  std::map<std::string, Object>::const_iterator position_;
};

MemoryStore::MemoryStore(LoopExecutor& executor, std::string name)
    : executor_(executor), name_(std::move(name)), waiting_(std::make_shared<Waiting>()) {}

MemoryStore::~MemoryStore() {
  cancel_all();
}

ETag MemoryStore::add(const std::string& key, std::string content, std::int64_t mtime) {
  ETag etag = hex(md5(content));
  objects_[key] = Object{std::move(content), mtime, etag, {}};
  return etag;
}

void MemoryStore::erase(const std::string& key) {
  objects_.erase(key);
}

const std::string* MemoryStore::find(const std::string& key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : &found->second.content;
}

std::string MemoryStore::content_type_of(const std::string& key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? std::string() : found->second.content_type;
}

// Runs `work` in a later task, or gives it up; either way `done` runs once, on the executor.
template <typename T>
CallId MemoryStore::answer(const char* doing, const std::string& key,
                           std::move_only_function<Result<T>()> work, Done<T> done) {
  counts_.in_flight_max = std::max(counts_.in_flight_max, ++counts_.in_flight);
  const std::uint64_t id = ++waiting_->last_id;
  std::string what = std::string(doing) + " " + name_ + "/" + key;
  waiting_->calls.emplace(id, [this, what = std::move(what), work = std::move(work),
                               done = std::move(done)](const Error* given_up) mutable {
    --counts_.in_flight;
    if (given_up != nullptr) {
      // From inside cancel_all(): `done` must not run on its caller's stack.
      executor_.post([done = std::move(done), error = *given_up, what = std::move(what)]() mutable {
        done(fail(std::move(error).with_context(what)));
      });
      return;
    }
    if (!bucket_exists_) {
      done(fail(ErrorCode::not_found, what + ": bucket " + name_ + " does not exist"));
      return;
    }
    done(work());
  });
  auto task = [waiting = std::weak_ptr(waiting_), id] {
    if (const auto alive = waiting.lock()) alive->finish(id, nullptr);
  };
  executor_.post(std::move(task));
  return CallId{id};
}

void MemoryStore::cancel(CallId call) {
  const Error error(ErrorCode::canceled, "given up by the caller");
  if (call.value == waiting_->running) waiting_->running = 0;  // deliver() looks at it
  waiting_->finish(call.value, &error);
}

void MemoryStore::cancel_all() {
  const Error error(ErrorCode::canceled, "given up by the caller");
  while (!waiting_->calls.empty()) waiting_->finish(waiting_->calls.begin()->first, &error);
}

Result<const MemoryStore::Object*> MemoryStore::lookup(const char* doing,
                                                       const std::string& key) const {
  SHOAL_CHECK_OK(check_key(name_, key));
  const auto found = objects_.find(key);
  if (found == objects_.end())
    return fail(ErrorCode::not_found,
                std::string(doing) + " " + name_ + "/" + key + ": no such object");
  return &found->second;
}

void MemoryStore::head(const std::string& key, Done<ObjectInfo> done) {
  ++counts_.head;
  answer<ObjectInfo>(
      "head", key,
      [this, key]() -> Result<ObjectInfo> {
        SHOAL_TRY(const Object* object, lookup("head", key));
        return ObjectInfo{key, object->content.size(), object->mtime, object->etag, {}};
      },
      std::move(done));
}

CallId MemoryStore::get(const GetRequest& request, BodySink& sink, Done<void> done) {
  ++counts_.get;
  return answer<void>(
      "get", request.key, [this, request, &sink] { return deliver(request, sink); },
      std::move(done));
}

Result<void> MemoryStore::deliver(const GetRequest& request, BodySink& sink) {
  SHOAL_CHECK_OK(check_key(name_, request.key));
  if (request.length == 0) return {};
  SHOAL_TRY(const Object* object, lookup("get", request.key));
  const std::string what = "get " + name_ + "/" + request.key;
  if (!request.if_match.empty() && request.if_match != object->etag)
    return fail(ErrorCode::precondition, what + ": the object was replaced: its version is " +
                                             object->etag + ", not " + request.if_match);
  const std::uint64_t size = object->content.size();
  if (request.object_size != 0 && request.object_size != size)
    return fail(ErrorCode::precondition, what + ": the object was replaced: it has " +
                                             std::to_string(size) + " bytes, not " +
                                             std::to_string(request.object_size));
  if (request.offset > size || request.length > size - request.offset)
    return fail(ErrorCode::precondition,
                what + ": the range is outside the object of " + std::to_string(size) + " bytes");
  // A copy: the sink may change the object it is reading.
  const std::string content = object->content.substr(request.offset, request.length);
  const std::uint64_t piece = piece_bytes_ == 0 ? content.size() : piece_bytes_;
  const auto waiting = waiting_;
  for (std::uint64_t at = 0; at < content.size(); at += piece) {
    const auto bytes = as_bytes(content).subspan(at, std::min(piece, content.size() - at));
    counts_.get_bytes += bytes.size();
    SHOAL_CHECK_OK(sink.on_bytes(bytes));
    if (waiting->running == 0) return fail(ErrorCode::canceled, what + ": given up by the caller");
  }
  return {};
}

void MemoryStore::list(const ListRequest& request, Done<ListPage> done) {
  ++counts_.list;
  answer<ListPage>(
      "list", request.prefix,
      [this, request] {
        Cursor cursor(objects_);
        return make_page(request, cursor);
      },
      std::move(done));
}

std::int64_t MemoryStore::seconds_now() const {
  const auto now = std::chrono::floor<std::chrono::seconds>(executor_.clock().wall_now());
  return now.time_since_epoch().count();
}

Result<PutResult> MemoryStore::store(const std::string& key, std::string content,
                                     std::string content_type) {
  SHOAL_CHECK_OK(check_key(name_, key));
  PutResult result{add(key, std::move(content), seconds_now())};
  objects_[key].content_type = std::move(content_type);
  return result;
}

const ETag* MemoryStore::version_of(const std::string& key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : &found->second.etag;
}

void MemoryStore::put(const PutRequest& request, Done<PutResult> done) {
  ++counts_.put;
  answer<PutResult>(
      "put", request.key,
      [this, request]() -> Result<PutResult> {
        const std::string what = "put " + name_ + "/" + request.key;
        SHOAL_CHECK_OK(check_body(what, request.body, request.checks));
        SHOAL_CHECK_OK(check_condition(what, request.condition, version_of(request.key)));
        return store(request.key, std::string(as_text(request.body)), request.content_type);
      },
      std::move(done));
}

void MemoryStore::create_upload(const std::string& key, const std::string& content_type,
                                Done<UploadId> done) {
  ++counts_.create_upload;
  answer<UploadId>(
      "create upload of", key,
      [this, key, content_type]() -> Result<UploadId> {
        SHOAL_CHECK_OK(check_key(name_, key));
        std::string id = "upload-" + std::to_string(++uploads_made_);
        uploads_[id] = {
            .key = key, .content_type = content_type, .initiated = seconds_now(), .parts = {}};
        return UploadId{key, std::move(id)};
      },
      std::move(done));
}

void MemoryStore::upload_part(const UploadId& upload, std::uint32_t number, ByteSpan body,
                              const BodyChecks& checks, Done<UploadedPart> done) {
  ++counts_.upload_part;
  answer<UploadedPart>(
      "upload part of", upload.key,
      [this, upload, number, body, checks]() -> Result<UploadedPart> {
        const std::string what = "upload part of " + name_ + "/" + upload.key;
        const auto found = uploads_.find(upload.id);
        if (found == uploads_.end() || found->second.key != upload.key)
          return fail(ErrorCode::not_found, what + ": there is no upload " + upload.id);
        if (number < 1 || number > 10'000)
          return fail(ErrorCode::bad_input,
                      what + ": part number " + std::to_string(number) + " is not 1 to 10,000");
        SHOAL_CHECK_OK(check_body(what, body, checks));
        std::string& part = found->second.parts[number];
        part = as_text(body);
        return UploadedPart{number, hex(md5(part))};
      },
      std::move(done));
}

void MemoryStore::complete_upload(const CompleteRequest& request, Done<PutResult> done) {
  ++counts_.complete_upload;
  answer<PutResult>(
      "complete upload of", request.upload.key, [this, request] { return complete(request); },
      std::move(done));
}

Result<PutResult> MemoryStore::complete(const CompleteRequest& request) {
  const UploadId& upload = request.upload;
  const std::string what = "complete upload of " + name_ + "/" + upload.key;
  const auto found = uploads_.find(upload.id);
  if (found == uploads_.end() || found->second.key != upload.key)
    return fail(ErrorCode::not_found, what + ": there is no upload " + upload.id);
  if (request.parts.empty()) return fail(ErrorCode::bad_input, what + ": it has no parts");
  SHOAL_CHECK_OK(check_condition(what, request.condition, version_of(upload.key)));
  std::string content;
  std::string digests;
  std::uint32_t last = 0;
  for (const auto& part : request.parts) {
    const auto stored = found->second.parts.find(part.number);
    if (part.number <= last || stored == found->second.parts.end() ||
        hex(md5(stored->second)) != part.etag)
      return fail(ErrorCode::bad_input, what + ": part " + std::to_string(part.number) +
                                            " is missing, out of order or of another version");
    last = part.number;
    content += stored->second;
    digests += md5(stored->second);
  }
  SHOAL_CHECK_OK(check_body(what, as_bytes(content), {.crc64 = request.crc64}));
  SHOAL_TRY(PutResult result, store(upload.key, std::move(content), found->second.content_type));
  result.etag = hex(md5(digests)) + "-" + std::to_string(request.parts.size());
  objects_[upload.key].etag = result.etag;
  uploads_.erase(found);
  return result;
}

void MemoryStore::list_uploads(const ListUploadsRequest& request, Done<UploadsPage> done) {
  ++counts_.list_uploads;
  answer<UploadsPage>(
      "list uploads of", request.prefix,
      [this, request]() -> Result<UploadsPage> { return page_of_uploads(request); },
      std::move(done));
}

UploadsPage MemoryStore::page_of_uploads(const ListUploadsRequest& request) const {
  std::vector<UploadInfo> uploads;
  for (const auto& [id, upload] : uploads_)
    uploads.push_back({.upload = {upload.key, id}, .initiated = upload.initiated});
  return make_uploads_page(request, std::move(uploads));
}

void MemoryStore::abort_upload(const UploadId& upload, Done<void> done) {
  ++counts_.abort_upload;
  answer<void>(
      "abort upload of", upload.key,
      [this, id = upload.id]() -> Result<void> {
        uploads_.erase(id);
        return {};
      },
      std::move(done));
}

void MemoryStore::append(const std::string& key, std::uint64_t position, ByteSpan body,
                         const BodyChecks& checks, Done<AppendResult> done) {
  ++counts_.append;
  answer<AppendResult>(
      "append to", key,
      [this, key, position, body, checks]() -> Result<AppendResult> {
        const std::string what = "append to " + name_ + "/" + key;
        SHOAL_CHECK_OK(check_body(what, body, checks));
        const std::string* found = find(key);
        std::string content = found == nullptr ? std::string() : *found;
        if (position != content.size())
          return fail(ErrorCode::precondition, what + ": the object has " +
                                                   std::to_string(content.size()) + " bytes, not " +
                                                   std::to_string(position));
        content += as_text(body);
        const std::uint64_t size = content.size();
        SHOAL_CHECK_OK(store(key, std::move(content)));
        return AppendResult{size};
      },
      std::move(done));
}

void MemoryStore::remove(const std::string& key, Done<void> done) {
  ++counts_.remove;
  answer<void>(
      "remove", key,
      [this, key]() -> Result<void> {
        SHOAL_CHECK_OK(check_key(name_, key));
        objects_.erase(key);
        return {};
      },
      std::move(done));
}

void MemoryStore::copy(const std::string& source, const std::string& target, Done<PutResult> done) {
  ++counts_.copy;
  answer<PutResult>(
      "copy", source,
      [this, source, target]() -> Result<PutResult> {
        SHOAL_TRY(const Object* object, lookup("copy", source));
        return store(target, object->content);
      },
      std::move(done));
}

}  // namespace shoal::store
