// SPDX-License-Identifier: Apache-2.0
#include "index/rocks_index.h"
#include "index/status.h"

namespace shoal::index {
namespace {

// First key behind a path and everything below it. Both begin with the path's key, followed by
// nothing or by a zero byte; the next possible key goes on with a one byte.
std::string key_behind(std::string_view path) {
  return format::walk_key(path) + '\x01';
}

class RocksCursor final : public Cursor {
 public:
  RocksCursor(const Database& database, std::string_view path)
      : end_(path.empty() ? std::string() : key_behind(path)),
        end_slice_(end_),
        doing_(database.describe("walk", Family::objects)),
        iterator_(database.scan(Family::objects, path.empty() ? nullptr : &end_slice_)) {
    iterator_->Seek(format::walk_key(path));
  }

  Result<bool> next(Entry& entry) override {
    if (on_returned_) iterator_->Next();
    on_returned_ = false;
    if (!iterator_->Valid()) {
      SHOAL_CHECK_OK(check(iterator_->status(), doing_));
      return false;
    }
    auto decoded = format::decode_into(iterator_->value().ToStringView(), entry.record);
    if (!decoded) return fail(std::move(decoded).error().with_context(doing_));
    format::assign_path(iterator_->key().ToStringView(), entry.path);
    if (entry.path.ends_with('/')) entry.path.pop_back();
    on_returned_ = true;
    return true;
  }

  Result<void> skip_directory(std::string_view path) override {
    iterator_->Seek(key_behind(trim_slashes(path)));
    on_returned_ = false;
    return check(iterator_->status(), doing_);
  }

 private:
  const std::string end_;
  const rocksdb::Slice end_slice_;  // borrowed by iterator_
  const std::string doing_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  bool on_returned_ = false;  // the iterator still stands on what next() returned
};

}  // namespace

std::unique_ptr<Cursor> make_cursor(const Database& database, std::string_view path) {
  return std::make_unique<RocksCursor>(database, path);
}

}  // namespace shoal::index
