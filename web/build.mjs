// Builds the page into dist/: one script, the runtime and the model, packed by gzip.

import { build } from "esbuild";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const from = (...names) => join(here, ...names);
const to = (...names) => join(here, "dist", ...names);
const model = from("public", "model");

if (!existsSync(join(model, "capsules.tflite"))) {
  console.error(
    "ERROR: no model in web/public/model. To have one: python -m tools.export --weights=photos --web_dir=web/public/model",
  );
  process.exit(1);
}
rmSync(to(), { recursive: true, force: true });
for (const folder of ["litert", "model", "samples"]) mkdirSync(to(folder), { recursive: true });
await build({
  entryPoints: [from("src", "page.js")],
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  outfile: to("page.js"),
  legalComments: "linked",
  logLevel: "warning",
});
for (const name of ["index.html", "style.css"]) cpSync(from("src", name), to(name));
cpSync(from("public", "samples"), to("samples"), { recursive: true });
cpSync(from("..", "docs", "images", "astronaut.jpg"), to("samples", "astronaut.jpg"));
cpSync(join(model, "model.json"), to("model", "model.json"));
cpSync(from("..", "LICENSE"), to("LICENSE"));
const packed = (source, target) => writeFileSync(target, gzipSync(readFileSync(source), { level: 9 }));
packed(join(model, "capsules.tflite"), to("model", "capsules.tflite.gz"));
const detector = from("node_modules", "@mediapipe", "face_detection", "face_detection_short_range.tflite");
packed(detector, to("model", "face_detection.tflite.gz"));
// The file for all browsers; the others need relaxed SIMD, threads or JSPI.
const litert = from("node_modules", "@litertjs", "core", "wasm", "litert_wasm_compat_internal");
cpSync(`${litert}.js`, to("litert", "litert.js"));
packed(`${litert}.wasm`, to("litert", "litert.wasm.gz"));

const bytes = (path) =>
  statSync(path).isDirectory()
    ? readdirSync(path).reduce((sum, name) => sum + bytes(join(path, name)), 0)
    : statSync(path).size;
console.log(`web/dist: ${(bytes(to()) / 1e6).toFixed(1)} MB`);
