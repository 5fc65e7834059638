// Runs requests on a SavedModel through TensorFlow's C++ loader, with no Python in the process.
//
//     run_saved_model SAVED_MODEL REQUESTS
//
// Every folder in REQUESTS is a request: `signature` holds the signature's name, `<input>.in` a serialized
// TensorProto. The answer is written beside them, as `<output>.out`, or the reason as `error`.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/framework/tensor.pb.h"
#include "tensorflow/core/public/session.h"

namespace fs = std::filesystem;

namespace {

std::string Read(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  content << stream.rdbuf();
  return content.str();
}

void Write(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

tensorflow::Status Answer(const tensorflow::SavedModelBundle& model, const fs::path& request) {
  const auto& signature = model.GetSignatures().at(Read(request / "signature"));
  std::vector<std::pair<std::string, tensorflow::Tensor>> inputs;
  for (const auto& [name, info] : signature.inputs()) {
    tensorflow::TensorProto proto;
    tensorflow::Tensor tensor;
    if (!proto.ParseFromString(Read(request / (name + ".in"))) || !tensor.FromProto(proto)) {
      return tensorflow::errors::InvalidArgument("no tensor: ", name);
    }
    inputs.emplace_back(info.name(), tensor);
  }
  std::vector<std::string> names, tensors;
  for (const auto& [name, info] : signature.outputs()) {
    names.push_back(name);
    tensors.push_back(info.name());
  }
  std::vector<tensorflow::Tensor> outputs;
  TF_RETURN_IF_ERROR(model.GetSession()->Run(inputs, tensors, {}, &outputs));
  for (size_t i = 0; i < names.size(); ++i) {
    tensorflow::TensorProto proto;
    outputs[i].AsProtoTensorContent(&proto);
    Write(request / (names[i] + ".out"), proto.SerializeAsString());
  }
  return tensorflow::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  tensorflow::SavedModelBundle model;
  const auto status = tensorflow::LoadSavedModel({}, {}, argv[1], {"serve"}, &model);
  if (!status.ok()) {
    std::cerr << status.ToString() << std::endl;
    return 1;
  }
  for (const auto& entry : fs::directory_iterator(argv[2])) {
    const auto answered = Answer(model, entry.path());
    if (!answered.ok()) Write(entry.path() / "error", std::string(answered.message()));
  }
  return 0;
}
