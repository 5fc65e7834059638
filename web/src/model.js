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

/**
 * Loads the runtime and the model.
 *
 * Gives `about` (model.json) and `find`, which takes a picture `[S, S, 3]` Uint8Array and gives the
 * outputs of the signature `capsules` by name, Float32Arrays.
 */
export async function loadModel() {
  const [runtime, model, about] = await Promise.all([
    fetched("litert/litert.wasm.gz").then((wasm) => WebAssembly.compile(wasm)),
    fetched("model/capsules.tflite.gz"),
    fetch("model/model.json").then((response) => response.json()),
  ]);
  // LiteRT's loader asks this object for the compiled module, so that it may come packed.
  self.Module = {
    instantiateWasm(imports, done) {
      WebAssembly.instantiate(runtime, imports).then((instance) => done(instance, runtime));
      return {};
    },
  };
  await loadLiteRt("litert/litert.js");
  const compiled = await loadAndCompile(new Uint8Array(model), { accelerator: "wasm" });
  const size = about.image_size;

  async function find(picture) {
    const images = new Tensor(picture, [1, size, size, 3]);
    const outputs = await compiled.run({ images });
    images.delete();
    const found = {};
    for (const [name, tensor] of Object.entries(outputs)) {
      found[name] = (await tensor.data()).slice();
      tensor.delete();
    }
    return found;
  }
  return { about, find };
}
