// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "store/object_store.h"

namespace shoal::sim {

// Lets a wrapper own a store that somebody else keeps a hand on. confined as that store.
class BorrowedStore final : public store::ObjectStore {
 public:
  explicit BorrowedStore(store::ObjectStore& store) : store_(store) {}

  [[nodiscard]] const std::string& name() const override { return store_.name(); }
  store::CallId get(const store::GetRequest& request, store::BodySink& sink,
                    store::Done<void> done) override {
    return store_.get(request, sink, std::move(done));
  }
  void cancel(store::CallId call) override { store_.cancel(call); }
  void cancel_all() override { store_.cancel_all(); }

  void head(const std::string& key, store::Done<store::ObjectInfo> done) override {
    store_.head(key, std::move(done));
  }
  void list(const store::ListRequest& request, store::Done<store::ListPage> done) override {
    store_.list(request, std::move(done));
  }
  void put(const store::PutRequest& request, store::Done<store::PutResult> done) override {
    store_.put(request, std::move(done));
  }
  void create_upload(const std::string& key, const std::string& content_type,
                     store::Done<store::UploadId> done) override {
    store_.create_upload(key, content_type, std::move(done));
  }
  void upload_part(const store::UploadId& upload, std::uint32_t number, ByteSpan body,
                   const store::BodyChecks& checks,
                   store::Done<store::UploadedPart> done) override {
    store_.upload_part(upload, number, body, checks, std::move(done));
  }
  void complete_upload(const store::CompleteRequest& request,
                       store::Done<store::PutResult> done) override {
    store_.complete_upload(request, std::move(done));
  }
  void abort_upload(const store::UploadId& upload, store::Done<void> done) override {
    store_.abort_upload(upload, std::move(done));
  }
  void list_uploads(const store::ListUploadsRequest& request,
                    store::Done<store::UploadsPage> done) override {
    store_.list_uploads(request, std::move(done));
  }
  void append(const std::string& key, std::uint64_t position, ByteSpan body,
              const store::BodyChecks& checks, store::Done<store::AppendResult> done) override {
    store_.append(key, position, body, checks, std::move(done));
  }
  void remove(const std::string& key, store::Done<void> done) override {
    store_.remove(key, std::move(done));
  }
  void copy(const std::string& source, const std::string& target,
            store::Done<store::PutResult> done) override {
    store_.copy(source, target, std::move(done));
  }

 private:
  store::ObjectStore& store_;
};

}  // namespace shoal::sim
