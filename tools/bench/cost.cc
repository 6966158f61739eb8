// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/cost.h"

namespace shoal::tools::bench {
namespace {

constexpr double kFiles = 1e6;
constexpr double kGib = 1024.0 * 1024.0 * 1024.0;

double per_file(std::uint64_t count, std::uint64_t files) {
  return files == 0 ? 0 : static_cast<double>(count) / static_cast<double>(files);
}

}  // namespace

std::optional<Cost> cost_per_million_files(const Prices& prices, const Consumption& consumption) {
  if (!prices.any() || consumption.files == 0) return std::nullopt;
  Cost cost;
  cost.gets = per_file(consumption.gets, consumption.files) * kFiles / 1000 *
              prices.per_1000_gets.value_or(0);
  cost.lists = per_file(consumption.lists, consumption.files_listed) * kFiles / 1000 *
               prices.per_1000_lists.value_or(0);
  cost.traffic =
      per_file(consumption.bytes, consumption.files) * kFiles / kGib * prices.per_gib.value_or(0);
  return cost;
}

}  // namespace shoal::tools::bench
