// SPDX-License-Identifier: Apache-2.0
#include "devbucket/list_page.h"

namespace shoal::devbucket {
namespace {

bool seek_start(KeyCursor& cursor, const ListQuery& query) {
  std::string start = query.prefix;
  if (!query.after.empty() && query.after >= query.prefix) {
    start = query.after_is_prefix ? after_prefix(query.after) : query.after + '\0';
    if (start.empty()) return false;
  }
  return cursor.seek(start);
}

}  // namespace

std::string after_prefix(std::string_view prefix) {
  std::string next(prefix);
  while (!next.empty() && static_cast<unsigned char>(next.back()) == 0xff) next.pop_back();
  if (!next.empty()) next.back() = static_cast<char>(static_cast<unsigned char>(next.back()) + 1);
  return next;
}

PageEnd list_page(KeyCursor& cursor, const ListQuery& query, PageSink& sink) {
  PageEnd end;
  if (query.keys_max == 0) return end;
  ListedObject object;
  bool more = seek_start(cursor, query);
  while (more && cursor.key().starts_with(query.prefix)) {
    const std::string_view key = cursor.key();
    const std::size_t found = query.delimiter.empty()
                                  ? std::string_view::npos
                                  : key.find(query.delimiter, query.prefix.size());
    if (found != std::string_view::npos) {
      const std::string common(key.substr(0, found + query.delimiter.size()));
      // A marker that is itself a common prefix was answered on the page before.
      if (common != query.after) {
        if (end.count == query.keys_max) return end.is_truncated = true, end;
        sink.on_common_prefix(common);
        ++end.count;
        end.last = common;
        end.last_is_prefix = true;
      }
      const std::string next = after_prefix(common);
      more = !next.empty() && cursor.seek(next);
      continue;
    }
    if (end.count == query.keys_max) return end.is_truncated = true, end;
    object.key = key;
    if (cursor.describe(object)) {
      sink.on_object(object);
      ++end.count;
      end.last = key;
      end.last_is_prefix = false;
    }
    more = cursor.next();
  }
  return end;
}

}  // namespace shoal::devbucket
