// Renders a face in WebGL by the formulas of igc_tf/graphics: the mesh is made of the depth map in the
// vertex shader, and each pixel is colored by the three vertices of the triangle that it sees.

import { halfExtent } from "./face.js";

const VERTEX = `#version 300 es
precision highp float;
precision highp int;
uniform sampler2D depthMap;
uniform bool filling;       // the background, all over the picture
uniform int size;           // of the maps
uniform float extent;       // half the picture's width at depth 1
uniform mat3 turn, found;   // the rotation to render, and the photo's
uniform vec3 shift, foundShift;
out vec2 grid;              // place in the maps, in texels; 0 is the first one's center
out vec2 onPhoto;           // where the photo shows it, share of its sides
out float seenDepth;
const vec3 PIVOT = vec3(0, 0, -1);
const float NEAR = 0.1, FAR = 10.0;
void main() {
  if (filling) { gl_Position = vec4(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1, 0, 1); return; }
  int columns = size + 2;   // one ring of vertices around the maps
  ivec2 place = ivec2(gl_VertexID % columns, gl_VertexID / columns) - 1;
  float depth = texelFetch(depthMap, clamp(place, 0, size - 1), 0).r;
  vec2 ray = ((vec2(place) + 0.5) / float(size) * 2.0 - 1.0) * extent;
  vec3 point = depth * vec3(ray.x, -ray.y, -1) - PIVOT;
  vec3 there = turn * point + PIVOT + shift;
  vec3 then = found * point + PIVOT + foundShift;
  grid = vec2(place);
  seenDepth = -there.z;
  onPhoto = vec2(then.x, -then.y) / (-then.z * extent) * 0.5 + 0.5;
  gl_Position = vec4(there.xy / extent,
                     (seenDepth * (FAR + NEAR) - 2.0 * FAR * NEAR) / (FAR - NEAR), seenDepth);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
uniform sampler2D albedoMap;   // rgb, and the share of the foreground
uniform sampler2D normalMap;   // xyz, and the part
uniform sampler2D backgroundMap, photo;
uniform int size, mode;
uniform bool hasBackground, filling;
uniform vec2 canvas;
uniform mat3 turn, found;
uniform float ambient, diffuse, foundAmbient, foundDiffuse;
uniform vec3 direction, foundDirection;
uniform vec4 palette[16];              // a = 0: the part is not shown
in vec2 grid, onPhoto;
in float seenDepth;
out vec4 color;

float shade(vec3 normal, float a, float d, vec3 l) { return a + d * max(0.0, dot(normal, l)); }

vec3 behind() {   // the static background, resized as tf.image.resize does
  vec2 at = vec2(gl_FragCoord.x, canvas.y - gl_FragCoord.y) / canvas * float(size) - 0.5;
  ivec2 a = ivec2(floor(at));
  vec2 f = at - vec2(a);
  vec3 rows[2];
  for (int r = 0; r < 2; r++) {
    ivec2 left = clamp(a + ivec2(0, r), 0, size - 1), right = clamp(a + ivec2(1, r), 0, size - 1);
    rows[r] = mix(texelFetch(backgroundMap, left, 0).rgb, texelFetch(backgroundMap, right, 0).rgb, f.x);
  }
  return mix(rows[0], rows[1], f.y);
}

vec3 warm(float x) {   // viewing/colors.py: depth_colors
  vec3 stops[6] = vec3[6](vec3(18, 14, 51), vec3(68, 25, 108), vec3(140, 41, 106),
                          vec3(211, 77, 76), vec3(246, 152, 60), vec3(253, 246, 190));
  float at = clamp(x, 0.0, 1.0) * 5.0;
  int low = min(int(at), 4);
  return mix(stops[low], stops[low + 1], at - float(low)) / 255.0;
}

void main() {
  if (filling) { color = vec4(behind(), 1); return; }
  // The triangle's vertices and the pixel's place among them; cells are cut from lower left to upper right.
  vec2 cell = floor(grid), f = grid - cell;
  bool upper = f.x + f.y < 1.0;
  vec2 corners[3] = vec2[3](upper ? vec2(0) : vec2(1), vec2(1, 0), vec2(0, 1));
  vec3 weights = upper ? vec3(1.0 - f.x - f.y, f.x, f.y) : vec3(f.x + f.y - 1.0, 1.0 - f.y, 1.0 - f.x);
  vec3 lit = vec3(0), albedo = vec3(0), normal = vec3(0);
  float alpha = 0.0, light = 0.0, photoLight = 0.0;
  int parts[3];
  for (int k = 0; k < 3; k++) {
    ivec2 at = clamp(ivec2(cell + corners[k]), 0, size - 1);
    vec4 a = texelFetch(albedoMap, at, 0), n = texelFetch(normalMap, at, 0);
    float here = shade(n.xyz, ambient, diffuse, direction);
    lit += weights[k] * a.rgb * here;
    light += weights[k] * here;
    photoLight += weights[k] * shade(n.xyz, foundAmbient, foundDiffuse, foundDirection);
    albedo += weights[k] * a.rgb;
    alpha += weights[k] * a.a;
    normal += weights[k] * n.xyz;
    parts[k] = int(n.w);
  }
  int part = parts[0];   // the one of the largest share, the first of equals
  float most = -1.0;
  for (int k = 0; k < 3; k++) {
    float share = 0.0;
    for (int j = 0; j < 3; j++) if (parts[j] == parts[k]) share += weights[j];
    if (share > most || (share == most && parts[k] < part)) { most = share; part = parts[k]; }
  }
  vec3 seen = lit;
  if (mode == 1) {   // the photo's own pixels, its light replaced, where the photo shows the surface
    float facing = smoothstep(0.15, 0.45, (found * normalize(normal)).z);
    vec2 edge = min(onPhoto, 1.0 - onPhoto);
    facing *= smoothstep(0.0, 0.03, min(edge.x, edge.y));
    vec3 relit = texture(photo, onPhoto).rgb * light / max(photoLight, 0.1);
    seen = mix(lit, relit, facing);
  }
  if (mode <= 1) color = vec4(hasBackground ? mix(behind(), seen, alpha) : seen, 1);
  else if (mode == 2) color = palette[part].a > 0.0 ? vec4(palette[part].rgb, 1) : vec4(0);
  else if (mode == 3) color = vec4(warm((1.1 - seenDepth) / 0.2), 1);
  else if (mode == 4) color = vec4((turn * normalize(normal) + 1.0) / 2.0, 1);
  else if (mode == 5) color = vec4(float(part) / 255.0, 0, 0, 1);
  else color = vec4(palette[part].rgb * clamp(light, 0.2, 1.2), 1);
}`;

/** What can be rendered. `parts` is flat and transparent where not shown, `shaded` is in the light. */
export const MODES = { model: 0, photo: 1, parts: 2, depth: 3, normals: 4, labels: 5, shaded: 6 };

/** Rz(roll) Ry(yaw) Rx(pitch) of degrees, column by column as WebGL wants it. */
function rotation({ pitch, yaw, roll }) {
  const [x, y, z] = [pitch, yaw, roll].map((degrees) => (degrees * Math.PI) / 180);
  const [sx, sy, sz] = [x, y, z].map(Math.sin);
  const [cx, cy, cz] = [x, y, z].map(Math.cos);
  return [
    ...[cy * cz, cy * sz, -sy],
    ...[sx * sy * cz - cx * sz, sx * sy * sz + cx * cz, sx * cy],
    ...[cx * sy * cz + sx * sz, cx * sy * sz - sx * cz, cx * cy],
  ];
}

export class Renderer {
  /** A canvas of its own; throws where there is no WebGL 2. */
  constructor(about) {
    this.about = about;
    this.canvas = document.createElement("canvas");
    const gl = this.canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: false });
    if (!gl) throw new Error("This browser has no WebGL 2, which the page draws with.");
    this.gl = gl;
    this.program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    }
    gl.linkProgram(this.program);
    if (!gl.getProgramParameter(this.program, gl.LINK_STATUS))
      throw new Error(gl.getProgramInfoLog(this.program));
    gl.useProgram(this.program);
    ["depthMap", "albedoMap", "normalMap", "backgroundMap", "photo"].forEach((name, unit) => {
      gl.uniform1i(this.uniform(name), unit);
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
      const filter = name === "photo" ? gl.LINEAR : gl.NEAREST;
      for (const [key, value] of [
        [gl.TEXTURE_MIN_FILTER, filter],
        [gl.TEXTURE_MAG_FILTER, filter],
        [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE],
        [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
      ])
        gl.texParameteri(gl.TEXTURE_2D, key, value);
    });
    this.triangles = triangles(about.map_size + 2);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, this.triangles, gl.STATIC_DRAW);
    gl.uniform1i(this.uniform("size"), about.map_size);
    gl.uniform1f(this.uniform("extent"), halfExtent(about));
    gl.depthFunc(gl.LESS);
  }

  uniform(name) {
    return this.gl.getUniformLocation(this.program, name);
  }

  /** Takes a face, and the picture (a canvas) that its photo's pixels come from. */
  show(face, picture) {
    const { gl } = this;
    const size = this.about.map_size;
    const four = (maps, last) =>
      Float32Array.from({ length: 4 * size * size }, (_, i) =>
        i % 4 === 3 ? last[i >> 2] : maps[3 * (i >> 2) + (i % 4)],
      );
    const set = (unit, format, kind, values) => {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.texImage2D(gl.TEXTURE_2D, 0, format, size, size, 0, kind, gl.FLOAT, values);
    };
    set(0, gl.R32F, gl.RED, face.depth);
    set(1, gl.RGBA32F, gl.RGBA, four(face.albedo, face.alpha));
    set(2, gl.RGBA32F, gl.RGBA, four(face.normals, face.labels));
    if (face.background) set(3, gl.RGB32F, gl.RGB, face.background);
    gl.activeTexture(gl.TEXTURE4);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, picture);
    this.face = face;
  }

  /**
   * Renders the face to `this.canvas`, of `side` px.
   *
   * `pose` has pitch, yaw, roll in degrees and the translation; `light` has ambient, diffuse and direction;
   * `shown` tells part by part what is shown in the mode `parts`.
   */
  draw(mode, side, pose = this.face.pose, light = this.face.light, shown = null) {
    const { gl, about, face } = this;
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    gl.viewport(0, 0, side, side);
    gl.uniform1i(this.uniform("mode"), MODES[mode]);
    gl.uniform2f(this.uniform("canvas"), side, side);
    gl.uniform1i(this.uniform("hasBackground"), face.background ? 1 : 0);
    gl.uniformMatrix3fv(this.uniform("turn"), false, rotation(pose));
    gl.uniformMatrix3fv(this.uniform("found"), false, rotation(face.pose));
    gl.uniform3fv(this.uniform("shift"), pose.translation);
    gl.uniform3fv(this.uniform("foundShift"), face.pose.translation);
    for (const [prefix, one] of [["", light], ["found", face.light]]) {
      const named = (name) => this.uniform(prefix ? prefix + name[0].toUpperCase() + name.slice(1) : name);
      gl.uniform1f(named("ambient"), one.ambient);
      gl.uniform1f(named("diffuse"), one.diffuse);
      gl.uniform3fv(named("direction"), one.direction);
    }
    about.parts.forEach(({ color }, part) => {
      const rgb = color.map((value) => value / 255);
      gl.uniform4f(this.uniform(`palette[${part}]`), ...rgb, !shown || shown[part] ? 1 : 0);
    });
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.disable(gl.DEPTH_TEST);
    gl.uniform1i(this.uniform("filling"), 1);
    if (MODES[mode] <= 1 && face.background) gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.enable(gl.DEPTH_TEST);
    gl.uniform1i(this.uniform("filling"), 0);
    gl.drawElements(gl.TRIANGLES, this.triangles.length, gl.UNSIGNED_SHORT, 0);
    return this.canvas;
  }

  /** The picture just drawn as RGBA bytes, the top row first. */
  pixels() {
    const { gl } = this;
    const side = this.canvas.width;
    const bytes = new Uint8Array(4 * side * side);
    gl.readPixels(0, 0, side, side, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    const rows = Array.from({ length: side }, (_, r) => bytes.subarray(4 * side * r, 4 * side * (r + 1)));
    const flipped = new Uint8Array(bytes.length);
    rows.reverse().forEach((row, r) => flipped.set(row, 4 * side * r));
    return flipped;
  }
}

/** Two triangles for every cell of a grid of vertices, counter-clockwise as the viewer sees them. */
export function triangles(side) {
  const found = [];
  for (let row = 0; row < side - 1; row++)
    for (let column = 0; column < side - 1; column++) {
      const a = row * side + column;
      found.push(a, a + side, a + 1, a + 1, a + side, a + side + 1);
    }
  return new Uint16Array(found);
}
