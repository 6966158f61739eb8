// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "upload/attempt.h"

namespace shoal::upload {

// An append, in pieces when it is long. Where it begins is in the journal before a byte is sent;
// after a crash or a lost answer the object's size says how far it came, and the bytes there are
// compared before the rest is sent: nothing is appended twice.
class AppendAttempt final : public Attempt {
 public:
  using Attempt::Attempt;
  ~AppendAttempt() override { release(); }
  void start() override;

 private:
  class DigestSink;
  void ask();
  void on_asked(Result<store::ObjectInfo> found);
  void note_position(std::uint64_t position);
  void open();
  void next();
  void load();
  void on_loaded(Result<BodyReader::Loaded> loaded);
  void compare();
  void append();
  void on_appended(Result<store::AppendResult> result);
  void release();
  [[nodiscard]] std::uint64_t piece_bytes() const;

  BodyReader::File file_;      // spooled bodies
  std::uint64_t present_ = 0;  // bytes of the body that may be in the object already
  std::uint64_t offset_ = 0;   // of the body: settled up to here
  std::uint64_t acquired_ = 0;
  bool has_acquired_ = false;
  Body piece_;
};

}  // namespace shoal::upload
