// SPDX-License-Identifier: Apache-2.0
#include "volume/recorder.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace shoal::volume {

Result<std::unique_ptr<Recorder>> Recorder::create(const std::filesystem::path& file, Parts parts) {
  auto opened = sys::File::open(file, sys::File::Mode::create);
  if (!opened) return fail(std::move(opened).error().with_context("trace to record"));
  SHOAL_CHECK_OK(opened->resize(0));
  return std::unique_ptr<Recorder>(new Recorder(std::move(*opened), parts));
}

void Recorder::on_read(const prefetch::Range& read) {
  {
    const std::lock_guard lock(pending_mutex_);
    if (pending_.size() >= kPendingMax) {
      dropped_ += 1;
      return;
    }
    pending_.push_back(read);
    if (writing_ || pending_.size() < kBatch) return;
    writing_ = true;
  }
  parts_.worker.post([this] { write_pending(); });
}

void Recorder::write_pending() {
  for (;;) {
    std::vector<prefetch::Range> reads;
    {
      const std::lock_guard lock(pending_mutex_);
      reads.swap(pending_);
      writing_ = !reads.empty();
      if (!writing_) return;
    }
    write(reads);
  }
}

void Recorder::write(const std::vector<prefetch::Range>& reads) {
  const std::lock_guard lock(write_mutex_);
  std::string lines;
  std::uint64_t files = 0;
  for (const prefetch::Range& read : reads) {
    const ChunkId id = parts_.geometry.chunk_of(read.begin);
    const std::uint64_t start = parts_.geometry.start_of(id).value;
    for (const format::Extent& extent : extents_of(id)) {
      const std::uint64_t begin = start + extent.chunk_offset;
      if (begin + extent.length <= read.begin.value) continue;
      if (begin >= read.begin.value + read.length) break;
      if (!is_new(DataAddress{begin - extent.object_offset})) continue;
      if (extent.path.find('\n') != std::string::npos) {
        unwritable_ += 1;
        continue;
      }
      lines += extent.path;
      lines += '\n';
      files += 1;
    }
  }
  if (lines.empty() || failed_) return;
  if (auto written = file_.write_at(written_bytes_, as_bytes(std::string_view(lines))); !written) {
    fail_once(written.error());
    return;
  }
  written_bytes_ += lines.size();
  files_.fetch_add(files, std::memory_order_relaxed);  // a number for people
}

const std::vector<format::Extent>& Recorder::extents_of(ChunkId id) {
  const auto found = maps_.find(id);
  if (found != maps_.end()) return found->second.extents;
  if (maps_.size() >= kMapsMax) maps_.clear();
  auto chunk = parts_.map.chunk(id);
  return (maps_[id] = chunk ? std::move(*chunk) : format::ChunkRecord{}).extents;
}

bool Recorder::is_new(DataAddress begin) {
  const ChunkId id = parts_.geometry.chunk_of(begin);
  std::vector<bool>& blocks = seen_[id];
  if (blocks.empty()) blocks.resize(parts_.geometry.blocks_per_chunk());
  const std::size_t block =
      (begin.value - parts_.geometry.start_of(id).value) / parts_.geometry.block_bytes;
  const bool is_first = !blocks[block];
  blocks[block] = true;
  return is_first;
}

// A full disk must not cost a reader anything: the trace ends, and the log says so.
void Recorder::fail_once(const Error& error) {
  failed_ = true;
  log_event(LogLevel::error, "record.stopped",
            {{"file", file_.path().string()}, {"error", error.to_string()}});
}

void Recorder::finish() {
  std::vector<prefetch::Range> rest;
  std::uint64_t dropped = 0;
  {
    const std::lock_guard lock(pending_mutex_);
    rest.swap(pending_);
    dropped = dropped_;
  }
  write(rest);
  const std::lock_guard lock(write_mutex_);
  if (dropped + unwritable_ > 0)
    log_event(LogLevel::warning, "record.incomplete",
              {{"file", file_.path().string()},
               {"reads_dropped", dropped},
               {"names_with_line_end", unwritable_}});
}

}  // namespace shoal::volume
