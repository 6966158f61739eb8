// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace shoal::tools::bench {

// List prices of a service, as its price page gives them; what was not given is not counted.
struct Prices {
  std::optional<double> per_1000_gets{};
  std::optional<double> per_1000_lists{};
  std::optional<double> per_gib{};  // leaving the bucket; services mean 2^30 bytes by a GB
  std::string currency = "USD";
  [[nodiscard]] bool any() const noexcept { return per_1000_gets || per_1000_lists || per_gib; }
};

// What reading asked of a bucket.
struct Consumption {
  std::uint64_t files = 0;
  std::uint64_t gets = 0;
  std::uint64_t lists = 0;
  std::uint64_t files_listed = 0;  // by those lists
  std::uint64_t bytes = 0;         // fetched
};

// For a million files read once and listed once.
struct Cost {
  double gets = 0;
  double lists = 0;
  double traffic = 0;
  [[nodiscard]] double total() const noexcept { return gets + lists + traffic; }
};

// Nothing when no price was given or no file was read. Pure.
[[nodiscard]] std::optional<Cost> cost_per_million_files(const Prices& prices,
                                                         const Consumption& consumption);

}  // namespace shoal::tools::bench
