// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "csi/agent_calls.h"

namespace shoal::csi {

// The agent as agent/client.h promises it, in memory: what a volume does when it is attached is
// told by `bring_up`. Every call is noted. synchronized.
class FakeAgent {
 public:
  using Attach = agent::Client::Attach;
  // Phase, error and progress of a volume that is being attached; ready without one.
  std::function<void(const Attach&, agent::VolumeReport&)> bring_up;
  // When set, every call fails with it.
  std::optional<Error> down;
  std::optional<Error> publish_fails;
  std::optional<Error> detach_fails;
  // As the agent does: a volume that was attached without keys takes none until it is detached.
  bool refuses_later_keys = false;
  // Called at the begin of attach, outside the lock.
  std::function<void()> on_attach = [] {};

  AgentDoor door() {
    return [this](const std::string& request_id) -> std::unique_ptr<AgentCalls> {
      return std::make_unique<Calls>(*this, request_id);
    };
  }
  std::vector<std::string> notes() {
    const std::lock_guard lock(mutex_);
    return std::exchange(notes_, {});
  }
  std::map<std::string, agent::VolumeReport> volumes;
  std::map<std::string, std::string> keys;  // id -> access key
  std::vector<Attach> attached;

 private:
  class Calls final : public AgentCalls {
   public:
    Calls(FakeAgent& agent, std::string request_id)
        : agent_(agent), request_id_(std::move(request_id)) {}
    Result<agent::VolumeReport> attach(const Attach& request) override {
      agent_.on_attach();
      const std::lock_guard lock(agent_.mutex_);
      if (agent_.down) return fail(*agent_.down);
      return agent_.attach(request);
    }
    Result<void> detach(const std::string& id) override {
      const std::lock_guard lock(agent_.mutex_);
      if (agent_.down) return fail(*agent_.down);
      return agent_.detach(id);
    }
    Result<void> publish(const agent::Client::Publish& request) override {
      const std::lock_guard lock(agent_.mutex_);
      if (agent_.down) return fail(*agent_.down);
      return agent_.publish(request);
    }
    Result<void> unpublish(const std::string& id, const std::filesystem::path& target) override {
      const std::lock_guard lock(agent_.mutex_);
      if (agent_.down) return fail(*agent_.down);
      agent_.notes_.push_back("unpublish " + id + " " + target.string());
      const auto at = agent_.volumes.find(id);
      if (at == agent_.volumes.end()) return {};
      std::erase_if(at->second.targets, [&](const auto& one) { return one.path == target; });
      return {};
    }
    Result<agent::VolumeReport> report(const std::string& id) override {
      const std::lock_guard lock(agent_.mutex_);
      if (agent_.down) return fail(*agent_.down);
      const auto at = agent_.volumes.find(id);
      if (at == agent_.volumes.end()) return fail(ErrorCode::not_found, "no volume " + id);
      return at->second;
    }
    Result<void> ping() override {
      const std::lock_guard lock(agent_.mutex_);
      if (agent_.down) return fail(*agent_.down);
      return {};
    }

   private:
    FakeAgent& agent_;
    std::string request_id_;
  };

  Result<agent::VolumeReport> attach(const Attach& request) {
    notes_.push_back("attach " + request.id + (request.keys ? " " + request.keys->access_key : ""));
    attached.push_back(request);
    const auto [at, is_new] = volumes.try_emplace(request.id);
    agent::VolumeReport& report = at->second;
    if (!is_new && report.spec != request.spec)
      return fail(ErrorCode::precondition, "volume " + request.id + " is attached otherwise");
    if (!is_new && refuses_later_keys && request.keys && !keys.contains(request.id))
      return fail(ErrorCode::precondition, "volume " + request.id + " uses the node's own keys");
    report.id = request.id;
    report.spec = request.spec;
    report.staging_path = request.staging_path;
    if (request.keys) keys[request.id] = request.keys->access_key;
    if (bring_up)
      bring_up(request, report);
    else
      report.phase = agent::VolumePhase::ready;
    return report;
  }
  Result<void> detach(const std::string& id) {
    notes_.push_back("detach " + id);
    if (detach_fails) return fail(*detach_fails);
    const auto at = volumes.find(id);
    if (at == volumes.end()) return {};
    if (!at->second.targets.empty())
      return fail(ErrorCode::precondition, "it is still at " + at->second.targets[0].path.string());
    volumes.erase(at);
    return {};
  }
  Result<void> publish(const agent::Client::Publish& request) {
    notes_.push_back("publish " + request.id + " " + request.target.string());
    if (publish_fails) return fail(*publish_fails);
    const auto at = volumes.find(request.id);
    if (at == volumes.end()) return fail(ErrorCode::not_found, "no volume " + request.id);
    if (at->second.phase != agent::VolumePhase::ready)
      return fail(ErrorCode::unavailable, "not ready");
    for (const auto& target : at->second.targets)
      if (target.path == request.target) {
        if (target.fingerprint != request.fingerprint)
          return fail(ErrorCode::precondition, "another fingerprint");
        return {};
      }
    at->second.targets.push_back({request.target, request.read_only, request.fingerprint});
    return {};
  }

  std::mutex mutex_;
  std::vector<std::string> notes_;  // guarded by mutex_
};

}  // namespace shoal::csi
