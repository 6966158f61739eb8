// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "format/records.h"
#include "index/index.h"
#include "sim/support/faulty_files.h"
#include "volume/prepare.h"

namespace shoal::volume {

// A real index of a directory tree behind file://, for the parts of a volume that only ask it.
class PreparedIndex {
 public:
  void add(const std::string& path, std::size_t bytes) {
    std::filesystem::create_directories((bucket() / path).parent_path());
    std::ofstream(bucket() / path, std::ios::binary) << std::string(bytes, 'x');
    sizes_[path] = bytes;
  }
  void build() {
    PrepareOptions options;
    options.location = store::parse_location("file://" + bucket().string()).value();
    const auto prepared = prepare(temporary_.path() / "volume", options);
    ASSERT_TRUE(prepared) << prepared.error().to_string();
    index_ =
        index::Index::open(temporary_.path() / "volume" / "index", index::Index::Mode::read_only)
            .value();
    geometry_ = index_->dataset().value()->geometry;
    data_end_ = index_->generation().value()->data_end;
  }
  [[nodiscard]] const index::Index& index() const { return *index_; }
  [[nodiscard]] format::Geometry geometry() const { return geometry_; }
  [[nodiscard]] DataAddress data_end() const { return data_end_; }
  [[nodiscard]] const std::map<std::string, std::size_t>& sizes() const { return sizes_; }
  [[nodiscard]] DataAddress address_of(const std::string& path) const {
    return index_->find(path).value()->address;
  }
  [[nodiscard]] std::filesystem::path scratch(const std::string& name) const {
    return temporary_.path() / name;
  }

 private:
  [[nodiscard]] std::filesystem::path bucket() const { return temporary_.path() / "bucket"; }
  sim::TemporaryDirectory temporary_;
  std::map<std::string, std::size_t> sizes_;
  std::unique_ptr<index::Index> index_;
  format::Geometry geometry_;
  DataAddress data_end_;
};

}  // namespace shoal::volume
