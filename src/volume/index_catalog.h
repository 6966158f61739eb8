// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/executor.h"
#include "format/layout.h"
#include "index/index.h"
#include "prefetch/catalog.h"

namespace shoal::volume {

// Answers what policies ask from the index, on a worker thread. At most kQuestionsMax stand in
// line; more are answered with nothing, which costs a guess.
//
// confined to `executor`; answers that come after the catalog's end are dropped.
class IndexCatalog final : public prefetch::Catalog {
 public:
  static constexpr std::size_t kQuestionsMax = 256;
  // All outlive the catalog, and the last task it has posted.
  IndexCatalog(const index::Index& index, format::Geometry geometry, Executor& worker,
               LoopExecutor& executor);
  ~IndexCatalog() override;
  // Answers nothing any more and asks the worker nothing: an answer may lead to another question.
  void stop() { in_line_.reset(); }

  void file_at(DataAddress address,
               std::move_only_function<void(std::optional<prefetch::CatalogFile>)> done) override;
  void find(std::vector<std::string> paths,
            std::move_only_function<void(std::vector<prefetch::CatalogFile>)> done) override;
  void across(prefetch::AcrossQuery query,
              std::move_only_function<void(prefetch::Across)> done) override;
  void next_file(std::string path,
                 std::move_only_function<void(std::optional<prefetch::CatalogFile>)> done) override;

 private:
  template <typename Answer, typename Question>
  void ask(Question question, std::move_only_function<void(Answer)> done);

  const index::Index& index_;
  const format::Geometry geometry_;
  Executor& worker_;
  LoopExecutor& executor_;
  std::shared_ptr<std::size_t> in_line_;  // null once the catalog has ended
};

// What the answers are made of; blocking. An index error is no answer.
[[nodiscard]] std::optional<prefetch::CatalogFile> file_at(const index::ChunkMap& map,
                                                           format::Geometry geometry,
                                                           DataAddress address);
[[nodiscard]] std::optional<prefetch::CatalogFile> find_file(const index::Index& index,
                                                             std::string path);
[[nodiscard]] prefetch::Across files_across(const index::Index& index,
                                            const prefetch::AcrossQuery& query);
[[nodiscard]] std::optional<prefetch::CatalogFile> file_behind(const index::Index& index,
                                                               const std::string& path);

}  // namespace shoal::volume
