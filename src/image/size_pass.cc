// SPDX-License-Identifier: Apache-2.0
#include "image/size_pass.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "format/erofs.h"
#include "image/directory_records.h"
#include "image/dot_entries.h"
#include "image/tree_walk.h"

namespace shoal::image {
namespace {

class SizePass final : public TreeVisitor {
 public:
  SizePass(Scratch& scratch, std::uint32_t block_bytes)
      : records_(scratch), block_bytes_(block_bytes) {}

  Result<void> open_directory(std::string_view name) override {
    if (!open_.empty()) {
      SHOAL_CHECK_OK(count_entry(name));
      ++open_.back().subdirectories;
    }
    ++sizes_.inodes;
    open_.push_back(
        {.number = sizes_.directories++, .packer = format::erofs::DirentPacker(block_bytes_)});
    return {};
  }

  Result<void> marker(const format::ObjectRecord& record) override {
    open_.back().note_mtime(record.mtime);
    return {};
  }

  Result<void> file(std::string_view name, const format::ObjectRecord& record) override {
    SHOAL_CHECK_OK(count_entry(name));
    ++sizes_.inodes;
    open_.back().note_mtime(record.mtime);
    return {};
  }

  Result<void> close_directory() override {
    OpenDirectory& directory = open_.back();
    SHOAL_CHECK_OK(directory.dots.rest([&](std::string_view dot) -> Result<void> {
      directory.packer.add(dot.size());
      return {};
    }));
    const std::uint32_t tail =
        format::erofs::inline_tail_bytes(directory.packer.directory_bytes(), block_bytes_);
    sizes_.directory_blocks += directory.packer.blocks() - (tail > 0 ? 1 : 0);
    sizes_.tail_bytes += round_up(tail, kInodeStep);
    // Only an empty dataset's root has nothing to take a time from.
    const DirectoryRecord record{.directory_bytes = directory.packer.directory_bytes(),
                                 .mtime = directory.mtime.value_or(0),
                                 .links = 2 + directory.subdirectories};
    SHOAL_CHECK_OK(records_.put(directory.number, record));
    open_.pop_back();
    if (!open_.empty()) open_.back().note_mtime(record.mtime);
    return {};
  }

  Result<TreeSizes> finish() {
    SHOAL_CHECK_OK(records_.flush());
    return sizes_;
  }

 private:
  struct OpenDirectory {
    std::uint64_t number = 0;  // in walk order
    format::erofs::DirentPacker packer;
    DotEntries dots{};
    std::optional<std::int64_t> mtime{};
    std::uint32_t subdirectories = 0;

    void note_mtime(std::int64_t other) { mtime = std::max(mtime.value_or(other), other); }
  };

  Result<void> count_entry(std::string_view name) {
    OpenDirectory& directory = open_.back();
    SHOAL_CHECK_OK(directory.dots.before(name, [&](std::string_view dot) -> Result<void> {
      directory.packer.add(dot.size());
      return {};
    }));
    directory.packer.add(name.size());
    return {};
  }

  DirectoryRecordWriter records_;
  const std::uint32_t block_bytes_;
  std::vector<OpenDirectory> open_;
  TreeSizes sizes_;
};

}  // namespace

Result<TreeSizes> measure_tree(const index::Index& index, Scratch& scratch,
                               std::uint32_t block_bytes, const std::atomic<bool>* stop) {
  SizePass pass(scratch, block_bytes);
  SHOAL_CHECK_OK(walk_tree(index, pass, stop));
  return pass.finish();
}

}  // namespace shoal::image
