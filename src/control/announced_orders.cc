// SPDX-License-Identifier: Apache-2.0
#include "control/announced_orders.h"

#include <fstream>
#include <system_error>

#include "control/commands.h"

namespace shoal::control {

Result<void> AnnouncedOrders::announce(const ReadOrder& order) {
  const std::lock_guard lock(mutex_);
  SHOAL_CHECK_OK(volume_.set_order(order));
  if (!order.append) bodies_.clear();
  if (bodies_.size() == kKept) bodies_.erase(bodies_.begin());
  bodies_.push_back(encode_order(order));
  const std::filesystem::path fresh = file_.string() + ".new";
  std::ofstream out(fresh, std::ios::trunc);
  for (const std::string& body : bodies_) out << body << '\n';
  out.close();
  std::error_code status;
  if (out) std::filesystem::rename(fresh, file_, status);
  return {};
}

Result<void> AnnouncedOrders::restore() {
  std::ifstream in(file_);
  Result<void> outcome;
  for (std::string line; std::getline(in, line);) {
    const auto order = decode_order(line);
    const auto announced = order ? announce(*order) : Result<void>(fail(order.error()));
    if (!announced) outcome = announced;
  }
  return outcome;
}

}  // namespace shoal::control
