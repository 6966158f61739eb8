// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "image/writer.h"
#include "index/build.h"
#include "io.h"
#include "volume/prepare.h"

namespace shoal::tools {

struct Target;

// Shows an index build: a bar that is drawn anew on a terminal, one JSON line per second elsewhere.
class ProgressView {
 public:
  ProgressView(std::FILE* target, bool terminal) : target_(target), terminal_(terminal) {}
  ~ProgressView();
  ProgressView(const ProgressView&) = delete;
  ProgressView& operator=(const ProgressView&) = delete;
  void show(const index::BuildProgress& progress);

 private:
  void draw_bar(const index::BuildProgress& progress);
  void write_json(const index::BuildProgress& progress);

  std::FILE* target_;
  bool terminal_;
  bool drawn_ = false;
  double last_json_ = -1;  // seconds of `elapsed`
};

[[nodiscard]] unsigned columns_of_terminal(std::FILE* file);

// "name [####....]  50%  part  part": at most `columns` wide. Of the parts, which come in order of
// use to the reader, those that fit are shown whole. Pure.
[[nodiscard]] std::string bar_line(std::string_view name, double fraction,
                                   const std::vector<std::string>& parts, unsigned columns);

// One line of the bar, at most `columns` wide, without line end. Pure.
[[nodiscard]] std::string bar_text(const index::BuildProgress& progress, unsigned columns);

// volume::prepare() with the progress shown on io.err.
[[nodiscard]] Result<volume::PrepareResult> prepare_with_progress(const Target& target,
                                                                  const image::WriteOptions& image,
                                                                  bool rebuild, const Io& io);
// The same with a view of the caller's.
[[nodiscard]] Result<volume::PrepareResult> prepare_with_view(const Target& target,
                                                              const image::WriteOptions& image,
                                                              bool rebuild, const Io& io,
                                                              ProgressView& view);

}  // namespace shoal::tools
