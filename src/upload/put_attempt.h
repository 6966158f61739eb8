// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "upload/attempt.h"

namespace shoal::upload {

// A put in one request: the whole body is in memory, so what is sent is what was hashed. A body
// that turns out too large goes on as an upload in parts.
class PutAttempt final : public Attempt {
 public:
  using Attempt::Attempt;
  ~PutAttempt() override { release(); }
  void start() override;

 private:
  void acquire(std::uint64_t bytes);
  void load();
  void on_loaded(Result<BodyReader::Loaded> loaded);
  void ask_then_put();
  void on_asked(Result<store::ObjectInfo> found);
  void put();
  void on_put(Result<store::PutResult> result);
  void ask_after(Error error);
  [[nodiscard]] bool is_ours(const store::ObjectInfo& found) const;
  void release();

  std::uint64_t acquired_ = 0;  // of the budget
  bool has_acquired_ = false;
  bool has_asked_ = false;
  BodyReader::Loaded loaded_;
};

}  // namespace shoal::upload
