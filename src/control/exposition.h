// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace shoal::control {

// Expositions of several processes as one, in Prometheus text format: each family once, with its
// HELP and TYPE, and behind that the samples of all of them, each with a label that says whose it
// is.
//
//   MergedExposition merged;
//   SHOAL_CHECK_OK(merged.add(own_text));
//   SHOAL_CHECK_OK(merged.add(text_of_server, "volume", "v1"));
//   response.set_content(merged.text(), kMetricsContentType);
//
// confined.
class MergedExposition {
 public:
  // `label` (none when empty) is put before each sample's own. corrupt, and nothing is added, when
  // it is no exposition as base/metrics.h writes it, or a family has another type here than before.
  [[nodiscard]] Result<void> add(std::string_view text, std::string_view label = {},
                                 std::string_view value = {});
  [[nodiscard]] std::string text() const;

 private:
  struct Family {
    std::string help;
    std::string type;
    std::string samples;
  };
  std::vector<std::string> order_;  // names, as they first came
  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace shoal::control
