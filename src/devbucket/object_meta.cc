// SPDX-License-Identifier: Apache-2.0
#include "devbucket/object_meta.h"

#include <array>
#include <charconv>
#include <cstdio>

namespace shoal::devbucket {
namespace {

std::uint64_t mtime_ns(const struct stat& file) {
  return static_cast<std::uint64_t>(file.st_mtim.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(file.st_mtim.tv_nsec);
}

// Takes the text up to `end` (or all) off the front.
std::string_view take(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

bool is_number(std::string_view text, std::uint64_t value) {
  std::uint64_t parsed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  return error == std::errc() && end == text.data() + text.size() && parsed == value;
}

// The first line; `record` is left behind it, `crc` is the text of the checksum.
std::optional<MetaBrief> take_brief(std::string_view& record, const struct stat& file,
                                    std::string_view& crc) {
  std::string_view line = take(record, '\n');
  MetaBrief brief;
  brief.etag = take(line, ' ');
  const std::string_view type = take(line, ' ');
  if (brief.etag.empty() || type.size() != 1) return std::nullopt;
  brief.type = static_cast<ObjectType>(type[0]);
  if (!is_number(take(line, ' '), static_cast<std::uint64_t>(file.st_size))) return std::nullopt;
  if (!is_number(take(line, ' '), mtime_ns(file))) return std::nullopt;
  crc = line;
  return brief;
}

}  // namespace

std::string_view oss_name(ObjectType type) {
  switch (type) {
    case ObjectType::multipart:
      return "Multipart";
    case ObjectType::appendable:
      return "Appendable";
    case ObjectType::normal:
      break;
  }
  return "Normal";
}

std::string encode_meta(const ObjectMeta& meta, const struct stat& file) {
  std::string record = meta.etag;
  record += ' ';
  record += static_cast<char>(meta.type);
  record += ' ';
  record += std::to_string(file.st_size);
  record += ' ';
  record += std::to_string(mtime_ns(file));
  record += ' ';
  record += meta.crc64 ? std::to_string(*meta.crc64) : "-";
  record += '\n';
  for (const auto& [name, value] : meta.headers) {
    record += name;
    record += ':';
    record += value;
    record += '\n';
  }
  return record;
}

std::optional<MetaBrief> decode_meta_brief(std::string_view record, const struct stat& file) {
  std::string_view crc;
  return take_brief(record, file, crc);
}

std::optional<ObjectMeta> decode_meta(std::string_view record, const struct stat& file) {
  std::string_view crc_text;
  const auto brief = take_brief(record, file, crc_text);
  if (!brief) return std::nullopt;
  ObjectMeta meta;
  meta.etag = brief->etag;
  meta.type = brief->type;
  std::uint64_t crc = 0;
  const auto [end, error] =
      std::from_chars(crc_text.data(), crc_text.data() + crc_text.size(), crc);
  if (error == std::errc() && end == crc_text.data() + crc_text.size()) meta.crc64 = crc;
  while (!record.empty()) {
    std::string_view line = take(record, '\n');
    const std::string_view name = take(line, ':');
    meta.headers.emplace_back(name, line);
  }
  return meta;
}

std::string weak_etag(const struct stat& file) {
  std::array<char, 40> text{};
  char* end = std::to_chars(text.data(), text.data() + 16, mtime_ns(file), 16).ptr;
  *end++ = '-';
  end = std::to_chars(end, text.data() + text.size(), static_cast<std::uint64_t>(file.st_size), 16)
            .ptr;
  return {text.data(), end};
}

}  // namespace shoal::devbucket
