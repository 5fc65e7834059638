// From a file to an upright photo, and from a square of it to the picture that the model sees.

const LARGEST_FILE = 50e6; // bytes
const LARGEST_SIDE = 2048; // px, of what is kept of a photo
const SUPPORT = 3; // of the Lanczos filter
const NEAR = 0.12; // share of the square's side, as in framing.py
const LEVEL = 0.03; // radians: a face that is tilted by less is not turned

/** An error in words for the user. */
export class PhotoError extends Error {}

/** Reads an image file: a canvas, upright, its longer side at most 2,048 px. */
export async function read(file) {
  if (file.size > LARGEST_FILE) throw new PhotoError("This file is larger than 50 MB.");
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new PhotoError(
      "This file is no picture that the browser can read, or it is damaged. JPEG, PNG and WebP work.",
    );
  }
  if (Math.min(bitmap.width, bitmap.height) < 16) throw new PhotoError("This picture is too small.");
  const scale = Math.min(1, LARGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white"; // behind what is transparent
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

/** The square that a run's own center crop takes: `{left, top, side}`, px. */
export function centerSquare(about, { width, height }) {
  const side = about.crop_scale * Math.min(width, height);
  const top = about.crop_center_y * height - side / 2;
  return { left: (width - side) / 2, top: Math.min(Math.max(top, 0), height - side), side };
}

/**
 * The photo turned so that a face is upright, and the square that puts its eyes and mouth where the
 * network's training photos have them: `{photo, square}`. A face that the run's own center crop frames
 * nearly so is cut by it, as in igc_tf/datasets/framing.py.
 */
export function aligned(about, photo, points) {
  const mean = (list) => [0, 1].map((c) => list.reduce((sum, point) => sum + point[c], 0) / list.length);
  const goal = about.eyes_and_mouth;
  const [from, to] = [mean(points), mean(goal)];
  // The similarity, least squares: goal = to + factor (point - from), as complex numbers.
  let [real, imaginary, spread] = [0, 0, 0];
  points.forEach(([px, py], i) => {
    const [x, y, u, v] = [px - from[0], py - from[1], goal[i][0] - to[0], goal[i][1] - to[1]];
    real += x * u + y * v;
    imaginary += x * v - y * u;
    spread += x * x + y * y;
  });
  const side = spread / Math.hypot(real, imaginary);
  const angle = Math.atan2(imaginary, real);
  const own = centerSquare(about, photo);
  const corners = [0, 1, 0, 1].map((x, i) => {
    const [dx, dy] = [own.left + x * own.side - from[0], own.top + (i >> 1) * own.side - from[1]];
    const u = (dx * Math.cos(angle) - dy * Math.sin(angle)) / side + to[0] - x;
    const v = (dx * Math.sin(angle) + dy * Math.cos(angle)) / side + to[1] - (i >> 1);
    return Math.hypot(u, v);
  });
  if (Math.max(...corners) < NEAR) return { photo, square: own };
  const square = { left: from[0] - to[0] * side, top: from[1] - to[1] * side, side };
  if (Math.abs(angle) < LEVEL) return { photo, square };
  const turned = document.createElement("canvas");
  [turned.width, turned.height] = [photo.width, photo.height];
  const context = turned.getContext("2d", { willReadFrequently: true });
  context.drawImage(photo, 0, 0); // shows at the corners
  context.translate(...from);
  context.rotate(angle);
  context.drawImage(photo, -from[0], -from[1]);
  return { photo: turned, square };
}

/**
 * A square of a photo, resized by Pillow's Lanczos filter; beyond its edge the photo is repeated.
 *
 * Gives `[size, size, 3]` Uint8Array.
 */
export function cut(canvas, { left, top, side }, size) {
  const { width, height } = canvas;
  const scale = side / size;
  const stretch = Math.max(scale, 1);
  const filter = (x) => {
    if (x === 0) return 1;
    if (Math.abs(x) >= SUPPORT) return 0;
    const y = Math.PI * x;
    return (SUPPORT * Math.sin(y) * Math.sin(y / SUPPORT)) / (y * y);
  };
  // Of each pixel of one axis: the photo's first pixel that counts, and the weights from there on.
  const windows = (start) =>
    Array.from({ length: size }, (_, k) => {
      const center = start + (k + 0.5) * scale;
      const first = Math.floor(center - SUPPORT * stretch + 0.5);
      const last = Math.floor(center + SUPPORT * stretch + 0.5);
      const weights = Array.from({ length: last - first }, (_, i) =>
        filter((first + i - center + 0.5) / stretch),
      );
      const sum = weights.reduce((a, b) => a + b);
      return { first, weights: weights.map((weight) => weight / sum) };
    });
  const [columns, rows] = [windows(left), windows(top)];
  const bound = (value, count) => Math.min(Math.max(value, 0), count - 1);
  const ends = (axis, count) => {
    const from = bound(axis[0].first, count);
    const to = bound(axis[size - 1].first + axis[size - 1].weights.length, count);
    return [from, to - from + 1];
  };
  const [x0, wide] = ends(columns, width);
  const [y0, high] = ends(rows, height);
  const { data } = canvas.getContext("2d").getImageData(x0, y0, wide, high);
  const across = new Uint8ClampedArray(high * size * 3); // rounds, as Pillow does between the two
  for (let y = 0; y < high; y++)
    columns.forEach(({ first, weights }, k) => {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let i = 0; i < weights.length; i++)
          sum += weights[i] * data[4 * (y * wide + bound(first + i, width) - x0) + c];
        across[3 * (y * size + k) + c] = sum;
      }
    });
  const picture = new Uint8ClampedArray(size * size * 3);
  rows.forEach(({ first, weights }, k) => {
    for (let j = 0; j < 3 * size; j++) {
      let sum = 0;
      for (let i = 0; i < weights.length; i++)
        sum += weights[i] * across[3 * size * (bound(first + i, height) - y0) + j];
      picture[3 * size * k + j] = sum;
    }
  });
  return new Uint8Array(picture.buffer);
}

/** The same square as a canvas of `size` px, as sharp as the photo is. */
export function enlarged(canvas, { left, top, side }, size) {
  const square = document.createElement("canvas");
  square.width = square.height = size;
  const context = square.getContext("2d");
  context.imageSmoothingQuality = "high";
  // Beyond the photo's edge: the edge, drawn first and then drawn over.
  const scale = size / side;
  const { width, height } = canvas;
  const [x, y, w, h] = [-left * scale, -top * scale, width * scale, height * scale];
  context.drawImage(canvas, 0, 0, 1, height, 0, y, x, h);
  context.drawImage(canvas, width - 1, 0, 1, height, x + w, y, size - x - w, h);
  context.drawImage(canvas, x, y, w, h);
  if (y > 0) context.drawImage(square, 0, Math.ceil(y), size, 1, 0, 0, size, y);
  if (y + h < size)
    context.drawImage(square, 0, Math.floor(y + h) - 1, size, 1, 0, y + h, size, size - y - h);
  return square;
}
