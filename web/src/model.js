// The model: a TFLite file that LiteRT runs in WebAssembly, and the constants that go with it.

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

/** The bytes of a file of this page, unpacked if it is packed by gzip. */
async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: the server answers ${response.status}`);
  const bytes = await response.arrayBuffer();
  const head = new Uint8Array(bytes, 0, 2);
  if (head[0] !== 0x1f || head[1] !== 0x8b) return bytes; // the server has unpacked it
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** A TFLite file as a function: an input (typed array) and its shape to the outputs, by name. */
async function compiled(file) {
  const network = await loadAndCompile(new Uint8Array(file), { accelerator: "wasm" });
  return async (values, shape) => {
    const input = new Tensor(values, shape);
    const outputs = await network.run([input]);
    input.delete();
    const found = {};
    for (const [i, { name }] of network.getOutputDetails().entries()) {
      found[name] = (await outputs[i].data()).slice();
      outputs[i].delete();
    }
    return found;
  };
}

/**
 * Loads the runtime and the model.
 *
 * Gives `about` (model.json); `find`, which takes a picture `[S, S, 3]` Uint8Array and gives the outputs
 * of the signature `capsules` by name, Float32Arrays; and the network of `detect.js`.
 */
export async function loadModel() {
  const [runtime, model, detector, about] = await Promise.all([
    fetched("litert/litert.wasm.gz").then((wasm) => WebAssembly.compile(wasm)),
    fetched("model/capsules.tflite.gz"),
    fetched("model/face_detection.tflite.gz"),
    fetched("model/model.json").then((text) => JSON.parse(new TextDecoder().decode(text))),
  ]);
  // LiteRT's loader asks this object for the compiled module, so that it may come packed.
  self.Module = {
    instantiateWasm(imports, done) {
      WebAssembly.instantiate(runtime, imports).then((instance) => done(instance, runtime));
      return {};
    },
  };
  await loadLiteRt("litert/litert.js");
  const capsules = await compiled(model);
  const size = about.image_size;
  return { about, find: (picture) => capsules(picture, [1, size, size, 3]), detector: await compiled(detector) };
}
