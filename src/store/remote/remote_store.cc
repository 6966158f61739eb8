// SPDX-License-Identifier: Apache-2.0
#include "store/remote/remote_store.h"

#include <charconv>

#include "base/limits.h"
#include "store/encoding.h"
#include "store/list_page.h"
#include "store/paging.h"
#include "store/remote/client.h"
#include "store/remote/write_answer.h"
#include "store/uploads_page.h"
#include "store/xml.h"

namespace shoal::store {
namespace {

std::string quoted(const ETag& etag) {
  return "\"" + etag + "\"";
}

class RemoteStore final : public ObjectStore {
 public:
  RemoteStore(LoopExecutor& executor, http::Transport& transport, Executor* parser, Service service,
              StoreCounters* counters)
      : executor_(executor),
        parser_(parser == nullptr ? executor : *parser),
        client_(std::make_shared<Client>(executor, transport, std::move(service), counters)),
        is_cancelled_(std::make_shared<bool>(false)) {}
  ~RemoteStore() override { cancel_all(); }

  const std::string& name() const override { return client_->name(); }
  void head(const std::string& key, Done<ObjectInfo> done) override;
  CallId get(const GetRequest& request, BodySink& sink, Done<void> done) override;
  void cancel(CallId call) override { client_->cancel(call); }
  void list(const ListRequest& request, Done<ListPage> done) override;
  void put(const PutRequest& request, Done<PutResult> done) override;
  void create_upload(const std::string& key, const std::string& content_type,
                     Done<UploadId> done) override;
  void upload_part(const UploadId& upload, std::uint32_t number, ByteSpan body,
                   const BodyChecks& checks, Done<UploadedPart> done) override;
  void complete_upload(const CompleteRequest& request, Done<PutResult> done) override;
  void abort_upload(const UploadId& upload, Done<void> done) override;
  void list_uploads(const ListUploadsRequest& request, Done<UploadsPage> done) override;
  void append(const std::string& key, std::uint64_t position, ByteSpan body,
              const BodyChecks& checks, Done<AppendResult> done) override;
  void remove(const std::string& key, Done<void> done) override;
  void copy(const std::string& source, const std::string& target, Done<PutResult> done) override;
  void cancel_all() override;

 private:
  // Refuses a key no service takes, in a later task; true when it did.
  template <typename T>
  bool refuse_key(const std::string& key, Done<T>& done);
  // Likewise a condition this service does not know.
  template <typename T>
  bool refuse_condition(const std::string& key, const WriteCondition& condition, Done<T>& done);
  template <typename T>
  void answer_later(Result<T> result, Done<T> done);
  void add_condition(Call& call, const WriteCondition& condition) const;
  // Runs a write whose answer must agree with the checks, and makes the result of it.
  template <typename T, typename Make>
  void run_checked(Call call, const BodyChecks& checks, Done<T> done, Make make);
  void parse_page(Answer answer, Done<ListPage> done);

  LoopExecutor& executor_;
  Executor& parser_;
  std::shared_ptr<Client> client_;
  // Of the pages being parsed, which the client knows no more; replaced by each cancel_all().
  std::shared_ptr<bool> is_cancelled_;
};

std::string what_of(const Client& client, const Call& call) {
  return call.doing + " " + client.name() + "/" + call.key;
}

// The answer of complete and copy, which come with 200 and may still be refusals: the service sends
// the status before it does the work.
Result<PutResult> late_answer(const Client& client, const Call& call, const Answer& answer) {
  const auto leaves = read_leaves(as_bytes(answer.body));
  if (leaves && leaves->root == "Error")
    return fail(client.refused(call, answer.head, answer.body));
  if (!leaves)
    return fail(Error(ErrorCode::unavailable,
                      call.doing + " " + client.name() + "/" + call.key +
                          ": the answer stopped early or is not XML: " + leaves.error().message())
                    .with_retry(Retry::unknown_effect));
  ETag etag(leaves->text("ETag"));
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"')
    etag = etag.substr(1, etag.size() - 2);
  return PutResult{std::move(etag)};
}

template <typename T>
void RemoteStore::answer_later(Result<T> result, Done<T> done) {
  executor_.post(
      [result = std::move(result), done = std::move(done)]() mutable { done(std::move(result)); });
}

template <typename T>
bool RemoteStore::refuse_key(const std::string& key, Done<T>& done) {
  auto checked = check_key(name(), key);
  if (checked) return false;
  answer_later<T>(fail(std::move(checked).error()), std::move(done));
  return true;
}

template <typename T>
bool RemoteStore::refuse_condition(const std::string& key, const WriteCondition& condition,
                                   Done<T>& done) {
  if (condition.if_match.empty() || client_->words().can_write_if_match) return false;
  answer_later<T>(
      fail(ErrorCode::unsupported,
           "write " + name() + "/" + key + ": OSS cannot make a write depend on a version",
           "Write without --if-match, or let OSS keep versions of the bucket's objects."),
      std::move(done));
  return true;
}

void RemoteStore::add_condition(Call& call, const WriteCondition& condition) const {
  call.condition = condition;
  if (condition.if_absent) call.headers.push_back(client_->words().if_absent);
  if (!condition.if_match.empty())
    call.headers.emplace_back("If-Match", quoted(condition.if_match));
}

template <typename T, typename Make>
void RemoteStore::run_checked(Call call, const BodyChecks& checks, Done<T> done, Make make) {
  Call about{.doing = call.doing, .method = call.method, .key = call.key};
  about.condition = call.condition;
  client_->run(std::move(call), [client = client_, about = std::move(about), checks, make,
                                 done = std::move(done)](Result<Answer> answer) mutable {
    if (!answer) return done(fail(std::move(answer).error()));
    auto checked = check_answer(what_of(*client, about), about, checks, answer->head);
    if (!checked) return done(fail(std::move(checked).error()));
    done(make(*answer));
  });
}

Result<ObjectInfo> read_head(const std::string& what, const std::string& key,
                             const ServiceWords& words, const http::ResponseHead& head) {
  ObjectInfo info;
  info.key = key;
  const std::string_view length = head.header("Content-Length");
  const char* end = length.data() + length.size();
  const auto [parsed, error] = std::from_chars(length.data(), end, info.size);
  const auto modified = parse_http_date(head.header("Last-Modified"));
  if (length.empty() || error != std::errc() || parsed != end || !modified)
    return fail(ErrorCode::corrupt, what + ": the answer lacks Content-Length or Last-Modified",
                "The endpoint, or a proxy before it, does not answer HEAD as S3 does.");
  info.mtime = std::chrono::floor<std::chrono::seconds>(*modified).time_since_epoch().count();
  info.etag = etag_of(head);
  const std::string_view storage_class = head.header(words.storage_class_header);
  if (storage_class != "STANDARD" && storage_class != "Standard")
    info.storage_class = storage_class;
  return info;
}

void RemoteStore::head(const std::string& key, Done<ObjectInfo> done) {
  if (refuse_key(key, done)) return;
  Call call{.doing = "head", .kind = RequestKind::head, .method = http::Method::head, .key = key};
  call.deadline = limits::kIoTimeoutDefault;
  client_->run(std::move(call), [client = client_, key,
                                 done = std::move(done)](Result<Answer> answer) mutable {
    if (!answer) return done(fail(std::move(answer).error()));
    done(read_head("head " + client->name() + "/" + key, key, client->words(), answer->head));
  });
}

CallId RemoteStore::get(const GetRequest& request, BodySink& sink, Done<void> done) {
  if (refuse_key(request.key, done)) return client_->unused_id();
  if (request.length == 0) {
    answer_later<void>({}, std::move(done));
    return client_->unused_id();
  }
  Call call{
      .doing = "get", .kind = RequestKind::get, .method = http::Method::get, .key = request.key};
  const bool is_whole = request.offset == 0 && request.object_size == request.length;
  if (!is_whole) {
    call.headers.emplace_back("Range", "bytes=" + std::to_string(request.offset) + "-" +
                                           std::to_string(request.offset + request.length - 1));
    if (client_->words().with_range) call.headers.push_back(*client_->words().with_range);
  }
  if (!request.if_match.empty()) call.headers.emplace_back("If-Match", quoted(request.if_match));
  call.deadline =
      request.deadline > Duration::zero() ? request.deadline : limits::kIoTimeoutDefault;
  call.sink = &sink;
  call.offset = request.offset;
  call.length = request.length;
  call.object_size = request.object_size;
  call.if_match = request.if_match;
  call.attempt = request.attempt;
  return client_->run(std::move(call), [done = std::move(done)](Result<Answer> answer) mutable {
    if (!answer) return done(fail(std::move(answer).error()));
    done({});
  });
}

void RemoteStore::list(const ListRequest& request, Done<ListPage> done) {
  if (request.keys_max < 1 || request.keys_max > limits::kListPageKeys)
    return answer_later<ListPage>(
        fail(ErrorCode::bad_input,
             "list: keys_max is " + std::to_string(request.keys_max) + ", not 1 to 1000"),
        std::move(done));
  Call call{.doing = "list", .kind = RequestKind::list, .method = http::Method::get, .key = {}};
  call.query.emplace_back("list-type", "2");
  call.query.emplace_back("encoding-type", "url");
  call.query.emplace_back("max-keys", std::to_string(request.keys_max));
  if (!request.prefix.empty()) call.query.emplace_back("prefix", request.prefix);
  if (request.by_directory) call.query.emplace_back("delimiter", "/");
  if (!request.token.empty())
    call.query.emplace_back("continuation-token", request.token);
  else if (!request.start_after.empty())
    call.query.emplace_back("start-after", request.start_after);
  call.deadline = limits::kIoTimeoutDefault;
  client_->run(std::move(call), [this, client = client_, is_cancelled = is_cancelled_,
                                 done = std::move(done)](Result<Answer> answer) mutable {
    // A cancelled or failed call never looks at `this`, which may be gone.
    if (!answer) return done(fail(std::move(answer).error()));
    if (*is_cancelled)
      return done(fail(ErrorCode::canceled, "list " + client->name() + ": given up by the caller"));
    parse_page(std::move(*answer), std::move(done));
  });
}

// Reads the page on the parser, which takes milliseconds for 1000 keys, and answers on the
// executor.
void RemoteStore::parse_page(Answer answer, Done<ListPage> done) {
  const ListPageForm form{.tokens_encoded = client_->words().tokens_encoded};
  const std::string what = "list " + name() + " at " + client_->address().host();
  parser_.post([&executor = executor_, form, what, is_cancelled = is_cancelled_,
                answer = std::move(answer), done = std::move(done)]() mutable {
    auto page = parse_list_page(as_bytes(answer.body), form);
    executor.post([page = std::move(page), what, is_cancelled, done = std::move(done)]() mutable {
      if (*is_cancelled) return done(fail(ErrorCode::canceled, what + ": given up by the caller"));
      if (!page) {
        Error error = std::move(page).error();
        std::string remedy =
            error.remedy().empty() ? "Is this an S3 or OSS endpoint?" : error.remedy();
        return done(fail(std::move(error).with_context(what).with_remedy(std::move(remedy))));
      }
      done(std::move(page));
    });
  });
}

void RemoteStore::put(const PutRequest& request, Done<PutResult> done) {
  if (refuse_key(request.key, done)) return;
  Call call{
      .doing = "put", .kind = RequestKind::put, .method = http::Method::put, .key = request.key};
  if (refuse_condition(request.key, request.condition, done)) return;
  call.body = request.body;
  add_condition(call, request.condition);
  add_checks(call, request.checks);
  if (!request.content_type.empty())
    call.headers.emplace_back("Content-Type", request.content_type);
  run_checked<PutResult>(std::move(call), request.checks, std::move(done),
                         [](const Answer& answer) { return PutResult{etag_of(answer.head)}; });
}

void RemoteStore::create_upload(const std::string& key, const std::string& content_type,
                                Done<UploadId> done) {
  if (refuse_key(key, done)) return;
  Call call{.doing = "create upload of",
            .kind = RequestKind::create_upload,
            .method = http::Method::post,
            .key = key};
  call.query.emplace_back("uploads", "");
  if (!content_type.empty()) call.headers.emplace_back("Content-Type", content_type);
  call.deadline = limits::kIoTimeoutDefault;
  client_->run(std::move(call),
               [client = client_, key, done = std::move(done)](Result<Answer> answer) mutable {
                 if (!answer) return done(fail(std::move(answer).error()));
                 const auto leaves = read_leaves(as_bytes(answer->body));
                 if (!leaves || leaves->text("UploadId").empty())
                   return done(fail(ErrorCode::corrupt, "create upload of " + client->name() + "/" +
                                                            key + ": the answer names no upload"));
                 done(UploadId{key, std::string(leaves->text("UploadId"))});
               });
}

void RemoteStore::upload_part(const UploadId& upload, std::uint32_t number, ByteSpan body,
                              const BodyChecks& checks, Done<UploadedPart> done) {
  if (refuse_key(upload.key, done)) return;
  Call call{.doing = "upload part of",
            .kind = RequestKind::upload_part,
            .method = http::Method::put,
            .key = upload.key};
  call.query.emplace_back("partNumber", std::to_string(number));
  call.query.emplace_back("uploadId", upload.id);
  call.body = body;
  add_checks(call, checks);
  run_checked<UploadedPart>(std::move(call), checks, std::move(done),
                            [number](const Answer& answer) {
                              return UploadedPart{number, etag_of(answer.head)};
                            });
}

void RemoteStore::complete_upload(const CompleteRequest& request, Done<PutResult> done) {
  const UploadId& upload = request.upload;
  if (refuse_key(upload.key, done)) return;
  if (refuse_condition(upload.key, request.condition, done)) return;
  auto text = std::make_shared<std::string>("<CompleteMultipartUpload>");
  for (const auto& part : request.parts)
    *text += "<Part><PartNumber>" + std::to_string(part.number) + "</PartNumber><ETag>&quot;" +
             part.etag + "&quot;</ETag></Part>";
  *text += "</CompleteMultipartUpload>";
  Call call{.doing = "complete upload of",
            .kind = RequestKind::complete_upload,
            .method = http::Method::post,
            .key = upload.key};
  call.query.emplace_back("uploadId", upload.id);
  call.headers.emplace_back("Content-Type", "application/xml");
  add_condition(call, request.condition);
  call.body = as_bytes(*text);
  Call about = call;
  client_->run(
      std::move(call), [client = client_, about = std::move(about), text, crc64 = request.crc64,
                        done = std::move(done)](Result<Answer> answer) mutable {
        if (!answer) return done(fail(std::move(answer).error()));
        auto made = late_answer(*client, about, *answer);
        if (made && crc64)
          if (auto checked = check_crc64(what_of(*client, about), *crc64, answer->head); !checked)
            return done(fail(std::move(checked).error()));
        done(std::move(made));
      });
}

void RemoteStore::abort_upload(const UploadId& upload, Done<void> done) {
  if (refuse_key(upload.key, done)) return;
  Call call{.doing = "abort upload of",
            .kind = RequestKind::abort_upload,
            .method = http::Method::del,
            .key = upload.key};
  call.query.emplace_back("uploadId", upload.id);
  call.deadline = limits::kIoTimeoutDefault;
  client_->run(std::move(call), [done = std::move(done)](Result<Answer> answer) mutable {
    // An upload that is gone is what the caller wants.
    if (!answer && answer.error().code() != ErrorCode::not_found)
      return done(fail(std::move(answer).error()));
    done({});
  });
}

void RemoteStore::list_uploads(const ListUploadsRequest& request, Done<UploadsPage> done) {
  Call call{.doing = "list uploads of",
            .kind = RequestKind::list_uploads,
            .method = http::Method::get,
            .key = {}};
  call.query.emplace_back("uploads", "");
  call.query.emplace_back("encoding-type", "url");
  call.query.emplace_back("max-uploads", std::to_string(limits::kListPageKeys));
  if (!request.prefix.empty()) call.query.emplace_back("prefix", request.prefix);
  if (!request.key_marker.empty()) call.query.emplace_back("key-marker", request.key_marker);
  if (!request.id_marker.empty()) call.query.emplace_back("upload-id-marker", request.id_marker);
  call.deadline = limits::kIoTimeoutDefault;
  client_->run(std::move(call),
               [client = client_, done = std::move(done)](Result<Answer> answer) mutable {
                 if (!answer) return done(fail(std::move(answer).error()));
                 auto page = parse_uploads_page(as_bytes(answer->body));
                 if (page) return done(std::move(page));
                 done(fail(std::move(page)
                               .error()
                               .with_context("list uploads of " + client->name() + " at " +
                                             client->address().host())
                               .with_remedy("Is this an S3 or OSS endpoint?")));
               });
}

void RemoteStore::append(const std::string& key, std::uint64_t position, ByteSpan body,
                         const BodyChecks& checks, Done<AppendResult> done) {
  if (!client_->words().can_append)
    return answer_later<AppendResult>(
        fail(ErrorCode::unsupported, "append to " + name() + "/" + key + ": S3 has no append",
             "Write the object anew, or use OSS."),
        std::move(done));
  if (refuse_key(key, done)) return;
  Call call{
      .doing = "append to", .kind = RequestKind::append, .method = http::Method::post, .key = key};
  call.query.emplace_back("append", "");
  call.query.emplace_back("position", std::to_string(position));
  call.body = body;
  add_checks(call, checks);
  // The answer's CRC-64 is of the whole object, which only the first append knows. Its ETag is no
  // sum.
  const auto crc64 = position == 0 ? checks.crc64 : std::nullopt;
  const std::uint64_t expected = position + body.size();
  client_->run(std::move(call), [client = client_, key, crc64, expected,
                                 done = std::move(done)](Result<Answer> answer) mutable {
    if (!answer) return done(fail(std::move(answer).error()));
    if (crc64)
      if (auto checked =
              check_crc64("append to " + client->name() + "/" + key, *crc64, answer->head);
          !checked)
        return done(fail(std::move(checked).error()));
    done(AppendResult{expected});
  });
}

void RemoteStore::remove(const std::string& key, Done<void> done) {
  if (refuse_key(key, done)) return;
  Call call{
      .doing = "remove", .kind = RequestKind::remove, .method = http::Method::del, .key = key};
  call.deadline = limits::kIoTimeoutDefault;
  client_->run(std::move(call), [done = std::move(done)](Result<Answer> answer) mutable {
    if (!answer) return done(fail(std::move(answer).error()));
    done({});
  });
}

void RemoteStore::copy(const std::string& source, const std::string& target, Done<PutResult> done) {
  if (refuse_key(source, done) || refuse_key(target, done)) return;
  Call call{.doing = "copy", .kind = RequestKind::copy, .method = http::Method::put, .key = target};
  call.doing = "copy " + source + " to";
  call.headers.emplace_back(
      client_->words().copy_source_header,
      "/" + client_->address().bucket() + "/" + percent_encode(source, /*keep_slash=*/true));
  Call about = call;
  client_->run(std::move(call), [client = client_, about = std::move(about),
                                 done = std::move(done)](Result<Answer> answer) mutable {
    if (!answer) return done(fail(std::move(answer).error()));
    done(late_answer(*client, about, *answer));
  });
}

void RemoteStore::cancel_all() {
  *is_cancelled_ = true;
  is_cancelled_ = std::make_shared<bool>(false);
  client_->cancel_all();
}

}  // namespace

std::unique_ptr<ObjectStore> make_remote_store(LoopExecutor& executor, http::Transport& transport,
                                               Executor* parser, Service service,
                                               StoreCounters* counters) {
  return std::make_unique<RemoteStore>(executor, transport, parser, std::move(service), counters);
}

}  // namespace shoal::store
