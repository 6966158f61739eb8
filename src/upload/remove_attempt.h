// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "upload/attempt.h"

namespace shoal::upload {

// Deletes the object. Doing it twice is as good as once.
class RemoveAttempt final : public Attempt {
 public:
  using Attempt::Attempt;
  void start() override {
    parts_.store.remove(key(), guarded([this](Result<void> result) {
                          if (!result) return fail_with(std::move(result).error());
                          finish({.uploaded = {.key = key()}});
                        }));
  }
};

}  // namespace shoal::upload
