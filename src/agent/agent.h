// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/client.h"
#include "agent/key_files.h"
#include "agent/mounts.h"
#include "agent/names.h"
#include "agent/records.h"
#include "agent/requests.h"
#include "agent/server_metrics.h"
#include "agent/targets.h"
#include "sys/file.h"

namespace shoal::agent {

// The volumes of a node: who wants what (records on disk), with which keys, and where it is shown.
// Volumes of equal spec and keys share a mount; what mounts do by themselves is in mounts.h.
//
// Who knows only the name of somebody's access key gets nothing: sharing a mount, or finding an
// index and a cache again, takes the same secret. Who shares a mount may give it new keys.
//
// Invariants: 1. A record is on disk before anything of it is done, and until all of it is undone.
// 2. A target is in its volume's record before something is mounted there. 3. No secret is in a
// record, a log line or an error.
//
// Thread model: synchronized. Calls for one volume exclude each other: the later is refused with
// `unavailable`. report() and list() wait for nobody.
class Agent {
 public:
  struct Options {
    Places places;
    std::size_t volumes_max = limits::kVolumesDefault;
  };
  // Takes up what an earlier agent of the same state directory left. Errors: precondition (another
  // agent runs), permission (not root), unsupported (no FUSE, no EROFS), and of files. `manager`
  // must outlive the agent.
  [[nodiscard]] static Result<std::unique_ptr<Agent>> start(const Options& options,
                                                            sys::ServiceManager& manager);
  // Mounts and listings go on.
  ~Agent() = default;

  // As in client.h. `cause`: id of the request, for the log.
  [[nodiscard]] Result<VolumeReport> attach(const Client::Attach& request,
                                            const std::string& cause);
  [[nodiscard]] Result<void> detach(const std::string& id, const std::string& cause);
  [[nodiscard]] Result<void> publish(const Client::Publish& request, const std::string& cause);
  [[nodiscard]] Result<void> unpublish(const Unpublish& request, const std::string& cause);
  [[nodiscard]] Result<VolumeReport> report(const std::string& id) const;
  [[nodiscard]] std::vector<VolumeReport> list() const;
  // unavailable: the supervising thread hangs.
  [[nodiscard]] Result<void> check() const;

  // The mounts that are served, each once.
  [[nodiscard]] std::vector<MountServer> served() const;
  [[nodiscard]] Mounts::Counts counts() const { return mounts_->counts(); }

 private:
  struct Volume {
    VolumeRecord record;
    bool busy = false;  // a call is under way: `record` is its own until it ends
    // The target that call makes or takes away: it is not restored meanwhile.
    std::filesystem::path in_hand = {};
    std::map<std::filesystem::path, std::string> lost = {};  // targets not shown, and why
    bool unsaved = false;  // the record on disk has a target more than `record`
  };
  // What volumes share.
  struct Use {
    VolumeSpec spec;
    std::string key_identity;
    std::set<std::string> ids;
    bool ending = false;
  };
  class Busy;

  Agent(const Options& options, sys::LockFile lock, Names names, KeyFiles keys, RecordFiles records,
        sys::ServiceManager& manager);
  // `complete`: all that there are.
  void take_up(std::vector<VolumeRecord> records, bool complete, sys::ServiceManager& manager);
  void warn_of_strangers(const std::map<std::string, MountPlan>& plans) const;

  [[nodiscard]] MountPlan plan_for(const VolumeRecord& record) const;
  [[nodiscard]] VolumeReport report_locked(const Volume& volume) const;
  // The mount a volume of this spec and these keys is to use: one that is there, or a new name.
  // unavailable: that one is being unmounted.
  [[nodiscard]] Result<std::string> mount_for_locked(const VolumeSpec& spec,
                                                     const std::string& key_identity) const;
  void join_locked(const VolumeRecord& record);
  void leave_locked(const std::string& mount, const std::string& id);

  struct Attaching;
  Result<Attaching> begin_attach(const Client::Attach& request);
  Result<void> decide_mount_locked(Attaching& attaching, const Client::Attach& request) const;
  Result<void> decide_keys_locked(Attaching& attaching) const;
  Result<void> carry_out(const Attaching& attaching, const std::string& cause);
  void undo_attach(const Attaching& attaching);
  // Nothing: nobody knows the volume. unavailable: another call has it.
  Result<std::optional<Busy>> enter(const std::string& id);
  Result<void> end_mount(const VolumeRecord& record);
  void rejoin(const VolumeRecord& record);
  void tidy_volume_directory(const VolumeRecord& record, const std::string& key_identity,
                             bool is_useless) const;
  Result<void> note_target(Busy& busy, const Client::Publish& request, bool& was_known);
  Result<void> refuse_foreign_target(const std::string& id,
                                     const std::filesystem::path& target) const;
  Result<void> check_target(const std::filesystem::path& target) const;
  // What is to be seen where, by the records.
  struct Shown {
    std::filesystem::path mount_point;
    std::vector<std::pair<std::string, std::filesystem::path>> targets;  // with their volume
    std::vector<std::string> unsaved;                                    // volumes
  };
  [[nodiscard]] Shown shown_by(const std::string& mount) const;
  // Restores targets of a mount, as far as they do not show it.
  void look_after_targets(const std::string& mount);
  void restore_target(const Shown& shown, const std::string& id,
                      const std::filesystem::path& target);
  void note_restored(const std::string& id, const std::filesystem::path& target,
                     const Result<bool>& restored);
  void save_late(const std::string& id);

  const Options options_;
  const sys::LockFile lock_;
  const Names names_;
  const KeyFiles keys_;
  const RecordFiles records_;
  Targets targets_;

  mutable std::mutex mutex_;
  std::map<std::string, Volume> volumes_;  // guarded
  std::map<std::string, Use> uses_;        // guarded; by mount

  std::unique_ptr<Mounts> mounts_;  // last: its workers use the above
};

}  // namespace shoal::agent
