// Finds the eyes and the mouth of the largest face in a photo: BlazeFace, MediaPipe's short-range network.

const SIDE = 128; // px, of what it sees
const GRIDS = [[16, 2], [8, 6]]; // cells a side, anchors a cell
const SURE = 0.5; // score of a face
const POINTS = [0, 1, 3]; // of its six: the image-left eye, the image-right eye, the mouth
const CLOSER = 4.6; // side of the closer look over the distance from eyes to mouth, as in detector.py

/** Middles of its anchors, shares of the picture's sides. */
const ANCHORS = GRIDS.flatMap(([cells, count]) =>
  Array.from({ length: cells * cells * count }, (_, i) => {
    const cell = Math.floor(i / count);
    return [((cell % cells) + 0.5) / cells, (Math.floor(cell / cells) + 0.5) / cells];
  }),
);

/** Of a photo (canvas) `[[x, y], ...]`, px: the image-left eye, the image-right eye, the mouth; or null. */
export async function eyesAndMouth(network, photo) {
  const { width, height } = photo;
  const side = Math.max(width, height);
  const first = await look(network, photo, { left: (width - side) / 2, top: (height - side) / 2, side });
  if (!first) return null;
  const [left, right, mouth] = first;
  const middle = [0, 1].map((c) => (left[c] + right[c]) / 4 + mouth[c] / 2);
  const reach = CLOSER * Math.max(Math.hypot(...[0, 1].map((c) => mouth[c] - (left[c] + right[c]) / 2)),
                                  Math.hypot(left[0] - right[0], left[1] - right[1]));
  return look(network, photo, { left: middle[0] - reach / 2, top: middle[1] - reach / 2, side: reach });
}

async function look(network, photo, { left, top, side }) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillRect(0, 0, SIDE, SIDE);
  const scale = SIDE / side;
  context.drawImage(photo, -left * scale, -top * scale, photo.width * scale, photo.height * scale);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const picture = new Float32Array(3 * SIDE * SIDE);
  for (let i = 0; i < picture.length; i++) picture[i] = data[4 * Math.floor(i / 3) + (i % 3)] / 127.5 - 1;
  const outputs = await network(picture, [1, SIDE, SIDE, 3]);
  const [boxes, scores] = [outputs.regressors, outputs.classificators];

  const faces = ANCHORS.map(([x, y], i) => {
    const of = (k) => boxes[16 * i + k] / SIDE; // the middle and the size of the box, then the points
    const points = POINTS.map((p) => [x + of(4 + 2 * p), y + of(5 + 2 * p)]);
    return { score: 1 / (1 + Math.exp(-scores[i])), x: x + of(0), y: y + of(1), size: of(2), points };
  }).filter(({ score }) => score >= SURE);
  if (!faces.length) return null;
  const largest = faces.reduce((a, b) => (b.size > a.size ? b : a));
  // The mean of all that see the same face.
  const same = faces.filter(({ x, y }) => Math.hypot(x - largest.x, y - largest.y) < largest.size / 2);
  const sum = same.reduce((total, { score }) => total + score, 0);
  return POINTS.map((_, p) =>
    [left, top].map((start, c) => start + (side * same.reduce((t, f) => t + f.score * f.points[p][c], 0)) / sum),
  );
}
