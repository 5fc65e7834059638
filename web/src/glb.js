// A face as a binary glTF file: a node and a mesh for each part but the background, one texture.

import { halfExtent } from "./face.js";
import { triangles } from "./render.js";

const [FLOAT, SHORT] = [5126, 5123];
const [ARRAY, ELEMENTS] = [34962, 34963];

/** The file as a Uint8Array; `texture` is a PNG (Uint8Array) of the canonical view. */
export function glb(about, face, texture) {
  const size = about.map_size;
  const scale = halfExtent(about) / (size / 2);
  const count = size * size;
  const positions = new Float32Array(3 * count);
  const places = new Float32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const [x, y] = [(i % size) + 0.5, Math.floor(i / size) + 0.5];
    const d = face.depth[i];
    positions.set([d * (x - size / 2) * scale, -d * (y - size / 2) * scale, -d], 3 * i);
    places.set([x / size, y / size], 2 * i);
  }
  const byPart = new Map();
  const all = triangles(size);
  for (let t = 0; t < all.length; t += 3) {
    const corners = all.subarray(t, t + 3);
    const parts = [...corners].map((i) => face.labels[i]);
    if (about.parts.length > 1 && parts.includes(0)) continue;
    const part = parts[1] === parts[2] ? parts[1] : parts[0]; // the majority's, if there is one
    if (!byPart.has(part)) byPart.set(part, []);
    byPart.get(part).push(...corners);
  }
  if (!byPart.size) throw new Error("There is no face in this picture to make a mesh of.");

  const chunks = [];
  let offset = 0;
  const views = [];
  const view = (values, target) => {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    views.push({ buffer: 0, byteOffset: offset, byteLength: bytes.length, ...(target && { target }) });
    const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
    padded.set(bytes);
    chunks.push(padded);
    offset += padded.length;
    return views.length - 1;
  };
  const bounds = (pick) =>
    [0, 1, 2].map((c) => positions.filter((_, i) => i % 3 === c).reduce((a, b) => pick(a, b)));
  const vertices = (values, type, more = {}) => ({
    bufferView: view(values, ARRAY), componentType: FLOAT, count, type, ...more,
  });
  const accessors = [
    vertices(positions, "VEC3", { min: bounds(Math.min), max: bounds(Math.max) }),
    vertices(face.normals, "VEC3"),
    vertices(places, "VEC2"),
  ];
  const meshes = [...byPart].map(([part, indices]) => {
    const bufferView = view(new Uint16Array(indices), ELEMENTS);
    accessors.push({ bufferView, componentType: SHORT, count: indices.length, type: "SCALAR" });
    const attributes = { POSITION: 0, NORMAL: 1, TEXCOORD_0: 2 };
    const primitive = { attributes, indices: accessors.length - 1, material: 0 };
    return { name: about.parts[part].name, primitives: [primitive] };
  });
  const image = { bufferView: view(texture), mimeType: "image/png" };
  const json = {
    asset: { version: "2.0", generator: "igc_tf" },
    scene: 0,
    scenes: [{ nodes: meshes.map((_, i) => i) }],
    nodes: meshes.map(({ name }, mesh) => ({ name, mesh })),
    meshes,
    materials: [
      {
        name: "face",
        doubleSided: true,
        pbrMetallicRoughness: {
          baseColorTexture: { index: 0 }, metallicFactor: 0, roughnessFactor: 1,
        },
      },
    ],
    textures: [{ source: 0, sampler: 0 }],
    samplers: [{ magFilter: 9729, minFilter: 9729, wrapS: 33071, wrapT: 33071 }],
    images: [image],
    accessors,
    bufferViews: views,
    buffers: [{ byteLength: offset }],
  };
  let text = new TextEncoder().encode(JSON.stringify(json));
  const spaces = new Uint8Array(Math.ceil(text.length / 4) * 4).fill(0x20);
  spaces.set(text);
  text = spaces;
  const total = 12 + 8 + text.length + 8 + offset;
  const head = new Uint32Array([0x46546c67, 2, total, text.length, 0x4e4f534a]);
  const middle = new Uint32Array([offset, 0x004e4942]);
  const file = new Uint8Array(total);
  let at = 0;
  for (const part of [new Uint8Array(head.buffer), text, new Uint8Array(middle.buffer), ...chunks]) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}
