// SPDX-License-Identifier: Apache-2.0
#include "csi/server.h"

#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/log.h"
#include "csi.grpc.pb.h"
#include "csi/endpoint.h"
#include "csi/limits.h"
#include "csi/rpc_log.h"

namespace shoal::csi {
namespace {

// gRPC tells wall time; a clock that is set must not end a call of ours.
TimePoint steady_deadline(const grpc::ServerContext& context) {
  const auto wall = context.deadline();
  const auto left = wall - std::chrono::system_clock::now();
  if (left > std::chrono::hours(24)) return TimePoint::max();
  return std::chrono::steady_clock::now() + std::chrono::duration_cast<Duration>(left);
}

// gRPC's own lines, as events: a log of JSON stays one.
void log_of_grpc(gpr_log_func_args* line) {
  const LogLevel level = line->severity == GPR_LOG_SEVERITY_DEBUG  ? LogLevel::debug
                         : line->severity == GPR_LOG_SEVERITY_INFO ? LogLevel::info
                                                                   : LogLevel::warning;
  log_event(level, "grpc", {{"message", line->message}});
}

// What is the same for every call: a name, a deadline, an end in log and metrics.
class Calls {
 public:
  explicit Calls(RpcMetrics& metrics) : metrics_(metrics) {}

  template <typename Request, typename Response, typename Method>
  grpc::Status run(std::string_view rpc, grpc::ServerContext* context, const Request& request,
                   Response& response, Method&& method) {
    const UnderWay under_way(*this);
    const TimePoint begun = std::chrono::steady_clock::now();
    const std::string request_id = ids_.next();
    const Call call{request_id, steady_deadline(*context),
                    [&] { return stopping_.load() || context->IsCancelled(); }};
    Answer<Response> answer = method(call);
    FinishedCall finished{.rpc = rpc, .request_id = request_id};
    if constexpr (requires { request.volume_id(); }) finished.volume = request.volume_id();
    if constexpr (requires { request.name(); }) finished.volume = request.name();
    if constexpr (requires { request.target_path(); }) finished.target = request.target_path();
    finished.took = std::chrono::steady_clock::now() - begun;
    if (answer) {
      response = *std::move(answer);
    } else {
      finished.code = answer.error().code;
      finished.message = answer.error().message;
    }
    metrics_.record(rpc, finished.code, finished.took);
    log_call(finished);
    if (finished.code == StatusCode::ok) return grpc::Status::OK;
    return {static_cast<grpc::StatusCode>(finished.code), answer.error().message};
  }

  // Returns when no call is under way, or after so long.
  void stop(Duration patience) {
    stopping_.store(true);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [this] { return under_way_ == 0; });
  }

 private:
  struct UnderWay {
    explicit UnderWay(Calls& all) : calls(all) {
      const std::lock_guard lock(calls.mutex_);
      ++calls.under_way_;
    }
    ~UnderWay() {
      const std::lock_guard lock(calls.mutex_);
      --calls.under_way_;
      calls.changed_.notify_all();
    }
    Calls& calls;
  };

  RpcMetrics& metrics_;
  RequestIds ids_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  int under_way_ = 0;  // guarded by mutex_
};

static_assert(static_cast<int>(grpc::StatusCode::UNAUTHENTICATED) ==
              static_cast<int>(StatusCode::unauthenticated));

// One method of a service: its name, its messages, the method of ours.
#define SHOAL_CSI_RPC(name, method)                                                       \
  grpc::Status name(grpc::ServerContext* context, const v1::name##Request* request,       \
                    v1::name##Response* response) override {                              \
    return calls_.run(#name, context, *request, *response,                                \
                      [&](const Call& call) { return service_.method(*request, call); }); \
  }

class IdentityRpcs final : public v1::Identity::Service {
 public:
  IdentityRpcs(IdentityService& service, Calls& calls) : service_(service), calls_(calls) {}
  SHOAL_CSI_RPC(GetPluginInfo, info)
  SHOAL_CSI_RPC(GetPluginCapabilities, capabilities)
  SHOAL_CSI_RPC(Probe, probe)

 private:
  IdentityService& service_;
  Calls& calls_;
};

class ControllerRpcs final : public v1::Controller::Service {
 public:
  ControllerRpcs(ControllerService& service, Calls& calls) : service_(service), calls_(calls) {}
  SHOAL_CSI_RPC(CreateVolume, create)
  SHOAL_CSI_RPC(DeleteVolume, remove)
  SHOAL_CSI_RPC(ValidateVolumeCapabilities, validate)
  SHOAL_CSI_RPC(ControllerGetCapabilities, capabilities)

 private:
  ControllerService& service_;
  Calls& calls_;
};

class NodeRpcs final : public v1::Node::Service {
 public:
  NodeRpcs(NodeService& service, Calls& calls) : service_(service), calls_(calls) {}
  SHOAL_CSI_RPC(NodeStageVolume, stage)
  SHOAL_CSI_RPC(NodeUnstageVolume, unstage)
  SHOAL_CSI_RPC(NodePublishVolume, publish)
  SHOAL_CSI_RPC(NodeUnpublishVolume, unpublish)
  SHOAL_CSI_RPC(NodeGetVolumeStats, stats)
  SHOAL_CSI_RPC(NodeExpandVolume, expand)
  SHOAL_CSI_RPC(NodeGetCapabilities, capabilities)
  SHOAL_CSI_RPC(NodeGetInfo, info)

 private:
  NodeService& service_;
  Calls& calls_;
};

#undef SHOAL_CSI_RPC

}  // namespace

class Server::Impl {
 public:
  Impl(const std::filesystem::path& socket, const Services& services, RpcMetrics& metrics)
      : address_("unix:" + socket.string()), calls_(metrics), identity_(services.identity, calls_) {
    if (services.node != nullptr) node_.emplace(*services.node, calls_);
    if (services.controller != nullptr) controller_.emplace(*services.controller, calls_);
  }

  bool start() {
    grpc::ServerBuilder builder;
    grpc::ResourceQuota quota("csi");
    builder.SetResourceQuota(quota.SetMaxThreads(limits::kThreadsMax));
    builder.SetMaxReceiveMessageSize(limits::kMessageBytesMax);
    // The file's mode keeps strangers away.
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.RegisterService(&identity_);
    if (node_) builder.RegisterService(&*node_);
    if (controller_) builder.RegisterService(&*controller_);
    server_ = builder.BuildAndStart();
    return server_ != nullptr;
  }

  void stop() {
    if (server_ == nullptr) return;
    calls_.stop(limits::kDrainTime);
    // Shutdown would wait for connections, too, and a client that does nothing keeps its own.
    server_->Shutdown(std::chrono::system_clock::now() + limits::kFlushTime);
    server_->Wait();
    server_.reset();
  }

  bool answers() const {
    const auto stub =
        v1::Identity::NewStub(grpc::CreateChannel(address_, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + limits::kHealthPatience);
    v1::GetPluginInfoResponse response;
    return stub->GetPluginInfo(&context, v1::GetPluginInfoRequest(), &response).ok();
  }

 private:
  const std::string address_;
  Calls calls_;
  IdentityRpcs identity_;
  std::optional<NodeRpcs> node_;
  std::optional<ControllerRpcs> controller_;
  std::unique_ptr<grpc::Server> server_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  stop();
}

Result<std::unique_ptr<Server>> Server::start(const std::filesystem::path& socket,
                                              const Services& services, RpcMetrics& metrics) {
  SHOAL_CHECK_OK(check_can_listen(socket));
  gpr_set_log_function(log_of_grpc);
  auto impl = std::make_unique<Impl>(socket, services, metrics);
  if (!impl->start())
    return fail(ErrorCode::io, "endpoint " + socket.string() + ": cannot listen there",
                "Check that its directory can be written, and that no other driver uses it.");
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::stop() {
  impl_->stop();
}

bool Server::answers() const {
  return impl_->answers();
}

}  // namespace shoal::csi
