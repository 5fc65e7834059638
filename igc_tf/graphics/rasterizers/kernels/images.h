// What the rasteriser's operations share.

#ifndef IGC_TF_GRAPHICS_KERNELS_IMAGES_H_
#define IGC_TF_GRAPHICS_KERNELS_IMAGES_H_

#include <cstdint>
#include <functional>

#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/util/work_sharder.h"

namespace igc_tf {

// Calls work(image, part) for all images, each in `parts` parts, over all cores. `cost` is of one
// part, in cycles or so.
inline void ForEachImage(tensorflow::OpKernelContext* context, int64_t images, int64_t parts,
                         int64_t cost, const std::function<void(int64_t, int64_t)>& work) {
  const auto& threads = *context->device()->tensorflow_cpu_worker_threads();
  tensorflow::Shard(threads.num_threads, threads.workers, images * parts, cost,
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i) work(i / parts, i % parts);
                    });
}

// Whether all values are in [0, limit).
inline bool AllInRange(const int32_t* values, int64_t count, int64_t limit) {
  for (int64_t i = 0; i < count; ++i) {
    if (values[i] < 0 || values[i] >= limit) return false;
  }
  return true;
}

}  // namespace igc_tf

#endif  // IGC_TF_GRAPHICS_KERNELS_IMAGES_H_
