// Interpolation of what is known at a mesh's vertices to the pixels that see it, and its gradients.
// What is computed is said in ../rasterizer.py. Images are worked on in parallel.

#include <algorithm>
#include <cstdint>

#include "images.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace igc_tf {
namespace {

using tensorflow::OpKernel;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::errors::InvalidArgument;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

// Calls each(image, pixel, the ids of its triangle's vertices or null) for every pixel.
template <typename Each>
void ForEachPixel(OpKernelContext* context, const Tensor& triangle, const Tensor& mask,
                  const Tensor& triangles, int64_t cost, const Each& each) {
  const int64_t pixels = triangle.dim_size(1) * triangle.dim_size(2);
  const int32_t *seen = triangle.flat<int32_t>().data(), *ids = triangles.flat<int32_t>().data();
  const float* covered = mask.flat<float>().data();
  ForEachImage(context, triangle.dim_size(0), 1, cost * pixels, [&](int64_t image, int64_t) {
    for (int64_t i = image * pixels; i < (image + 1) * pixels; ++i) {
      each(image, i, covered[i] == 0 ? nullptr : ids + 3 * static_cast<int64_t>(seen[i]));
    }
  });
}

// Both operations on attributes read vertices by number: all numbers are looked at first.
tensorflow::Status CheckFragments(const Tensor& triangle, const Tensor& barycentrics,
                                  const Tensor& mask, const Tensor& triangles,
                                  const Tensor& attributes) {
  if (triangle.dims() != 3 || mask.shape() != triangle.shape() || barycentrics.dims() != 4 ||
      barycentrics.NumElements() != 3 * triangle.NumElements() ||
      attributes.dim_size(0) != triangle.dim_size(0)) {
    return InvalidArgument("fragments of shape ", triangle.shape().DebugString(), ", ",
                           barycentrics.shape().DebugString(), ", ", mask.shape().DebugString(),
                           " do not fit attributes ", attributes.shape().DebugString());
  }
  if (!AllInRange(triangles.flat<int32_t>().data(), triangles.NumElements(),
                  attributes.dim_size(1))) {
    return InvalidArgument("triangles names vertices outside [0, ", attributes.dim_size(1), ")");
  }
  if (!AllInRange(triangle.flat<int32_t>().data(), triangle.NumElements(), triangles.dim_size(0))) {
    return InvalidArgument("fragments name triangles outside [0, ", triangles.dim_size(0), ")");
  }
  return tensorflow::OkStatus();
}

class InterpolateOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    const Tensor &triangle = context->input(0), &barycentrics = context->input(1);
    const Tensor &mask = context->input(2), &triangles = context->input(3);
    const Tensor& attributes = context->input(4);
    OP_REQUIRES_OK(context, CheckFragments(triangle, barycentrics, mask, triangles, attributes));
    const int64_t count = attributes.dim_size(1), channels = attributes.dim_size(2);
    TensorShape shape = triangle.shape();
    shape.AddDim(channels);
    Tensor* output;
    OP_REQUIRES_OK(context, context->allocate_output(0, shape, &output));
    const float* values = attributes.flat<float>().data();
    const float* weights = barycentrics.flat<float>().data();
    float* result = output->flat<float>().data();
    ForEachPixel(context, triangle, mask, triangles, 10 + 3 * channels,
                 [&](int64_t image, int64_t pixel, const int32_t* id) {
                   float* out = result + pixel * channels;
                   std::fill_n(out, channels, 0.0f);
                   for (int k = 0; id != nullptr && k < 3; ++k) {
                     const float weight = weights[3 * pixel + k];
                     const float* value = values + (image * count + id[k]) * channels;
                     for (int64_t c = 0; c < channels; ++c) out[c] += weight * value[c];
                   }
                 });
  }
};

class InterpolateGradOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    const Tensor &triangle = context->input(0), &barycentrics = context->input(1);
    const Tensor &mask = context->input(2), &triangles = context->input(3);
    const Tensor& attributes = context->input(4);
    OP_REQUIRES_OK(context, CheckFragments(triangle, barycentrics, mask, triangles, attributes));
    const int64_t count = attributes.dim_size(1), channels = attributes.dim_size(2);
    Tensor *to_barycentrics, *to_attributes;
    OP_REQUIRES_OK(context, context->allocate_output(0, barycentrics.shape(), &to_barycentrics));
    OP_REQUIRES_OK(context, context->allocate_output(1, attributes.shape(), &to_attributes));
    to_attributes->flat<float>().setZero();
    const float* values = attributes.flat<float>().data();
    const float* weights = barycentrics.flat<float>().data();
    const float* upstream = context->input(5).flat<float>().data();
    float* to_weights = to_barycentrics->flat<float>().data();
    float* to_values = to_attributes->flat<float>().data();
    ForEachPixel(context, triangle, mask, triangles, 10 + 6 * channels,
                 [&](int64_t image, int64_t pixel, const int32_t* id) {
                   const float* g = upstream + pixel * channels;
                   for (int k = 0; k < 3; ++k) {
                     float to_weight = 0;
                     if (id != nullptr) {
                       const float weight = weights[3 * pixel + k];
                       const int64_t vertex = (image * count + id[k]) * channels;
                       for (int64_t c = 0; c < channels; ++c) {
                         to_weight += g[c] * values[vertex + c];
                         to_values[vertex + c] += weight * g[c];
                       }
                     }
                     to_weights[3 * pixel + k] = to_weight;
                   }
                 });
  }
};

REGISTER_OP("IgcInterpolate")
    .Input("triangle: int32")
    .Input("barycentrics: float32")
    .Input("mask: float32")
    .Input("triangles: int32")
    .Input("attributes: float32")
    .Output("image: float32")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle triangle, attributes, channels;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &triangle));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(4), 3, &attributes));
      TF_RETURN_IF_ERROR(c->Subshape(attributes, 2, &channels));
      ShapeHandle image;
      TF_RETURN_IF_ERROR(c->Concatenate(triangle, channels, &image));
      c->set_output(0, image);
      return tensorflow::OkStatus();
    })
    .Doc("Vertices' attributes at the pixels; see native_kernel.py.");

REGISTER_OP("IgcInterpolateGrad")
    .Input("triangle: int32")
    .Input("barycentrics: float32")
    .Input("mask: float32")
    .Input("triangles: int32")
    .Input("attributes: float32")
    .Input("to_image: float32")
    .Output("to_barycentrics: float32")
    .Output("to_attributes: float32")
    .SetShapeFn([](InferenceContext* c) {
      c->set_output(0, c->input(1));
      c->set_output(1, c->input(4));
      return tensorflow::OkStatus();
    })
    .Doc("The gradients of IgcInterpolate.");

REGISTER_KERNEL_BUILDER(Name("IgcInterpolate").Device(tensorflow::DEVICE_CPU), InterpolateOp);
REGISTER_KERNEL_BUILDER(Name("IgcInterpolateGrad").Device(tensorflow::DEVICE_CPU),
                        InterpolateGradOp);


}  // namespace
}  // namespace igc_tf
