// SPDX-License-Identifier: Apache-2.0
#include "store/paging.h"

#include <algorithm>
#include <tuple>

#include "base/limits.h"

namespace shoal::store {
namespace {

// A token is one letter and the last thing the page before named: 'k' and a key, or 'p' and a
// common prefix, whose keys are all passed over.
std::string after_key(std::string key) {
  key += '\0';
  return key;
}
// The least string greater than every string that starts with `prefix`, which ends in '/'.
std::string after_prefix(std::string prefix) {
  prefix.back() = '/' + 1;
  return prefix;
}

Result<std::string> first_key(const ListRequest& request) {
  std::string from;
  if (!request.token.empty()) {
    std::string named = request.token.substr(1);
    if (request.token[0] == 'k' && !named.empty())
      from = after_key(std::move(named));
    else if (request.token[0] == 'p' && named.ends_with('/'))
      from = after_prefix(std::move(named));
    else
      return fail(ErrorCode::bad_input, "list: the continuation token is not one of this store");
  } else if (!request.start_after.empty()) {
    from = after_key(request.start_after);
  }
  return std::max(from, request.prefix);
}

}  // namespace

Result<ListPage> make_page(const ListRequest& request, KeyCursor& cursor) {
  if (request.keys_max < 1 || request.keys_max > limits::kListPageKeys)
    return fail(ErrorCode::bad_input,
                "list: keys_max is " + std::to_string(request.keys_max) + ", not 1 to 1000");
  SHOAL_TRY(const std::string from, first_key(request));
  SHOAL_CHECK_OK(cursor.seek(from));
  ListPage page;
  std::string last;
  for (;;) {
    SHOAL_TRY(auto object, cursor.next());
    if (!object || !object->key.starts_with(request.prefix)) return page;
    if (page.objects.size() + page.common_prefixes.size() == request.keys_max) {
      page.next_token = last;
      return page;
    }
    const auto slash =
        request.by_directory ? object->key.find('/', request.prefix.size()) : std::string::npos;
    if (slash == std::string::npos) {
      last = "k" + object->key;
      page.objects.push_back(std::move(*object));
      continue;
    }
    std::string group = object->key.substr(0, slash + 1);
    last = "p" + group;
    SHOAL_CHECK_OK(cursor.seek(after_prefix(group)));
    page.common_prefixes.push_back(std::move(group));
  }
}

UploadsPage make_uploads_page(const ListUploadsRequest& request, std::vector<UploadInfo> uploads) {
  const auto is_outside = [&](const UploadInfo& info) {
    const auto& [key, id] = info.upload;
    if (!key.starts_with(request.prefix)) return true;
    if (key != request.key_marker) return key < request.key_marker;
    return !request.key_marker.empty() && (request.id_marker.empty() || id <= request.id_marker);
  };
  std::erase_if(uploads, is_outside);
  std::ranges::sort(uploads, {}, [](const UploadInfo& info) {
    return std::tie(info.upload.key, info.upload.id);
  });
  UploadsPage page;
  page.is_last = uploads.size() <= limits::kListPageKeys;
  if (!page.is_last) uploads.resize(limits::kListPageKeys);
  page.uploads = std::move(uploads);
  if (page.is_last) return page;
  page.next_key_marker = page.uploads.back().upload.key;
  page.next_id_marker = page.uploads.back().upload.id;
  return page;
}

Result<void> check_key(std::string_view store_name, std::string_view key) {
  if (key.empty())
    return fail(ErrorCode::bad_input, std::string(store_name) + ": the key is empty");
  if (key.size() > limits::kKeyBytesMax)
    return fail(ErrorCode::bad_input,
                std::string(store_name) + ": a key of " + std::to_string(key.size()) +
                    " bytes is longer than the " + std::to_string(limits::kKeyBytesMax) +
                    " a bucket allows",
                "Use a shorter name.");
  return {};
}

}  // namespace shoal::store
