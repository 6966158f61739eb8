// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "fetch/fetch_op.h"

namespace shoal::fetch {

// Whether a body is what the service stored, for objects whose ETag is the MD5 of their bytes.
// TCP's checksum lets one wrong segment in some ten million through, proxies and memory have faults
// of their own, and nothing else on a plain http:// connection would notice. The cost is the MD5,
// about 700 MB/s on one core, 14 us for an object of 10 kB; a sixth of that with many at a time.
//
// An ETag of 32 hex digits need not be an MD5: with SSE-KMS, SSE-C or in some services it is a
// random name. So a body that does not fit is fetched again. Two different bodies of one version:
// one was damaged on its way. The same one twice: the ETag is no MD5; when most are not, the check
// ends, and such a dataset has cost a few GETs more. confined.
class BodyCheck {
 public:
  // Nothing of a body under check is handed out before its end, so larger objects are not checked:
  // their first reader would wait longer than for a part, and reads them in several requests.
  static constexpr std::uint64_t kBytesMax = 1u << 20;

  // Whether the op brings a whole object that is to be checked.
  [[nodiscard]] bool covers(const FetchOp& op) const;

  enum class Verdict : std::uint8_t { good, fetch_again, damaged };
  // The MD5s of complete bodies, as many as there are.
  static void digest(std::span<const ByteSpan> bodies, std::span<Md5> digests);
  // Of a complete body; fetch_again at most once for an op.
  [[nodiscard]] Verdict judge(FetchOp& op, const Md5& digest);

 private:
  std::uint64_t fitting_ = 0;
  std::uint64_t no_md5_ = 0;  // ETags that proved to be something else
};

}  // namespace shoal::fetch
