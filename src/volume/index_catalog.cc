// SPDX-License-Identifier: Apache-2.0
#include "volume/index_catalog.h"

#include <algorithm>
#include <utility>

namespace shoal::volume {
namespace {

using prefetch::Across;
using prefetch::AcrossQuery;
using prefetch::CatalogFile;

// An answer looks at so many directories at most: the files asked for may be missing in most.
constexpr std::uint32_t kDirectoriesPerFile = 8;

bool is_file(const format::ObjectRecord& record) {
  return record.kind == format::ObjectRecord::Kind::file;
}

std::string joined(const std::string& parent, std::string_view name) {
  std::string path = parent;
  if (!path.empty()) path += '/';
  return path += name;
}

}  // namespace

std::optional<CatalogFile> file_at(const index::ChunkMap& map, format::Geometry geometry,
                                   DataAddress address) {
  const ChunkId chunk = geometry.chunk_of(address);
  const auto record = map.chunk(chunk);
  if (!record) return std::nullopt;
  const std::uint64_t start = geometry.start_of(chunk).value;
  const auto behind = std::partition_point(
      record->extents.begin(), record->extents.end(),
      [&](const format::Extent& extent) { return start + extent.chunk_offset <= address.value; });
  if (behind == record->extents.begin()) return std::nullopt;
  const format::Extent& extent = *std::prev(behind);
  if (address.value >= start + round_up(extent.chunk_offset + extent.length, geometry.block_bytes))
    return std::nullopt;
  return CatalogFile{extent.path, DataAddress{start + extent.chunk_offset - extent.object_offset},
                     extent.object_size};
}

std::optional<CatalogFile> find_file(const index::Index& index, std::string path) {
  const auto record = index.find(path);
  if (!record || !*record || !is_file(**record)) return std::nullopt;
  return CatalogFile{std::move(path), (*record)->address, (*record)->size};
}

Across files_across(const index::Index& index, const AcrossQuery& query) {
  Across answer;
  auto cursor = index.walk(query.parent);
  if (!cursor) return answer;
  if (!query.after.empty() && !(*cursor)->skip_directory(joined(query.parent, query.after)))
    return answer;
  const std::size_t start = query.parent.empty() ? 0 : query.parent.size() + 1;
  index::Entry entry;
  for (std::uint32_t seen = 0; seen < kDirectoriesPerFile * query.count; ++seen) {
    const auto more = (*cursor)->next(entry);
    if (!more) return answer;
    answer.is_end = !*more;
    if (answer.is_end || answer.files.size() >= query.count) return answer;
    if (entry.path.size() <= start) continue;  // the directory's own key
    const std::string_view below = std::string_view(entry.path).substr(start);
    const std::string child = joined(query.parent, below.substr(0, below.find('/')));
    if (auto file = find_file(index, joined(child, query.suffix)))
      answer.files.push_back(std::move(*file));
    if (!(*cursor)->skip_directory(child)) return answer;
  }
  answer.is_end = answer.files.empty();  // none near enough: asking again would find the same
  return answer;
}

std::optional<CatalogFile> file_behind(const index::Index& index, const std::string& path) {
  const auto cursor = index.walk("");
  if (!cursor || !(*cursor)->skip_directory(path)) return std::nullopt;
  index::Entry entry;
  for (;;) {
    const auto more = (*cursor)->next(entry);
    if (!more || !*more) return std::nullopt;
    if (is_file(entry.record))
      return CatalogFile{std::move(entry.path), entry.record.address, entry.record.size};
  }
}

IndexCatalog::IndexCatalog(const index::Index& index, format::Geometry geometry, Executor& worker,
                           LoopExecutor& executor)
    : index_(index),
      geometry_(geometry),
      worker_(worker),
      executor_(executor),
      in_line_(std::make_shared<std::size_t>(0)) {}

IndexCatalog::~IndexCatalog() = default;

// `question` runs on the worker; its answer comes back in a later turn of the executor.
template <typename Answer, typename Question>
void IndexCatalog::ask(Question question, std::move_only_function<void(Answer)> done) {
  if (!in_line_) return;  // stopped
  std::weak_ptr<std::size_t> alive = in_line_;
  if (*in_line_ >= kQuestionsMax) {
    executor_.post([alive = std::move(alive), done = std::move(done)]() mutable {
      if (!alive.expired()) done(Answer{});
    });
    return;
  }
  *in_line_ += 1;
  worker_.post([&executor = executor_, alive = std::move(alive), question = std::move(question),
                done = std::move(done)]() mutable {
    executor.post(
        [alive = std::move(alive), answer = question(), done = std::move(done)]() mutable {
          const auto in_line = alive.lock();
          if (!in_line) return;
          *in_line -= 1;
          done(std::move(answer));
        });
  });
}

void IndexCatalog::file_at(DataAddress address,
                           std::move_only_function<void(std::optional<CatalogFile>)> done) {
  ask<std::optional<CatalogFile>>(
      [this_index = &index_, geometry = geometry_, address] {
        return volume::file_at(*this_index, geometry, address);
      },
      std::move(done));
}

void IndexCatalog::find(std::vector<std::string> paths,
                        std::move_only_function<void(std::vector<CatalogFile>)> done) {
  ask<std::vector<CatalogFile>>(
      [this_index = &index_, paths = std::move(paths)]() mutable {
        std::vector<CatalogFile> files;
        for (std::string& path : paths)
          if (auto file = find_file(*this_index, std::move(path)))
            files.push_back(std::move(*file));
        return files;
      },
      std::move(done));
}

void IndexCatalog::across(AcrossQuery query, std::move_only_function<void(Across)> done) {
  ask<Across>(
      [this_index = &index_, query = std::move(query)] { return files_across(*this_index, query); },
      std::move(done));
}

void IndexCatalog::next_file(std::string path,
                             std::move_only_function<void(std::optional<CatalogFile>)> done) {
  ask<std::optional<CatalogFile>>(
      [this_index = &index_, path = std::move(path)] { return file_behind(*this_index, path); },
      std::move(done));
}

}  // namespace shoal::volume
