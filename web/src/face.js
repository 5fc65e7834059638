// Part capsules to the object, by the formulas of igc_tf/capsules/assembly.py, graphics/mesh.py and
// mixing.py. Maps are flat Float32Arrays, row by row, parts first; the background is part 0.

const DARKEST = 0.01; // that a tone counts as, as in mixing.py

/** Half the width of the picture at depth 1. */
export const halfExtent = (about) => Math.tan((about.fov_degrees * Math.PI) / 360);

/** A face: what the model found, its parts assembled. */
export function face(about, found) {
  const part_depth = found.part_depth;
  const part_albedo = found.part_albedo;
  const [pitch, yaw, roll] = found.rotation_degrees;
  const [ambient, diffuse, ...direction] = found.light;
  return {
    part_depth,
    part_albedo,
    pose: { pitch, yaw, roll, translation: [...found.translation] },
    light: { ambient, diffuse, direction },
    ...assemble(about, part_depth, part_albedo, false),
  };
}

/**
 * What is nearest is seen.
 *
 * With `blended` albedos are weighted by nearness: no seams where parts of two faces meet.
 */
function assemble(about, partDepth, partAlbedo, blended) {
  const count = about.parts.length;
  const size = about.map_size;
  const pixels = size * size;
  const first = about.static_background ? 1 : 0; // of the parts that color the object
  const border = about.border_depth ? Math.max(1, Math.round((2 / 64) * size)) : 0;
  const depth = new Float32Array(pixels);
  const alpha = new Float32Array(pixels);
  const labels = new Uint8Array(pixels);
  const albedo = new Float32Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    const at = (part) => partDepth[part * pixels + i];
    const nearest = (from) => {
      let best = from;
      for (let part = from + 1; part < count; part++) if (at(part) < at(best)) best = part;
      return best;
    };
    const nearness = (sharpness, from) => {
      const least = at(nearest(from));
      const shares = about.parts.map((_, part) =>
        part < from ? 0 : Math.exp(-sharpness * (at(part) - least)),
      );
      const sum = shares.reduce((a, b) => a + b);
      return shares.map((share) => share / sum);
    };
    labels[i] = nearest(0);
    nearness(about.assembly_sharpness, 0).forEach((share, part) => (depth[i] += share * at(part)));
    const column = i % size;
    if (column < border || column >= size - border) depth[i] = about.border_depth;
    if (count === 1) alpha[i] = 1;
    else if (first) alpha[i] = 1 - nearness(about.visibility_sharpness, 0)[0];
    else alpha[i] = labels[i] ? 1 : 0;
    const seen = nearest(first);
    const weights = blended
      ? nearness(about.visibility_sharpness, first)
      : about.parts.map((_, part) => (part === seen ? 1 : 0));
    weights.forEach((weight, part) => {
      if (weight)
        for (let c = 0; c < 3; c++)
          albedo[3 * i + c] += weight * partAlbedo[3 * (part * pixels + i) + c];
    });
  }
  return {
    depth,
    alpha,
    labels,
    albedo,
    background: about.static_background ? partAlbedo.slice(0, 3 * pixels) : null,
    normals: normals(about, depth),
  };
}

/** Unit normals of the surface of a depth map, from central differences; one-sided at the border. */
function normals(about, depth) {
  const size = about.map_size;
  const scale = halfExtent(about) / (size / 2);
  const point = (row, column) => {
    const r = Math.min(Math.max(row, 0), size - 1);
    const c = Math.min(Math.max(column, 0), size - 1);
    const d = depth[r * size + c];
    return [d * (c + 0.5 - size / 2) * scale, -d * (r + 0.5 - size / 2) * scale, -d];
  };
  const minus = (a, b) => a.map((value, k) => value - b[k]);
  const found = new Float32Array(3 * size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const down = minus(point(row + 1, column), point(row - 1, column));
      const across = minus(point(row, column + 1), point(row, column - 1));
      const normal = [
        down[1] * across[2] - down[2] * across[1],
        down[2] * across[0] - down[0] * across[2],
        down[0] * across[1] - down[1] * across[0],
      ];
      const length = Math.hypot(...normal) || 1;
      found.set(normal.map((value) => value / length), 3 * (row * size + column));
    }
  }
  return found;
}

/** `one` with some parts (numbers) of `other`, whose colors are brought to the tone of `one`. */
export function mix(about, one, other, parts) {
  const pixels = about.map_size ** 2;
  const part_depth = one.part_depth.slice();
  const part_albedo = one.part_albedo.slice();
  const [wanted, had] = [tone(one), tone(other)];
  for (const part of parts) {
    const range = [part * pixels, (part + 1) * pixels];
    part_depth.set(other.part_depth.subarray(...range), range[0]);
    for (let i = 3 * range[0]; i < 3 * range[1]; i++) {
      const factor = part ? wanted[i % 3] / had[i % 3] : 1;
      part_albedo[i] = Math.min(Math.max(other.part_albedo[i] * factor, 0), 1);
    }
  }
  return { ...one, part_depth, part_albedo, ...assemble(about, part_depth, part_albedo, true) };
}

/** The median albedo of what is seen of the face; of all of it where that is nothing. */
function tone(one) {
  const seen = [...one.labels.keys()].filter((i) => one.labels[i]);
  const used = seen.length ? seen : [...one.labels.keys()];
  return [0, 1, 2].map((c) => {
    const values = used.map((i) => one.albedo[3 * i + c]).sort((a, b) => a - b);
    const middle = values.length / 2;
    const median = (values[Math.ceil(middle) - 1] + values[Math.floor(middle)]) / 2;
    return Math.max(median, DARKEST);
  });
}
