// SPDX-License-Identifier: Apache-2.0
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

#include "base/limits.h"
#include "devbucket/dates.h"
#include "devbucket/documents.h"
#include "devbucket/list_page.h"
#include "devbucket/service.h"
#include "devbucket/xml.h"
#include "store/encoding.h"

// ListObjects, version 1 and 2, in both dialects.

namespace shoal::devbucket {
namespace {

struct ListForm {
  ListQuery query;
  bool is_v2 = false;
  bool is_url_encoded = false;
  bool is_oss = false;
  bool wants_owner = false;
  std::string token;  // as the client sent it
};

std::string param(const Request& request, std::string_view name) {
  const std::string* value = request.param(name);
  return value == nullptr ? std::string() : *value;
}

std::string base64_decode(std::string_view text) {
  std::string raw(text.size() / 4 * 3 + 3, '\0');
  const int bytes = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(raw.data()),
                                    reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()));
  if (bytes < 0) return {};
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  raw.resize(static_cast<std::size_t>(bytes) - std::min(padding, static_cast<std::size_t>(bytes)));
  return raw;
}

// A continuation token says where the page before ended: "k" + key or "p" + common prefix.
std::string make_token(bool is_prefix, std::string_view last) {
  std::string raw(1, is_prefix ? 'p' : 'k');
  raw += last;
  return store::base64(raw);
}

ApiResult<ListForm> read_form(const Request& request) {
  ListForm form;
  form.is_v2 = request.operation == Operation::list_objects_v2;
  form.is_oss = request.dialect == Dialect::oss;
  form.query.prefix = param(request, "prefix");
  form.query.delimiter = param(request, "delimiter");
  form.query.keys_max = form.is_oss ? 100 : static_cast<std::uint32_t>(limits::kListPageKeys);
  if (const std::string text = param(request, "max-keys"); !text.empty()) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, form.query.keys_max);
    if (error != std::errc() || stop != end)
      return refuse(400, "InvalidArgument", "Provided max-keys not an integer or within range");
  }
  form.query.keys_max =
      std::min(form.query.keys_max, static_cast<std::uint32_t>(limits::kListPageKeys));
  const std::string encoding = param(request, "encoding-type");
  if (!encoding.empty() && encoding != "url")
    return refuse(400, "InvalidArgument", "Invalid Encoding Method specified in Request");
  form.is_url_encoded = !encoding.empty();
  form.wants_owner = !form.is_v2 || param(request, "fetch-owner") == "true";
  if (!form.is_v2) {
    form.query.after = param(request, "marker");
    return form;
  }
  form.query.after = param(request, "start-after");
  form.token = param(request, "continuation-token");
  if (request.has_param("continuation-token") && !(form.is_oss && form.token.empty())) {
    const std::string raw = base64_decode(form.token);
    if (raw.empty() || (raw[0] != 'k' && raw[0] != 'p'))
      return refuse(400, "InvalidArgument", "The continuation token provided is incorrect");
    form.query.after = raw.substr(1);
    form.query.after_is_prefix = raw[0] == 'p';
  }
  return form;
}

// Collects the two lists of a page, whose order in the answer is fixed.
class PageXml final : public PageSink {
 public:
  explicit PageXml(const ListForm& form) : form_(form) {
    // A key of 60 bytes with everything around it is about 250 bytes of XML.
    contents_.reserve(std::size_t{form.query.keys_max} * 256);
  }

  void on_object(const ListedObject& object) override {
    contents_ += "<Contents><Key>";
    append_name(contents_, object.key, form_);
    contents_ += "</Key><LastModified>";
    append_iso_date(contents_, object.mtime_seconds);
    contents_ += "</LastModified><ETag>&quot;";
    append_etag(object.etag);
    contents_ += "&quot;</ETag>";
    if (form_.is_oss) append_element(contents_, "Type", object.oss_type);
    append_element(contents_, "Size", object.size_bytes);
    contents_ += form_.is_oss ? "<StorageClass>Standard</StorageClass>"
                              : "<StorageClass>STANDARD</StorageClass>";
    if (form_.wants_owner) contents_ += kOwnerXml;
    contents_ += "</Contents>";
  }
  void on_common_prefix(std::string_view prefix) override {
    prefixes_ += "<CommonPrefixes><Prefix>";
    append_name(prefixes_, prefix, form_);
    prefixes_ += "</Prefix></CommonPrefixes>";
  }
  [[nodiscard]] const std::string& contents() const { return contents_; }
  [[nodiscard]] const std::string& prefixes() const { return prefixes_; }

  static void append_name(std::string& xml, std::string_view name, const ListForm& form) {
    if (form.is_url_encoded)
      xml += store::percent_encode(name, true);
    else
      append_escaped(xml, name);
  }

 private:
  void append_etag(std::string_view etag) {
    if (!form_.is_oss) {
      contents_ += etag;
      return;
    }
    for (const char c : etag)
      contents_ += c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
  }

  const ListForm& form_;
  std::string contents_;
  std::string prefixes_;
};

void append_named(std::string& xml, std::string_view element, std::string_view name,
                  const ListForm& form) {
  xml += '<';
  xml += element;
  xml += '>';
  PageXml::append_name(xml, name, form);
  xml += "</";
  xml += element;
  xml += '>';
}

// OSS encodes tokens like names when names are encoded; S3 never does.
void append_token(std::string& xml, std::string_view element, std::string_view token,
                  const ListForm& form) {
  if (form.is_oss && form.is_url_encoded)
    append_element(xml, element, store::percent_encode(token, false));
  else
    append_element(xml, element, token);
}

void append_head(std::string& xml, const ListForm& form, const Request& request) {
  xml += open_document("ListBucketResult", request.dialect);
  append_element(xml, "Name", request.bucket);
  append_named(xml, "Prefix", form.query.prefix, form);
  append_element(xml, "MaxKeys", std::uint64_t{form.query.keys_max});
  if (!form.query.delimiter.empty() || form.is_oss)
    append_named(xml, "Delimiter", form.query.delimiter, form);
  if (form.is_url_encoded) xml += "<EncodingType>url</EncodingType>";
  if (!form.is_v2) {
    append_named(xml, "Marker", form.query.after, form);
    return;
  }
  if (!form.token.empty()) append_token(xml, "ContinuationToken", form.token, form);
  if (const std::string* start = request.param("start-after"))
    append_named(xml, "StartAfter", *start, form);
}

}  // namespace

Service::Answer Service::list_objects(Exchange& exchange) {
  auto form = read_form(exchange.request);
  if (!form) return refuse(std::move(form).error());
  PageXml page(*form);
  PageEnd end;
  // An empty page that asks the client to come again at the same place. Version 1 has no way to say
  // that: its marker is the last key.
  const bool is_empty_page =
      exchange.fault.is_empty_page && form->is_v2 && form->query.keys_max > 0;
  if (is_empty_page) {
    end.is_truncated = true;
    end.last = form->query.after;
    end.last_is_prefix = form->query.after_is_prefix;
    counters_.of(exchange.kind).empty_pages.fetch_add(1, std::memory_order_relaxed);
  } else {
    const auto cursor = exchange.bucket.cursor();
    end = list_page(*cursor, form->query, page);
  }
  std::string xml;
  xml.reserve(page.contents().size() + page.prefixes().size() + 4096);
  append_head(xml, *form, exchange.request);
  if (form->is_v2) append_element(xml, "KeyCount", std::uint64_t{end.count});
  xml += end.is_truncated ? "<IsTruncated>true</IsTruncated>" : "<IsTruncated>false</IsTruncated>";
  if (end.is_truncated && form->is_v2)
    append_token(xml, "NextContinuationToken", make_token(end.last_is_prefix, end.last), *form);
  if (end.is_truncated && !form->is_v2) append_named(xml, "NextMarker", end.last, *form);
  xml += page.contents();
  xml += page.prefixes();
  xml += "</ListBucketResult>";
  Response response;
  response.set_xml(std::move(xml));
  return response;
}

}  // namespace shoal::devbucket
