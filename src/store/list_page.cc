// SPDX-License-Identifier: Apache-2.0
#include "store/list_page.h"

#include <charconv>

#include "store/encoding.h"
#include "store/xml.h"

namespace shoal::store {
namespace {

// Collects one page; names stay encoded until the whole page is read, because a service may say how
// they are encoded behind them.
class PageReader final : public XmlVisitor {
 public:
  Result<void> on_open(int depth, std::string_view name) override {
    if (depth == 0 && name != "ListBucketResult" && name != "ListBucketV2Result")
      return fail(ErrorCode::corrupt,
                  "the answer is a <" + std::string(name.substr(0, 60)) + ">, not a list page");
    if (depth == 1) {
      in_object_ = name == "Contents";
      in_prefix_ = name == "CommonPrefixes";
      if (in_object_) page_.objects.emplace_back();
    }
    return {};
  }

  Result<void> on_close(int depth, std::string_view name, std::string text) override {
    if (depth == 1) return on_field(name, std::move(text));
    if (depth != 2) return {};
    if (in_object_) return on_object_field(page_.objects.back(), name, std::move(text));
    if (in_prefix_ && name == "Prefix") page_.common_prefixes.push_back(std::move(text));
    return {};
  }

  Result<ListPage> finish(const ListPageForm& form) {
    if (url_encoded_) decode(form);
    SHOAL_CHECK_OK(check_order());
    if (truncated_.empty())
      return fail(ErrorCode::corrupt, "the list page does not say IsTruncated");
    if (truncated_ == "true") {
      if (token_.empty())
        return fail(ErrorCode::corrupt,
                    "the list page is truncated and gives no continuation token");
      page_.next_token = std::move(token_);
    }
    return std::move(page_);
  }

 private:
  Result<void> on_field(std::string_view name, std::string text) {
    if (name == "IsTruncated") {
      if (text != "true" && text != "false")
        return fail(ErrorCode::corrupt, "the list page's IsTruncated is neither true nor false");
      truncated_ = std::move(text);
    } else if (name == "NextContinuationToken") {
      token_ = std::move(text);
    } else if (name == "EncodingType") {
      url_encoded_ = text == "url";
    }
    return {};
  }

  static Result<void> on_object_field(ObjectInfo& object, std::string_view name, std::string text) {
    if (name == "Key") {
      object.key = std::move(text);
    } else if (name == "Size") {
      const char* end = text.data() + text.size();
      const auto [parsed, error] = std::from_chars(text.data(), end, object.size);
      if (error != std::errc() || parsed != end)
        return fail(ErrorCode::corrupt, "the list page has a size that is no number");
    } else if (name == "LastModified") {
      const auto time = parse_iso_date(text);
      if (!time) return fail(ErrorCode::corrupt, "the list page has a date that is none");
      object.mtime = *time;
    } else if (name == "ETag") {
      if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
        text = text.substr(1, text.size() - 2);
      object.etag = std::move(text);
    } else if (name == "StorageClass") {
      if (text != "STANDARD" && text != "Standard") object.storage_class = std::move(text);
    }
    return {};
  }

  void decode(const ListPageForm& form) {
    for (auto& object : page_.objects) object.key = percent_decode(object.key, true);
    for (auto& prefix : page_.common_prefixes) prefix = percent_decode(prefix, true);
    if (form.tokens_encoded) token_ = percent_decode(token_, true);
  }

  Result<void> check_order() const {
    const std::string* last = nullptr;
    for (const auto& object : page_.objects) {
      if (object.key.empty()) return fail(ErrorCode::corrupt, "the list page has an empty key");
      if (last != nullptr && *last >= object.key)
        return fail(ErrorCode::corrupt, "the list page's keys are not in rising byte order",
                    "Shoal needs a service that lists in byte order; S3 directory buckets do not.");
      last = &object.key;
    }
    last = nullptr;
    for (const auto& prefix : page_.common_prefixes) {
      if (prefix.empty() || (last != nullptr && *last >= prefix))
        return fail(ErrorCode::corrupt,
                    "the list page's common prefixes are empty or out of order");
      last = &prefix;
    }
    return {};
  }

  ListPage page_;
  bool in_object_ = false;
  bool in_prefix_ = false;
  bool url_encoded_ = false;
  std::string truncated_;
  std::string token_;
};

}  // namespace

Result<ListPage> parse_list_page(ByteSpan bytes, const ListPageForm& form) {
  PageReader reader;
  SHOAL_CHECK_OK(read_xml(bytes, reader));
  return reader.finish(form);
}

}  // namespace shoal::store
