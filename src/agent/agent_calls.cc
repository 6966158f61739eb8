// SPDX-License-Identifier: Apache-2.0
//
// What is asked of the agent. A call takes its volume (`busy`), decides under the lock, does what
// touches disks and mounts without it, and puts the record back.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/agent.h"
#include "base/log.h"

namespace shoal::agent {
namespace {

namespace fs = std::filesystem;

Error busy_error(const std::string& id) {
  return Error(ErrorCode::unavailable, "volume " + id + ": busy with another call",
               "Try again in a moment.");
}

// What came with a request must not say something else by its ends or lines than was meant.
Result<void> check_keys(const std::optional<Keys>& keys) {
  if (!keys) return {};
  for (const std::string_view text : {std::string_view(keys->access_key), keys->secret_key.reveal(),
                                      keys->session_token.reveal()}) {
    const bool odd = std::ranges::any_of(
        text, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
    if (odd)
      return fail(ErrorCode::bad_input, "keys: one of them holds spaces or control characters",
                  "Look for a line end at the end of a value of the secret.");
  }
  return {};
}

bool is_useless(const std::optional<Mounts::View>& view) {
  if (!view || view->proven || view->phase != VolumePhase::failed || !view->error) return false;
  const ErrorCode code = view->error->code();
  return code == ErrorCode::permission || code == ErrorCode::not_found ||
         code == ErrorCode::bad_input;
}

}  // namespace

// A volume while one call has it. The copy of its record is put back by put().
class Agent::Busy {
 public:
  Busy(Agent& agent, VolumeRecord copy) : record(std::move(copy)), agent_(&agent) {}
  Busy(Busy&& other) noexcept
      : record(std::move(other.record)),
        erased(other.erased),
        agent_(std::exchange(other.agent_, nullptr)) {}
  Busy& operator=(Busy&&) = delete;
  ~Busy() {
    // A volume that was erased may have come again, and be another call's.
    if (agent_ == nullptr || erased) return;
    const std::lock_guard lock(agent_->mutex_);
    const auto found = agent_->volumes_.find(record.id);
    if (found == agent_->volumes_.end()) return;
    found->second.busy = false;
    found->second.in_hand.clear();
  }
  // Until the end of the call nobody else touches the target.
  void take_in_hand(const fs::path& target) {
    const std::lock_guard lock(agent_->mutex_);
    agent_->volumes_.at(record.id).in_hand = target;
  }
  // On disk first.
  Result<void> put() {
    SHOAL_CHECK_OK(agent_->records_.save(record));
    const std::lock_guard lock(agent_->mutex_);
    Volume& volume = agent_->volumes_.at(record.id);
    volume.record = record;
    volume.unsaved = false;
    return {};
  }
  // For what was taken away already: a full disk must not keep anybody from giving things back.
  void put_sooner_or_later() {
    const auto saved = put();
    if (saved) return;
    log_event(LogLevel::warning, "record.not_saved",
              {{"volume", record.id}, {"error", saved.error().to_string()}});
    const std::lock_guard lock(agent_->mutex_);
    Volume& volume = agent_->volumes_.at(record.id);
    volume.record = record;
    volume.unsaved = true;
  }

  VolumeRecord record;
  bool erased = false;

 private:
  Agent* agent_;
};

Result<std::optional<Agent::Busy>> Agent::enter(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = volumes_.find(id);
  if (found == volumes_.end()) return std::optional<Busy>();
  if (found->second.busy) return fail(busy_error(id));
  found->second.busy = true;
  return std::optional<Busy>(std::in_place, *this, found->second.record);
}

// ---- attach

struct Agent::Attaching {
  VolumeRecord record;                 // as it is to be
  std::optional<VolumeRecord> before;  // nothing: the volume is new
  std::optional<Keys> keys;            // to be used
  std::string key_identity;            // of `keys`
  bool write_keys = false;
  std::string identity_before;  // of the keys that are replaced
};

Result<VolumeReport> Agent::attach(const Client::Attach& request, const std::string& cause) {
  SHOAL_CHECK_OK(check_id(request.id));
  SHOAL_CHECK_OK(check_spec(request.spec));
  SHOAL_CHECK_OK(check_keys(request.keys));
  if (!request.staging_path.empty())
    SHOAL_CHECK_OK(check_path("staging path", request.staging_path));
  SHOAL_TRY(const Attaching attaching, begin_attach(request));
  {
    Busy busy(*this, attaching.record);
    if (auto done = carry_out(attaching, cause); !done) {
      undo_attach(attaching);
      busy.erased = !attaching.before;
      log_event(
          LogLevel::warning, "volume.not_attached",
          {{"volume", request.id}, {"error", done.error().to_string()}, {"request_id", cause}});
      return fail(std::move(done).error());
    }
  }
  if (!attaching.before)
    log_event(LogLevel::info, "volume.attached",
              {{"volume", request.id},
               {"mount", attaching.record.mount},
               {"source", request.spec.source},
               {"request_id", cause}});
  else if (attaching.write_keys)
    log_event(LogLevel::info, "volume.keys_replaced",
              {{"volume", request.id}, {"mount", attaching.record.mount}, {"request_id", cause}});
  if (request.wait > request.wait.zero()) mounts_->wait(attaching.record.mount, request.wait);
  return report(request.id);
}

Result<Agent::Attaching> Agent::begin_attach(const Client::Attach& request) {
  Attaching attaching;
  if (request.spec.sign_requests) attaching.keys = request.keys;
  attaching.key_identity = names_.of_keys(attaching.keys);
  const std::lock_guard lock(mutex_);
  const auto found = volumes_.find(request.id);
  VolumeRecord& record = attaching.record;
  if (found != volumes_.end()) {
    if (found->second.busy) return fail(busy_error(request.id));
    if (found->second.record.spec != request.spec)
      return fail(ErrorCode::precondition,
                  "volume " + request.id + ": it is attached with other options",
                  "Detach it first; a volume's options are those it was attached with.");
    attaching.before = record = found->second.record;
    SHOAL_CHECK_OK(decide_keys_locked(attaching));
  } else {
    SHOAL_CHECK_OK(decide_mount_locked(attaching, request));
  }
  if (attaching.keys) record.has_session_token = !attaching.keys->session_token.empty();
  if (!request.staging_path.empty()) record.staging_path = request.staging_path;
  record.detach_with_last_target = request.detach_with_last_target;
  // Others have the mount it leaves, if it does: that is why.
  if (attaching.before && attaching.before->mount != record.mount)
    leave_locked(attaching.before->mount, record.id);
  join_locked(record);
  if (attaching.write_keys)
    attaching.identity_before =
        std::exchange(uses_[record.mount].key_identity, attaching.key_identity);
  Volume& volume = volumes_[record.id];
  volume.record = record;
  volume.busy = true;
  return attaching;
}

Result<void> Agent::decide_mount_locked(Attaching& attaching, const Client::Attach& request) const {
  if (volumes_.size() >= options_.volumes_max)
    return fail(ErrorCode::limit,
                fmt::format("volume {}: {} are attached already", request.id, volumes_.size()),
                "Detach some, or raise --max-volumes.");
  VolumeRecord& record = attaching.record;
  record.id = request.id;
  record.spec = request.spec;
  record.key_identity = attaching.key_identity;
  SHOAL_TRY(record.mount, mount_for_locked(record.spec, record.key_identity));
  attaching.write_keys = attaching.keys.has_value() && !keys_.has(record.mount);
  return {};
}

// Keys for a volume that is there: the same again, others for the same mount, or a mount of its
// own.
Result<void> Agent::decide_keys_locked(Attaching& attaching) const {
  VolumeRecord& record = attaching.record;
  if (!attaching.keys) return {};
  const Use& use = uses_.at(record.mount);
  if (attaching.key_identity == use.key_identity) {
    attaching.write_keys = !keys_.has(record.mount);
    return {};
  }
  const auto view = mounts_->view(record.mount);
  const bool proven = view && view->proven;
  if (record.key_identity.empty()) {
    if (!proven)
      return fail(ErrorCode::precondition,
                  "volume " + record.id + ": it was attached to use the node's own keys",
                  "Detach it, and attach it with keys.");
    log_event(LogLevel::warning, "volume.keys_ignored",
              {{"volume", record.id}, {"reason", "it is mounted with the node's own keys"}});
    attaching.keys.reset();
    return {};
  }
  // Whoever shares a mount that was never ready has not shown that its keys are good for anything:
  // others' keys must not make it so.
  if (!proven && use.ids.size() > 1) {
    SHOAL_TRY(record.mount, mount_for_locked(record.spec, attaching.key_identity));
  }
  record.key_identity = attaching.key_identity;
  attaching.write_keys = true;
  return {};
}

Result<void> Agent::carry_out(const Attaching& attaching, const std::string& cause) {
  const VolumeRecord& record = attaching.record;
  if (attaching.write_keys) SHOAL_CHECK_OK(keys_.write(record.mount, *attaching.keys));
  SHOAL_CHECK_OK(records_.save(record));
  mounts_->ensure(plan_for(record), cause);
  return {};
}

void Agent::undo_attach(const Attaching& attaching) {
  const VolumeRecord& record = attaching.record;
  const std::lock_guard lock(mutex_);
  const bool moved = attaching.before && attaching.before->mount != record.mount;
  if (!attaching.before || moved) leave_locked(record.mount, record.id);
  if (const auto use = uses_.find(record.mount); use == uses_.end()) {
    keys_.remove(record.mount);
  } else if (attaching.write_keys) {
    // Those that are there, old or new: what is not must be written by the next attach.
    const auto keys = keys_.read(record.mount);
    use->second.key_identity = keys ? names_.of_keys(keys) : attaching.identity_before;
  }
  if (attaching.before) {
    join_locked(*attaching.before);
    volumes_.at(record.id).record = *attaching.before;
  } else {
    volumes_.erase(record.id);
  }
}

// ---- detach

Result<void> Agent::detach(const std::string& id, const std::string& cause) {
  SHOAL_CHECK_OK(check_id(id));
  SHOAL_TRY(auto busy, enter(id));
  if (!busy) return {};
  const VolumeRecord& record = busy->record;
  if (!record.targets.empty())
    return fail(ErrorCode::precondition,
                fmt::format("volume {}: it is shown at {} still{}", id,
                            record.targets.front().path.string(),
                            record.targets.size() == 1
                                ? ""
                                : fmt::format(" and {} more", record.targets.size() - 1)),
                "Unpublish its targets first.");
  SHOAL_CHECK_OK(end_mount(record));
  if (auto removed = records_.remove(id); !removed) {
    rejoin(record);
    return removed;
  }
  {
    const std::lock_guard lock(mutex_);
    volumes_.erase(id);
    busy->erased = true;
    leave_locked(record.mount, id);
    if (!uses_.contains(record.mount)) keys_.remove(record.mount);
  }
  log_event(LogLevel::info, "volume.detached",
            {{"volume", id}, {"mount", record.mount}, {"request_id", cause}});
  return {};
}

// With its last user. Any other leaves at once: two that go at the same time must not both believe
// that the other stays.
Result<void> Agent::end_mount(const VolumeRecord& record) {
  std::string key_identity;
  {
    const std::lock_guard lock(mutex_);
    Use& use = uses_.at(record.mount);
    if (use.ids.size() > 1) {
      use.ids.erase(record.id);
      return {};
    }
    use.ending = true;
    key_identity = use.key_identity;
  }
  const bool useless = is_useless(mounts_->view(record.mount));
  if (auto gone = mounts_->remove(record.mount); !gone) {
    const std::lock_guard lock(mutex_);
    uses_.at(record.mount).ending = false;
    return gone;
  }
  tidy_volume_directory(record, key_identity, useless);
  return {};
}

// After a detach that failed behind end_mount().
void Agent::rejoin(const VolumeRecord& record) {
  const std::lock_guard lock(mutex_);
  join_locked(record);
  uses_.at(record.mount).ending = false;
}

// So that a later volume finds index and cache again, and what cannot be found again takes no room.
void Agent::tidy_volume_directory(const VolumeRecord& record, const std::string& key_identity,
                                  bool is_useless) const {
  const fs::path directory = options_.places.volumes_directory / record.mount;
  std::error_code error;
  if (is_useless || record.has_session_token) {
    fs::remove_all(directory, error);
    return;
  }
  const std::string name = names_.of_dataset(record.spec, key_identity);
  if (record.mount.starts_with(name)) return;
  // Its keys were replaced while it was mounted.
  const fs::path wanted = options_.places.volumes_directory / name;
  if (!fs::exists(wanted, error)) fs::rename(directory, wanted, error);
}

// ---- targets

void Agent::save_late(const std::string& id) {
  auto busy = enter(id);
  // Not by now: the next look tries again.
  if (busy && *busy) ignore((*busy)->put(), "said when it failed first");
}

Result<void> Agent::refuse_foreign_target(const std::string& id, const fs::path& target) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [other, volume] : volumes_) {
    const bool shown =
        other != id && std::ranges::find(volume.record.targets, target, &TargetReport::path) !=
                           volume.record.targets.end();
    if (shown)
      return fail(ErrorCode::precondition,
                  "target " + target.string() + ": volume " + other + " is shown there",
                  "Unpublish that one first.");
  }
  return {};
}

// Puts the target into the record; `was_known` when it is there already, asked for in the same way.
Result<void> Agent::note_target(Busy& busy, const Client::Publish& request, bool& was_known) {
  auto& targets = busy.record.targets;
  const auto found = std::ranges::find(targets, request.target, &TargetReport::path);
  was_known = found != targets.end();
  if (was_known) {
    if (found->fingerprint == request.fingerprint && found->read_only == request.read_only)
      return {};
    return fail(ErrorCode::precondition,
                "target " + request.target.string() + ": it was published with other options",
                "Unpublish it first.");
  }
  if (targets.size() >= limits::kTargetsMax)
    return fail(ErrorCode::limit,
                fmt::format("volume {}: it is shown at {} targets", request.id, targets.size()),
                "Unpublish some.");
  targets.push_back(
      {.path = request.target, .read_only = request.read_only, .fingerprint = request.fingerprint});
  std::ranges::sort(targets, {}, &TargetReport::path);
  return busy.put();
}

Result<void> Agent::publish(const Client::Publish& request, const std::string& cause) {
  SHOAL_CHECK_OK(check_id(request.id));
  SHOAL_CHECK_OK(check_target(request.target));
  SHOAL_TRY(auto busy, enter(request.id));
  if (!busy)
    return fail(ErrorCode::not_found, "volume " + request.id + ": nobody has attached it here",
                "Attach it first.");
  const auto view = mounts_->view(busy->record.mount);
  if (!view || view->phase != VolumePhase::ready)
    return fail(ErrorCode::unavailable,
                fmt::format("volume {}: it is not ready but {}{}", request.id,
                            name_of(view ? view->phase : VolumePhase::indexing),
                            view && view->error ? ": " + view->error->message() : ""),
                "Wait until it is ready.");
  SHOAL_CHECK_OK(refuse_foreign_target(request.id, request.target));
  busy->take_in_hand(request.target);
  bool was_known = false;
  SHOAL_CHECK_OK(note_target(*busy, request, was_known));
  auto shown = targets_.show(plan_for(busy->record).mount_point(), request.target, was_known);
  if (!shown) {
    if (!was_known) {
      std::erase_if(busy->record.targets,
                    [&](const TargetReport& one) { return one.path == request.target; });
      busy->put_sooner_or_later();
    }
    return shown;
  }
  if (!was_known)
    log_event(LogLevel::info, "target.published",
              {{"volume", request.id}, {"target", request.target.string()}, {"request_id", cause}});
  return {};
}

Result<void> Agent::unpublish(const Unpublish& request, const std::string& cause) {
  SHOAL_CHECK_OK(check_id(request.id));
  SHOAL_CHECK_OK(check_target(request.target));
  SHOAL_CHECK_OK(refuse_foreign_target(request.id, request.target));
  bool is_over = false;
  {
    SHOAL_TRY(auto busy, enter(request.id));
    if (!busy) return targets_.hide(request.target, /*is_ours=*/false);
    auto& targets = busy->record.targets;
    const auto found = std::ranges::find(targets, request.target, &TargetReport::path);
    const bool is_ours = found != targets.end();
    busy->take_in_hand(request.target);
    SHOAL_CHECK_OK(targets_.hide(request.target, is_ours));
    if (is_ours) {
      targets.erase(found);
      busy->put_sooner_or_later();
      log_event(
          LogLevel::info, "target.unpublished",
          {{"volume", request.id}, {"target", request.target.string()}, {"request_id", cause}});
    }
    is_over = targets.empty() && busy->record.detach_with_last_target;
  }
  return is_over ? detach(request.id, cause) : Result<void>();
}

}  // namespace shoal::agent
