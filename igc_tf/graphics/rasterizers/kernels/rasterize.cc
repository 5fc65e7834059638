// Rasterization of triangle meshes as TensorFlow operations for CPUs, a batch at a time, with their
// gradients. What is computed is said in ../rasterizer.py and ../native_kernel.py; the same in
// TensorFlow's own operations is in ../window_kernel.py. Images are drawn in parallel on
// TensorFlow's thread pool.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "images.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace igc_tf {
namespace {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::errors::InvalidArgument;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

constexpr float kOne = 65536.0f;  // 1 in fixed point, which doubles hold here
constexpr float kFar = 1.0f;      // depth z / w of the far plane
constexpr float kThinnest = 1e-5f, kTiny = 1e-30f;  // as in rasterizer.py

// Rounds towards zero; std::trunc would be a function call on the oldest processors.
inline double Truncate(float value) { return static_cast<double>(static_cast<int64_t>(value)); }

// The smallest integer >= value, between 0 and size.
inline int CeilWithin(float value, int size) {
  if (!(value > 0)) return 0;
  if (value >= size) return size;
  const int floor = static_cast<int>(value);
  return floor + (floor < value);
}

// What drawing needs of a vertex, found once.
struct Vertex {
  double x, y, w;  // fixed point
  float z, clip_w;
  // The pixels [left, right) x [top, bottom) whose centers the vertex bounds; a triangle's window
  // is the smallest around its three. A hidden vertex, before the near plane, bounds the whole
  // image: a triangle with others behind that plane may reach anywhere.
  int left, right, top, bottom;
  bool hidden;

  Vertex(const float* v, int width, int height)
      : x(Truncate(v[0] * kOne)), y(Truncate(v[1] * kOne)), w(Truncate(v[3] * kOne)), z(v[2]),
        clip_w(v[3]), left(0), right(width), top(0), bottom(height),
        hidden(!(v[3] > 0 && v[2] >= -v[3])) {
    if (hidden) return;
    Bound(v[0], width, &left, &right);
    Bound(v[1], height, &top, &bottom);
  }

  void Bound(float coordinate, int size, int* first, int* end) const {
    const float safe_w = std::max(clip_w, 1e-6f);
    const float ratio = std::min(std::max(coordinate / safe_w, -1e3f), 1e3f);
    const float center = (ratio + 1) * (0.5f * size) - 0.5f;
    const float margin = size / kOne * (1 + (1 + std::abs(ratio)) / safe_w);  // of the rounding
    *first = CeilWithin(center - margin, size);
    *end = size - CeilWithin(size - 1 - (center + margin), size);
  }
};

// Pixel centers along a side of the image, in [-1, 1].
std::vector<float> PixelCenters(int size) {
  std::vector<float> centers(size);
  for (int i = 0; i < size; ++i) centers[i] = (i + 0.5) * 2 / size - 1;
  return centers;
}

std::vector<double> FixedPointCenters(int size) {
  std::vector<double> centers(size);
  const float half = 0.5f * size;
  for (int i = 0; i < size; ++i) centers[i] = Truncate(((i + 0.5f) / half - 1.0f) * kOne);
  return centers;
}

// Draws the rows [first_row, end_row) of one image; `depth` and `triangle` are those rows only.
void DrawRows(const std::vector<Vertex>& vertices, const int32_t* triangles, int64_t triangle_count,
              const std::vector<double>& columns, const std::vector<double>& rows, int first_row,
              int end_row, float* depth, int32_t* triangle) {
  const int width = columns.size();
  for (int64_t t = 0; t < triangle_count; ++t) {
    const int32_t* id = triangles + 3 * t;
    const Vertex &v0 = vertices[id[0]], &v1 = vertices[id[1]], &v2 = vertices[id[2]];
    const int left = std::min(std::min(v0.left, v1.left), v2.left);
    const int right = std::max(std::max(v0.right, v1.right), v2.right);
    const int top = std::max(std::min(std::min(v0.top, v1.top), v2.top), first_row);
    const int bottom = std::min(std::max(std::max(v0.bottom, v1.bottom), v2.bottom), end_row);
    if (left >= right || top >= bottom) continue;
    if (v0.hidden && v1.hidden && v2.hidden) continue;
    // Edge functions a x + b y + c in homogeneous coordinates, one a corner. Coefficients are
    // rounded to 24 bits; two triangles round a shared edge alike.
    const Vertex* const corner[3] = {&v0, &v1, &v2};
    double a[3], b[3], c[3];
    for (int i = 0; i < 3; ++i) {
      const Vertex &p = *corner[(i + 1) % 3], &q = *corner[(i + 2) % 3];
      a[i] = static_cast<float>(p.y * q.w - q.y * p.w);
      b[i] = static_cast<float>(p.w * q.x - q.w * p.x);
      c[i] = static_cast<float>(p.x * q.y - q.x * p.y) * static_cast<double>(kOne);
    }
    for (int row = top; row < bottom; ++row) {
      for (int column = left; column < right; ++column) {
        double u[3];
        for (int i = 0; i < 3; ++i) u[i] = a[i] * columns[column] + b[i] * rows[row] + c[i];
        const bool in_front = u[0] >= 0 && u[1] >= 0 && u[2] >= 0;
        const bool in_back = u[0] <= 0 && u[1] <= 0 && u[2] <= 0;
        if (in_front == in_back) continue;  // outside, or all are 0: no area
        const float total = static_cast<float>(u[0] + u[1] + u[2]);
        const float b0 = static_cast<float>(u[0]) / total, b1 = static_cast<float>(u[1]) / total;
        const float b2 = static_cast<float>(u[2]) / total;
        const float w = b0 * v0.clip_w + b1 * v1.clip_w + b2 * v2.clip_w;
        const float ndc = (b0 * v0.z + b1 * v1.z + b2 * v2.z) / w;
        const int64_t pixel = static_cast<int64_t>(row - first_row) * width + column;
        if (w > 0 && ndc >= -1 && ndc < depth[pixel]) {  // The first of equals stays.
          depth[pixel] = ndc;
          triangle[pixel] = t;
        }
      }
    }
  }
}

// Where a pixel lies in its triangle. The corners are sheared so that the pixel's center is at the
// origin: the weights are then cross products of small numbers.
struct Place {
  float x[3], y[3], w[3], scale;  // scale: 1 / area, 0 if float32 cannot tell
  float exact[3];

  Place(const float* vertices, const int32_t* id, float center_x, float center_y) {
    float length = 0;
    for (int i = 0; i < 3; ++i) {
      const float* corner = vertices + 4 * id[i];
      x[i] = corner[0] - corner[3] * center_x;
      y[i] = corner[1] - corner[3] * center_y;
      length = std::max(length, x[i] * x[i] + y[i] * y[i]);
    }
    float u[3], area = 0;
    for (int i = 0; i < 3; ++i) {
      const int j = (i + 1) % 3, k = (i + 2) % 3;
      u[i] = x[j] * y[k] - x[k] * y[j];
      area += u[i];
    }
    scale = std::abs(area) > kThinnest * length + kTiny ? 1 / area : 0;
    for (int i = 0; i < 3; ++i) exact[i] = u[i] * scale;
  }

  void Weights(float* weights) const {
    if (scale == 0) {
      std::fill_n(weights, 3, 1.0f / 3);
      return;
    }
    float total = 0;
    for (int i = 0; i < 3; ++i) total += weights[i] = std::max(exact[i], 0.0f);
    for (int i = 0; i < 3; ++i) weights[i] /= total;
  }
};

class RasterizeOp : public OpKernel {
 public:
  explicit RasterizeOp(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("height", &height_));
    OP_REQUIRES_OK(context, context->GetAttr("width", &width_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor &vertices = context->input(0), &triangles = context->input(1);
    const int64_t batch = vertices.dim_size(0), count = vertices.dim_size(1);
    const int32_t* ids = triangles.flat<int32_t>().data();
    OP_REQUIRES(context, AllInRange(ids, triangles.NumElements(), count),
                InvalidArgument("triangles names vertices outside [0, ", count, ")"));
    Tensor *triangle, *barycentrics, *mask;
    const TensorShape shape({batch, height_, width_});
    OP_REQUIRES_OK(context, context->allocate_output(0, shape, &triangle));
    OP_REQUIRES_OK(context, context->allocate_output(1, TensorShape({batch, height_, width_, 3}),
                                                     &barycentrics));
    OP_REQUIRES_OK(context, context->allocate_output(2, shape, &mask));
    const std::vector<double> columns = FixedPointCenters(width_);
    const std::vector<double> rows = FixedPointCenters(height_);
    const std::vector<float> x = PixelCenters(width_), y = PixelCenters(height_);
    const int64_t triangle_count = triangles.dim_size(0);

    // Few images are cut into bands of rows, so that all cores have work.
    const int64_t cores = context->device()->tensorflow_cpu_worker_threads()->num_threads;
    const int64_t bands =
        std::max<int64_t>(1, std::min<int64_t>(height_, cores / std::max<int64_t>(batch, 1)));
    auto draw = [&](int64_t image, int64_t band) {
      const float* points = vertices.flat<float>().data() + image * count * 4;
      std::vector<Vertex> corners;
      corners.reserve(count);
      for (int64_t i = 0; i < count; ++i) corners.emplace_back(points + 4 * i, width_, height_);
      const int first = band * height_ / bands, end = (band + 1) * height_ / bands;
      const int64_t offset = (image * height_ + first) * width_;
      const int64_t pixels = static_cast<int64_t>(end - first) * width_;
      std::vector<float> depth(pixels, kFar);
      int32_t* seen = triangle->flat<int32_t>().data() + offset;
      float* covered = mask->flat<float>().data() + offset;
      float* weights = barycentrics->flat<float>().data() + 3 * offset;
      std::fill_n(seen, pixels, 0);
      DrawRows(corners, ids, triangle_count, columns, rows, first, end, depth.data(), seen);
      for (int64_t i = 0; i < pixels; ++i, weights += 3) {
        covered[i] = depth[i] < kFar;
        if (depth[i] < kFar) {
          const int row = i / width_, column = i % width_;
          Place(points, ids + 3 * seen[i], x[column], y[first + row]).Weights(weights);
        } else {
          std::fill_n(weights, 3, 0.0f);
        }
      }
    };
    ForEachImage(context, batch, bands, 20 * (count + triangle_count + height_ * width_), draw);
  }

 private:
  int height_, width_;
};

class RasterizeGradOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    const Tensor &vertices = context->input(0), &triangles = context->input(1);
    const Tensor &triangle = context->input(2), &mask = context->input(3);
    const float* upstream = context->input(4).flat<float>().data();
    const int64_t batch = vertices.dim_size(0), count = vertices.dim_size(1);
    const int height = triangle.dim_size(1), width = triangle.dim_size(2);
    const int64_t pixels = static_cast<int64_t>(height) * width;
    const std::vector<float> x = PixelCenters(width), y = PixelCenters(height);
    const int32_t* ids = triangles.flat<int32_t>().data();
    Tensor* output;
    OP_REQUIRES_OK(context, context->allocate_output(0, vertices.shape(), &output));
    ForEachImage(context, batch, 1, 40 * pixels, [&](int64_t image, int64_t) {
      const float* points = vertices.flat<float>().data() + image * count * 4;
      float* total = output->flat<float>().data() + image * count * 4;
      std::fill_n(total, count * 4, 0.0f);
      for (int64_t i = 0; i < pixels; ++i) {
        const int64_t pixel = image * pixels + i;
        if (mask.flat<float>().data()[pixel] == 0) continue;
        const int32_t* id = ids + 3 * triangle.flat<int32_t>().data()[pixel];
        const float center_x = x[i % width], center_y = y[i / width];
        const Place place(points, id, center_x, center_y);
        if (place.scale == 0) continue;
        const float* g = upstream + 3 * pixel;
        const float along = g[0] * place.exact[0] + g[1] * place.exact[1] + g[2] * place.exact[2];
        float h[3];
        for (int k = 0; k < 3; ++k) h[k] = (g[k] - along) * place.scale;
        for (int k = 0; k < 3; ++k) {
          const int m = (k + 1) % 3, n = (k + 2) % 3;
          const float to_x = h[n] * place.y[m] - h[m] * place.y[n];
          const float to_y = h[m] * place.x[n] - h[n] * place.x[m];
          float* to = total + 4 * id[k];
          to[0] += to_x;
          to[1] += to_y;
          to[3] -= to_x * center_x + to_y * center_y;
        }
      }
    });
  }
};

REGISTER_OP("IgcRasterize")
    .Input("vertices: float32")
    .Input("triangles: int32")
    .Attr("height: int >= 1")
    .Attr("width: int >= 1")
    .Output("triangle: int32")
    .Output("barycentrics: float32")
    .Output("mask: float32")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle vertices, triangles;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &vertices));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 2, &triangles));
      tensorflow::shape_inference::DimensionHandle unused;
      TF_RETURN_IF_ERROR(c->WithValue(c->Dim(vertices, 2), 4, &unused));
      TF_RETURN_IF_ERROR(c->WithValue(c->Dim(triangles, 1), 3, &unused));
      int height, width;
      TF_RETURN_IF_ERROR(c->GetAttr("height", &height));
      TF_RETURN_IF_ERROR(c->GetAttr("width", &width));
      const auto batch = c->Dim(vertices, 0);
      const auto pixels = c->MakeShape({batch, c->MakeDim(height), c->MakeDim(width)});
      c->set_output(0, pixels);
      c->set_output(1, c->MakeShape({batch, c->MakeDim(height), c->MakeDim(width), c->MakeDim(3)}));
      c->set_output(2, pixels);
      return tensorflow::OkStatus();
    })
    .Doc("The nearest triangle at each pixel and the place in it; see native_kernel.py.");

REGISTER_OP("IgcRasterizeGrad")
    .Input("vertices: float32")
    .Input("triangles: int32")
    .Input("triangle: int32")
    .Input("mask: float32")
    .Input("to_barycentrics: float32")
    .Output("to_vertices: float32")
    .SetShapeFn([](InferenceContext* c) {
      c->set_output(0, c->input(0));
      return tensorflow::OkStatus();
    })
    .Doc("The gradient of IgcRasterize, whose inputs and outputs it takes.");

REGISTER_KERNEL_BUILDER(Name("IgcRasterize").Device(tensorflow::DEVICE_CPU), RasterizeOp);
REGISTER_KERNEL_BUILDER(Name("IgcRasterizeGrad").Device(tensorflow::DEVICE_CPU), RasterizeGradOp);

}  // namespace
}  // namespace igc_tf
