// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "format/layout.h"
#include "prefetch/catalog.h"

namespace shoal::prefetch {

// A dataset on paper: paths and sizes, laid out in walk order. It is also the Catalog, whose
// answers come when run() is called: late, never, empty or twice the same, if the test says so.
class Layout : public Catalog {
 public:
  enum class Answers { truly, never, empty, repeating };

  explicit Layout(format::Geometry geometry = {}) : geometry_(geometry) {}

  // In any order; call lay_out() afterwards.
  void add(std::string path, std::uint64_t length) {
    files_.push_back({std::move(path), {}, length});
  }
  void lay_out() {
    // Walk order: names in byte order, component by component.
    std::sort(files_.begin(), files_.end(),
              [](const CatalogFile& a, const CatalogFile& b) { return key(a) < key(b); });
    format::AddressAllocator allocator(geometry_, DataAddress{0});
    for (CatalogFile& file : files_) file.begin = allocator.place(file.length);
    end_ = allocator.end();
    for (std::size_t i = 0; i < files_.size(); ++i) by_path_[files_[i].path] = i;
  }
  // SYMBOL/DATE.csv for so many of both.
  static Layout symbols(std::size_t symbols, std::size_t dates, std::uint64_t bytes) {
    Layout layout;
    for (std::size_t s = 0; s < symbols; ++s)
      for (std::size_t d = 0; d < dates; ++d) layout.add(symbol_path(s, d), bytes);
    layout.lay_out();
    return layout;
  }
  static std::string symbol_path(std::size_t symbol, std::size_t date) {
    return "S" + digits(symbol) + "/2026-" + digits(date) + ".csv";
  }
  static std::string digits(std::size_t number) {
    std::string text = std::to_string(number);
    return std::string(5 - std::min<std::size_t>(text.size(), 5), '0') + text;
  }

  [[nodiscard]] const std::vector<CatalogFile>& files() const { return files_; }
  [[nodiscard]] const CatalogFile& file(const std::string& path) const {
    return files_.at(by_path_.at(path));
  }
  [[nodiscard]] std::size_t index(const std::string& path) const { return by_path_.at(path); }
  [[nodiscard]] DataAddress end() const { return end_; }
  [[nodiscard]] const format::Geometry& geometry() const { return geometry_; }
  // The file that holds the address; files_.size() in a gap.
  [[nodiscard]] std::size_t index_at(std::uint64_t address) const {
    auto behind = std::upper_bound(
        files_.begin(), files_.end(), address,
        [](std::uint64_t a, const CatalogFile& file) { return a < file.begin.value; });
    while (behind != files_.begin()) {
      --behind;
      if (behind->length == 0) continue;
      const std::uint64_t end =
          round_up(behind->begin.value + behind->length, geometry_.block_bytes);
      return address < end ? static_cast<std::size_t>(behind - files_.begin()) : files_.size();
    }
    return files_.size();
  }

  // ---- the catalog
  Answers answers = Answers::truly;
  std::uint64_t questions = 0;
  // Delivers what was asked before the call.
  void run() {
    for (std::size_t count = waiting_.size(); count > 0; --count) {
      auto task = std::move(waiting_.front());
      waiting_.pop_front();
      task();
    }
  }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

  void file_at(DataAddress address,
               std::move_only_function<void(std::optional<CatalogFile>)> done) override {
    const std::size_t index = index_at(address.value);
    std::optional<CatalogFile> file;
    if (index < files_.size() && answers != Answers::empty) file = files_[index];
    deliver(std::move(done), file);
  }
  void find(std::vector<std::string> paths,
            std::move_only_function<void(std::vector<CatalogFile>)> done) override {
    std::vector<CatalogFile> found;
    for (const std::string& path : paths)
      if (by_path_.contains(path) && answers != Answers::empty) found.push_back(file(path));
    deliver(std::move(done), found);
  }
  void across(AcrossQuery query, std::move_only_function<void(Across)> done) override {
    Across across;
    const std::string prefix = query.parent.empty() ? "" : query.parent + "/";
    std::string name = answers == Answers::repeating ? "" : query.after;
    if (answers != Answers::empty) {
      while (across.files.size() < query.count) {
        const auto next = next_name(prefix, name);
        if (!next) {
          across.is_end = answers != Answers::repeating;
          break;
        }
        name = *next;
        const auto found = by_path_.find(prefix + name + "/" + query.suffix);
        if (found != by_path_.end()) across.files.push_back(files_[found->second]);
      }
    }
    deliver(std::move(done), across);
  }
  void next_file(std::string path,
                 std::move_only_function<void(std::optional<CatalogFile>)> done) override {
    std::optional<CatalogFile> file;
    const auto known = by_path_.find(path);
    if (known != by_path_.end() && answers != Answers::empty) {
      const std::size_t next = known->second + (answers == Answers::repeating ? 0 : 1);
      if (next < files_.size()) file = files_[next];
    }
    deliver(std::move(done), file);
  }

 private:
  static std::string key(const CatalogFile& file) {
    std::string text = file.path;
    std::replace(text.begin(), text.end(), '/', '\0');
    return text;
  }
  // The first directory name behind `name` below `prefix`.
  [[nodiscard]] std::optional<std::string> next_name(const std::string& prefix,
                                                     const std::string& name) const {
    CatalogFile probe{prefix + name + (name.empty() ? "" : "/\xff"), {}, 0};
    auto found = std::lower_bound(
        files_.begin(), files_.end(), probe,
        [](const CatalogFile& a, const CatalogFile& b) { return key(a) < key(b); });
    for (; found != files_.end(); ++found) {
      if (!found->path.starts_with(prefix)) return std::nullopt;
      const std::size_t slash = found->path.find('/', prefix.size());
      if (slash == std::string::npos) continue;
      return found->path.substr(prefix.size(), slash - prefix.size());
    }
    return std::nullopt;
  }
  template <typename Done, typename Value>
  void deliver(Done done, Value value) {
    ++questions;
    if (answers == Answers::never) return;
    waiting_.push_back(
        [done = std::move(done), value = std::move(value)]() mutable { done(std::move(value)); });
  }

  format::Geometry geometry_;
  std::vector<CatalogFile> files_;
  std::map<std::string, std::size_t> by_path_;
  DataAddress end_;
  std::deque<std::move_only_function<void()>> waiting_;
};

}  // namespace shoal::prefetch
