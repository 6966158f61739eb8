// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace shoal::tools::bench {

// How many files had been read at which second of a pass: at most 600 points, whatever its length.
// When they are full every other one goes, and later ones are taken half as often. confined.
class Timeline {
 public:
  struct Point {
    double seconds = 0;
    std::uint64_t files = 0;
  };
  void add(Point point);
  // The end of the pass, which is never left out.
  void finish(Point point) { points_.push_back(point); }
  [[nodiscard]] const std::vector<Point>& points() const noexcept { return points_; }

 private:
  static constexpr std::size_t kPointsMax = 600;
  std::vector<Point> points_;
  std::uint64_t offered_ = 0;
  std::uint64_t step_ = 1;  // every how manieth point is kept
};

inline void Timeline::add(Point point) {
  if (offered_++ % step_ != 0) return;
  points_.push_back(point);
  if (points_.size() < kPointsMax) return;
  for (std::size_t i = 0; 2 * i < points_.size(); ++i) points_[i] = points_[2 * i];
  points_.resize((points_.size() + 1) / 2);
  step_ *= 2;
}

}  // namespace shoal::tools::bench
