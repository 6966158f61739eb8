// SPDX-License-Identifier: Apache-2.0
#include "store/uploads_page.h"

#include "store/encoding.h"
#include "store/xml.h"

namespace shoal::store {
namespace {

// Collects one page; names stay encoded until the whole page is read, because a service may say how
// they are encoded behind them.
class PageReader final : public XmlVisitor {
 public:
  Result<void> on_open(int depth, std::string_view name) override {
    if (depth == 0 && name != "ListMultipartUploadsResult")
      return fail(ErrorCode::corrupt, "the answer is a <" + std::string(name.substr(0, 60)) +
                                          ">, not a list of uploads");
    if (depth == 1) {
      in_upload_ = name == "Upload";
      if (in_upload_) page_.uploads.emplace_back();
    }
    return {};
  }

  Result<void> on_close(int depth, std::string_view name, std::string text) override {
    if (depth == 1) on_field(name, std::move(text));
    if (depth == 2 && in_upload_) return on_upload_field(name, std::move(text));
    return {};
  }

  Result<UploadsPage> finish() {
    if (truncated_ != "true" && truncated_ != "false")
      return fail(ErrorCode::corrupt, "the list of uploads does not say IsTruncated");
    page_.is_last = truncated_ == "false";
    if (page_.is_last) {
      page_.next_key_marker.clear();
      page_.next_id_marker.clear();
    } else if (page_.next_key_marker.empty()) {
      return fail(ErrorCode::corrupt, "the list of uploads is truncated and gives no marker");
    }
    if (url_encoded_) {
      page_.next_key_marker = percent_decode(page_.next_key_marker, true);
      for (auto& info : page_.uploads) info.upload.key = percent_decode(info.upload.key, true);
    }
    for (const auto& info : page_.uploads)
      if (info.upload.key.empty() || info.upload.id.empty())
        return fail(ErrorCode::corrupt, "the list of uploads has one without key or id");
    return std::move(page_);
  }

 private:
  void on_field(std::string_view name, std::string text) {
    if (name == "IsTruncated") truncated_ = std::move(text);
    if (name == "NextKeyMarker") page_.next_key_marker = std::move(text);
    if (name == "NextUploadIdMarker") page_.next_id_marker = std::move(text);
    if (name == "EncodingType") url_encoded_ = text == "url";
  }
  Result<void> on_upload_field(std::string_view name, std::string text) {
    UploadInfo& info = page_.uploads.back();
    if (name == "Key") info.upload.key = std::move(text);
    if (name == "UploadId") info.upload.id = std::move(text);
    if (name != "Initiated") return {};
    const auto time = parse_iso_date(text);
    if (!time) return fail(ErrorCode::corrupt, "the list of uploads has a date that is none");
    info.initiated = *time;
    return {};
  }

  UploadsPage page_;
  bool in_upload_ = false;
  bool url_encoded_ = false;
  std::string truncated_;
};

}  // namespace

Result<UploadsPage> parse_uploads_page(ByteSpan bytes) {
  PageReader reader;
  SHOAL_CHECK_OK(read_xml(bytes, reader));
  return reader.finish();
}

}  // namespace shoal::store
