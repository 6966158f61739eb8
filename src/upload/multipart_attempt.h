// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "upload/sweeping_attempt.h"

namespace shoal::upload {

// A put in parts, which several requests carry at once and a later process can go on with.
//
//   open ─► (abort or sweep what an earlier try left) ─► intent in the journal ─► create
//        ─► id in the journal ─► parts, each noted when the service has it ─► is the file still
//        the same? ─► complete
//
// The intent is there so that an upload which was created when the process died is found and
// aborted. A complete whose answer was lost is judged by the object's ETag, which names its parts.
class MultipartAttempt final : public SweepingAttempt {
 public:
  using SweepingAttempt::SweepingAttempt;
  void start() override;

 private:
  void on_opened(BodyReader::File file);
  void begin();
  void abort_old();
  void forget_then_begin();
  void create();
  void on_created(Result<store::UploadId> upload);

  [[nodiscard]] std::uint32_t part_count() const;
  [[nodiscard]] std::uint64_t length_of(std::uint32_t number) const;
  void resume();
  void send_parts();
  void load_part(std::uint32_t number);
  void send_part(std::uint32_t number, Result<BodyReader::Loaded> loaded);
  void on_part(std::uint32_t number, std::uint64_t crc64, Result<store::UploadedPart> result);
  void end_part(std::uint32_t number);

  void stop(Outcome outcome);  // once no part is under way
  void act_on_stop();
  void abort_then_finish(Outcome outcome);

  void verify_then_complete();
  void check_condition();
  void complete();
  void on_complete(Result<store::PutResult> result);
  void ask_after(Error error);
  [[nodiscard]] std::string expected_etag() const;  // empty: the parts' ETags are no MD5s

  BodyReader::File file_;
  std::uint32_t next_number_ = 1;
  std::uint32_t under_way_ = 0;
  std::optional<Outcome> stop_;
  bool has_begun_anew_ = false;
};

// "md5 of the parts' MD5s"-N, as S3 and OSS name an object of N parts; empty when one of the ETags
// is no MD5 (encrypted with a key of the customer's).
[[nodiscard]] std::string multipart_etag(const std::vector<std::string>& part_etags);

}  // namespace shoal::upload
