// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "agent/leftovers.h"
#include "base/log.h"
#include "frontend/fuse/host_check.h"
#include "frontend/fuse/mount.h"

namespace shoal::agent {
namespace {

namespace fs = std::filesystem;

// Kernel tables name directories as they are, without links.
Result<fs::path> made(const fs::path& directory) {
  SHOAL_CHECK_OK(sys::make_directories(directory));
  std::error_code error;
  fs::path real = fs::canonical(directory, error);
  if (error) return fail(sys::errno_error(error.value(), "resolve " + directory.string()));
  return real;
}

bool is_within(const fs::path& path, const fs::path& directory) {
  return std::ranges::mismatch(directory, path).in1 == directory.end();
}

}  // namespace

Result<std::unique_ptr<Agent>> Agent::start(const Options& wanted, sys::ServiceManager& manager) {
  if (geteuid() != 0)
    return fail(ErrorCode::permission, "agent: not root",
                "Run it as root: mounting EROFS needs CAP_SYS_ADMIN.");
  SHOAL_CHECK_OK(fuse::check_kernel());
  Options options = wanted;
  SHOAL_TRY(options.places.state_directory, made(wanted.places.state_directory));
  SHOAL_TRY(options.places.runtime_directory, made(wanted.places.runtime_directory));
  SHOAL_TRY(options.places.volumes_directory, made(wanted.places.volumes_directory));
  const fs::path& state = options.places.state_directory;
  SHOAL_TRY(auto lock, sys::LockFile::acquire(state / "lock"));
  SHOAL_TRY(auto names, Names::open(state / "salt"));
  SHOAL_TRY(auto keys, KeyFiles::open(options.places.agent_runtime() / "keys"));
  SHOAL_TRY(auto records, RecordFiles::open(state / "volumes"));
  SHOAL_TRY(auto loaded, records.load());
  for (const Error& error : loaded.unreadable)
    log_event(LogLevel::error, "record.unreadable", {{"error", error.to_string()}});
  std::unique_ptr<Agent> agent(new Agent(options, std::move(lock), std::move(names),
                                         std::move(keys), std::move(records), manager));
  agent->take_up(std::move(loaded.records), loaded.unreadable.empty(), manager);
  return agent;
}

Agent::Agent(const Options& options, sys::LockFile lock, Names names, KeyFiles keys,
             RecordFiles records, sys::ServiceManager& manager)
    : options_(options),
      lock_(std::move(lock)),
      names_(std::move(names)),
      keys_(std::move(keys)),
      records_(std::move(records)),
      targets_(options_.places.runtime_directory, options_.places.state_directory / "mounts"),
      mounts_(std::make_unique<Mounts>(
          manager, [this](const std::string& mount) { look_after_targets(mount); })) {}

void Agent::take_up(std::vector<VolumeRecord> records, bool complete,
                    sys::ServiceManager& manager) {
  auto stored = manager.take_descriptors();
  std::map<std::string, MountPlan> plans;
  {
    const std::lock_guard lock(mutex_);
    for (VolumeRecord& record : records) {
      join_locked(record);
      Use& use = uses_[record.mount];
      // Keys may have been replaced since by one of those who share the mount.
      if (const auto keys = keys_.read(record.mount)) use.key_identity = names_.of_keys(keys);
      plans.emplace(record.mount, plan_for(record));
      volumes_[record.id].record = std::move(record);
    }
  }
  // What a record that cannot be read tells of may be in use.
  if (complete) {
    std::set<std::string> kept;
    for (const auto& [mount, plan] : plans) kept.insert(mount);
    remove_leftovers(options_.places, kept);
  }
  for (auto& [mount, plan] : plans) {
    const auto found = std::ranges::find(stored, mount, &sys::ServiceManager::Stored::name);
    mounts_->ensure(plan, "", found == stored.end() ? sys::Fd() : std::move(found->descriptor));
  }
  for (const auto& [name, descriptor] : stored)
    if (!plans.contains(name)) ignore(manager.forget(name), "it only takes a place in the store");
  warn_of_strangers(plans);
  log_event(LogLevel::info, "agent.started",
            {{"volumes", volumes_.size()},
             {"mounts", plans.size()},
             {"stored_descriptors", stored.size()},
             {"state", options_.places.state_directory.string()}});
}

// Mounts of ours that no record tells of: it was lost or cannot be read. They are left alone.
void Agent::warn_of_strangers(const std::map<std::string, MountPlan>& plans) const {
  const auto mounts = fuse::list_mounts(options_.places.runtime_directory);
  if (!mounts) return;
  for (const fuse::MountState& mount : *mounts)
    if (mount.mount_point.parent_path() == options_.places.state_directory / "mounts" &&
        !plans.contains(mount.mount_point.filename().string()))
      log_event(LogLevel::warning, "mount.without_record",
                {{"mount_point", mount.mount_point.string()},
                 {"source", mount.source},
                 {"remedy", "attach its volume again, or `shoal umount` it"}});
}

MountPlan Agent::plan_for(const VolumeRecord& record) const {
  MountPlan plan{
      .name = record.mount, .spec = record.spec, .credentials_file = {}, .places = options_.places};
  if (!record.key_identity.empty()) plan.credentials_file = keys_.path_of(record.mount);
  return plan;
}

// ---- sharing

Result<std::string> Agent::mount_for_locked(const VolumeSpec& spec,
                                            const std::string& key_identity) const {
  const std::string name = names_.of_dataset(spec, key_identity);
  for (const auto& [mount, use] : uses_) {
    const bool same = use.key_identity == key_identity && use.spec == spec;
    if (same && !use.ending) return mount;
    // Another name would mean another directory: the dataset would be listed again.
    if (use.ending && (same || mount == name))
      return fail(ErrorCode::unavailable,
                  "volume of " + spec.source + ": its mount here is being unmounted",
                  "Try again in a moment: index and cache are then found again.");
  }
  std::string free = name;
  for (int number = 2; uses_.contains(free); ++number) free = fmt::format("{}.{}", name, number);
  return free;
}

void Agent::join_locked(const VolumeRecord& record) {
  Use& use = uses_[record.mount];
  if (use.ids.empty()) {
    use.spec = record.spec;
    use.key_identity = record.key_identity;
  }
  use.ids.insert(record.id);
}

void Agent::leave_locked(const std::string& mount, const std::string& id) {
  const auto found = uses_.find(mount);
  if (found == uses_.end()) return;
  found->second.ids.erase(id);
  if (found->second.ids.empty()) uses_.erase(found);
}

// ---- telling

VolumeReport Agent::report_locked(const Volume& volume) const {
  const VolumeRecord& record = volume.record;
  VolumeReport report;
  report.id = record.id;
  report.spec = record.spec;
  report.mount_point = plan_for(record).mount_point();
  report.staging_path = record.staging_path;
  report.targets = record.targets;
  const auto view = mounts_->view(record.mount);
  if (!view) return report;  // it is about to be added
  report.phase = view->phase;
  report.error = view->error;
  report.progress = view->progress;
  report.files = view->facts.files;
  report.directories = view->facts.directories;
  report.object_bytes = view->facts.object_bytes;
  report.listed_at = view->facts.listed_at;
  report.abnormal = view->abnormal;
  if (report.abnormal.empty() && !volume.lost.empty())
    report.abnormal = "it is not shown at " + volume.lost.begin()->first.string() + ": " +
                      volume.lost.begin()->second;
  report.server_restarts = view->server_restarts;
  return report;
}

Result<VolumeReport> Agent::report(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = volumes_.find(id);
  if (found == volumes_.end())
    return fail(ErrorCode::not_found, "volume " + id + ": nobody has attached it here");
  return report_locked(found->second);
}

std::vector<VolumeReport> Agent::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<VolumeReport> reports;
  for (const auto& [id, volume] : volumes_) reports.push_back(report_locked(volume));
  return reports;
}

std::vector<MountServer> Agent::served() const {
  const std::lock_guard lock(mutex_);
  std::vector<MountServer> served;
  for (const auto& [mount, use] : uses_) {
    const auto view = mounts_->view(mount);
    if (view && !view->control_socket.empty() && !use.ids.empty())
      served.push_back(
          {.volumes = {use.ids.begin(), use.ids.end()}, .control_socket = view->control_socket});
  }
  return served;
}

Result<void> Agent::check() const {
  const Duration idle = system_clock().now() - mounts_->last_turn();
  if (idle < limits::kTurnMax) return {};
  return fail(ErrorCode::unavailable,
              fmt::format("agent: its supervising thread has not gone round for {} s",
                          std::chrono::floor<std::chrono::seconds>(idle).count()),
              "Restart it; mounts go on meanwhile.");
}

// ---- targets

Result<void> Agent::check_target(const fs::path& target) const {
  SHOAL_CHECK_OK(check_path("target", target));
  std::error_code error;
  const fs::path real = fs::canonical(target.parent_path(), error) / target.filename();
  const Places& places = options_.places;
  for (const fs::path* ours :
       {&places.state_directory, &places.runtime_directory, &places.volumes_directory})
    if (is_within(error ? target : real, *ours) || is_within(*ours, error ? target : real))
      return fail(ErrorCode::bad_input,
                  "target " + target.string() + ": " + ours->string() + " is the agent's own",
                  "Name a directory elsewhere.");
  return {};
}

}  // namespace shoal::agent
