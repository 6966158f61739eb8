// SPDX-License-Identifier: Apache-2.0
#include "devbucket/invented.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "base/rng.h"
#include "devbucket/object_names.h"

namespace shoal::devbucket {
namespace {

constexpr std::uint64_t kDaysMax = 2520;
constexpr std::uint64_t kCountMax = 1'000'000'000'000;
constexpr std::uint64_t kSizeDefaultBytes = 8192;
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::uint64_t hash_of(std::string_view key) {  // FNV-1a, stirred once
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return Rng(hash).next();
}

void write_hex(char* target, std::uint64_t value) {
  for (int i = 15; i >= 0; --i) {
    target[i] = kHexDigits[value & 15];
    value >>= 4;
  }
}

void append_padded(std::string& text, std::uint64_t value, std::size_t width) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  const auto size = static_cast<std::size_t>(end - digits.data());
  if (size < width) text.append(width - size, '0');
  text.append(digits.data(), size);
}

std::size_t flat_digits(std::uint64_t count) {
  std::size_t digits = 8;
  for (std::uint64_t fit = 100'000'000; fit < count; fit *= 10) ++digits;
  return digits;
}

std::size_t symbol_letters(std::uint64_t symbols) {
  std::size_t letters = 4;
  for (std::uint64_t fit = 26ull * 26 * 26 * 26; fit < symbols; fit *= 26) ++letters;
  return letters;
}

// Weekdays from Monday 2010-01-04 on.
void append_day(std::string& text, std::uint64_t day) {
  using namespace std::chrono;
  const sys_days monday = year(2010) / January / 4;
  const year_month_day date(monday + days(static_cast<int>(day / 5 * 7 + day % 5)));
  append_padded(text, static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
  text += '-';
  append_padded(text, static_cast<unsigned>(date.month()), 2);
  text += '-';
  append_padded(text, static_cast<unsigned>(date.day()), 2);
}

std::unexpected<Error> refuse_text(std::string_view text, std::string_view why) {
  return fail(ErrorCode::bad_input,
              "invent the dataset \"" + std::string(text) + "\": " + std::string(why),
              "Write BUCKET:COUNT:SHAPE[:SIZE], for example big:1000000:flat:8KiB, "
              "ticks:10000000:tree:1KiB-16KiB or logs:1000000:dirs=200.");
}

// What is wrong with it, or null.
const char* read_shape(std::string_view shape, InventedSet& set) {
  constexpr std::string_view kDirectories = "dirs=";
  set.days = days_per_symbol(set.count);
  if (shape == "flat" || shape == "tree") {
    set.shape = shape == "flat" ? InventedShape::flat : InventedShape::tree;
    return nullptr;
  }
  if (!shape.starts_with(kDirectories)) return "the shape is not flat, tree or dirs=NUMBER";
  shape.remove_prefix(kDirectories.size());
  std::uint64_t directories = 0;
  const char* const end = shape.data() + shape.size();
  const auto [stop, error] = std::from_chars(shape.data(), end, directories);
  if (error != std::errc() || stop != end || directories == 0 || directories > set.count)
    return "the number of directories is not between 1 and the number of objects";
  set.shape = InventedShape::directories;
  set.files_per_directory = (set.count + directories - 1) / directories;
  return nullptr;
}

}  // namespace

std::uint64_t days_per_symbol(std::uint64_t count) {
  const auto root = static_cast<std::uint64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  return std::clamp<std::uint64_t>(root, 1, kDaysMax);
}

Result<InventedSet> parse_invented(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(':', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  if (parts.size() < 3 || parts.size() > 4) return refuse_text(text, "it needs 3 or 4 parts");
  InventedSet set;
  set.bucket = parts[0];
  if (!is_served_bucket_name(set.bucket)) return refuse_text(text, "that is no bucket name");
  const char* const end = parts[1].data() + parts[1].size();
  const auto [stop, error] = std::from_chars(parts[1].data(), end, set.count);
  if (error != std::errc() || stop != end || set.count == 0 || set.count > kCountMax)
    return refuse_text(text, "the count is not between 1 and 10^12");
  if (const char* problem = read_shape(parts[2], set)) return refuse_text(text, problem);
  set.size_min_bytes = set.size_max_bytes = kSizeDefaultBytes;
  if (parts.size() == 4) {
    const std::size_t dash = std::min(parts[3].find('-'), parts[3].size());
    const std::string_view high = dash < parts[3].size() ? parts[3].substr(dash + 1) : parts[3];
    if (!parse_bytes(parts[3].substr(0, dash), set.size_min_bytes) ||
        !parse_bytes(high, set.size_max_bytes) || set.size_max_bytes < set.size_min_bytes)
      return refuse_text(text, "the size is not like 8KiB or 1KiB-16KiB");
  }
  return set;
}

void invented_key(const InventedSet& set, std::uint64_t rank, std::string& key) {
  key.clear();
  if (set.shape == InventedShape::flat) {
    key += 'f';
    append_padded(key, rank, flat_digits(set.count));
    key += ".dat";
    return;
  }
  if (set.shape == InventedShape::directories) {
    key += 'd';
    append_padded(key, rank / set.files_per_directory, flat_digits(set.count));
    key += "/f";
    append_padded(key, rank % set.files_per_directory, flat_digits(set.count));
    key += ".dat";
    return;
  }
  const std::uint64_t symbols = (set.count + set.days - 1) / set.days;
  const std::size_t letters = symbol_letters(symbols);
  key.resize(letters);
  std::uint64_t symbol = rank / set.days;
  for (std::size_t i = letters; i-- > 0; symbol /= 26)
    key[i] = static_cast<char>('A' + static_cast<int>(symbol % 26));
  key += '/';
  append_day(key, rank % set.days);
  key += ".csv";
}

std::uint64_t invented_lower_bound(const InventedSet& set, std::string_view key) {
  std::string probe;
  std::uint64_t low = 0;
  std::uint64_t high = set.count;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    invented_key(set, middle, probe);
    if (probe < key)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

std::uint64_t invented_size(const InventedSet& set, std::string_view key) {
  const std::uint64_t span = set.size_max_bytes - set.size_min_bytes + 1;
  return set.size_min_bytes + (span == 0 ? hash_of(key) : hash_of(key) % span);
}

std::string invented_etag(const InventedSet& set, std::string_view key) {
  std::string etag(34, '-');
  write_hex(etag.data(), hash_of(key));
  write_hex(etag.data() + 16, Rng(hash_of(key) ^ invented_size(set, key)).next());
  etag[33] = '1';
  return etag;
}

std::int64_t invented_mtime(const InventedSet& set, std::string_view key) {
  constexpr std::int64_t kStart = 1'704'067'200;  // 2024-01-01
  constexpr std::uint64_t kYearSeconds = 366 * 86'400;
  const std::uint64_t hash = Rng(hash_of(key) + set.size_min_bytes).next();
  return kStart + static_cast<std::int64_t>(hash % kYearSeconds);
}

void invented_content(std::string_view key, std::uint64_t offset, std::span<char> target) {
  std::array<char, kInventedLineBytes> line{};
  constexpr std::size_t kKeyStart = 17;
  constexpr std::size_t kKeyBytes = 46;
  std::memset(line.data(), '.', line.size());
  line[kKeyStart - 1] = ' ';
  if (key.size() > kKeyBytes) key.remove_prefix(key.size() - kKeyBytes);
  std::memcpy(line.data() + kKeyStart, key.data(), key.size());
  line.back() = '\n';
  std::size_t done = 0;
  while (done < target.size()) {
    const std::uint64_t start = round_down(offset + done, kInventedLineBytes);
    write_hex(line.data(), start);
    const auto skip = static_cast<std::size_t>(offset + done - start);
    const std::size_t bytes = std::min(line.size() - skip, target.size() - done);
    std::memcpy(target.data() + done, line.data() + skip, bytes);
    done += bytes;
  }
}

}  // namespace shoal::devbucket
