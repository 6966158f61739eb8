// SPDX-License-Identifier: Apache-2.0
#include "csi/registration.h"

#include <grpcpp/grpcpp.h>

#include "csi/endpoint.h"
#include "csi/limits.h"
#include "registration.grpc.pb.h"

namespace shoal::csi {
namespace {

namespace pb = pluginregistration;

class RegistrationRpcs final : public pb::Registration::Service {
 public:
  explicit RegistrationRpcs(Registration::Options options) : options_(std::move(options)) {}

  grpc::Status GetInfo(grpc::ServerContext*, const pb::InfoRequest*,
                       pb::PluginInfo* info) override {
    info->set_type("CSIPlugin");
    info->set_name(options_.driver_name);
    info->set_endpoint(options_.endpoint.string());
    // Of the CSI specification: kubelet compares the first number.
    info->add_supported_versions("1.0.0");
    return grpc::Status::OK;
  }

  grpc::Status NotifyRegistrationStatus(grpc::ServerContext*, const pb::RegistrationStatus* status,
                                        pb::RegistrationStatusResponse*) override {
    const std::string error = status->error().empty() ? "kubelet gave no reason" : status->error();
    options_.on_status(status->plugin_registered() ? "" : error);
    return grpc::Status::OK;
  }

 private:
  const Registration::Options options_;
};

}  // namespace

class Registration::Impl {
 public:
  explicit Impl(Options options) : rpcs_(std::move(options)) {}
  ~Impl() {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + limits::kFlushTime);
    server_->Wait();
  }
  bool start(const std::filesystem::path& socket) {
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(limits::kMessageBytesMax);
    builder.AddListeningPort("unix:" + socket.string(), grpc::InsecureServerCredentials());
    builder.RegisterService(&rpcs_);
    server_ = builder.BuildAndStart();
    return server_ != nullptr;
  }

 private:
  RegistrationRpcs rpcs_;
  std::unique_ptr<grpc::Server> server_;
};

Registration::Registration(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Registration::~Registration() = default;

Result<std::unique_ptr<Registration>> Registration::start(Options options) {
  SHOAL_TRY(const auto socket,
            parse_endpoint((options.directory / (options.driver_name + "-reg.sock")).string()));
  SHOAL_CHECK_OK(check_can_listen(socket));
  auto impl = std::make_unique<Impl>(std::move(options));
  if (!impl->start(socket))
    return fail(ErrorCode::io, "registration socket " + socket.string() + ": cannot listen there",
                "Check that the directory can be written.");
  return std::unique_ptr<Registration>(new Registration(std::move(impl)));
}

}  // namespace shoal::csi
