// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "tools/bench/report.h"
#include "tools/bench/source.h"
#include "tools/io.h"

namespace shoal::tools::bench {

// Lists every source, then measures: pass 1 of each, pass 2 of each, and so on, so that whatever
// else the machine does meanwhile disturbs all of them alike. Ctrl-C (io.stop) ends it early; the
// report then holds what there is. Blocks. Fails when a state cannot be brought about, and with
// not_found when a source has no file to read.
[[nodiscard]] Result<Report> run_bench(const Settings& settings,
                                       const std::vector<std::unique_ptr<Source>>& sources,
                                       const Io& io);

}  // namespace shoal::tools::bench
