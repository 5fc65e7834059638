// The page: a photo in, its face out, to be turned, lit, mixed and saved.

import { eyesAndMouth } from "./detect.js";
import { face, mix } from "./face.js";
import { glb } from "./glb.js";
import { loadModel } from "./model.js";
import { aligned, centerSquare, cut, enlarged, PhotoError, read } from "./photo.js";
import { Renderer } from "./render.js";

const SAMPLES = [
  ["astronaut", "Eileen Collins, astronaut (NASA, public domain)"],
  ["synthetic_1", "A synthetic face, long hair"],
  ["synthetic_2", "A synthetic face, short hair"],
  ["synthetic_3", "A synthetic face, turned"],
];
const SIDE = 512; // px, of the large pictures
const WIDTH = 640; // px, of the photo as it is shown
const FRONT = { pitch: 0, yaw: 0, roll: 0, translation: [0, 0, 0] };
const SLIDERS = [
  // id, label, least, most, step, unit
  ["yaw", "Turn (yaw)", -60, 60, 1, "°"],
  ["pitch", "Nod (pitch)", -30, 30, 1, "°"],
  ["across", "Light, left to right", -80, 80, 1, "°"],
  ["above", "Light, up and down", -80, 80, 1, "°"],
  ["diffuse", "Strength of the light", 0, 1, 0.01, ""],
  ["ambient", "Light from all around", 0, 1, 0.01, ""],
];

const $ = (id) => document.getElementById(id);
const degrees = (radians) => (radians * 180) / Math.PI;
const bound = (value, low, high) => Math.min(Math.max(value, low), high);

let model; // see loadModel
let renderer;
let photo; // a canvas, upright
let square; // {left, top, side} on it, px
let crop; // the square as the model sees it, and as a canvas
let found; // the photo's face
let shown; // the face that is shown: the photo's, or a mixture
let kept; // {face, crop} to take parts from
let view; // {pose, light} of the face that is turned

function say(text) {
  $("status").textContent = text;
}

function fail(error) {
  const text = error instanceof PhotoError ? error.message : `Something went wrong: ${error.message}`;
  $("error").textContent = text;
  $("error").hidden = false;
  if (!(error instanceof PhotoError)) console.error(error);
}

let last = Promise.resolve();
/** Runs what a user asked for after what was asked before; what fails is said in the page. */
const guarded = (action) => (...given) => {
  last = last.then(async () => {
    $("error").hidden = true;
    try {
      await action(...given);
    } catch (error) {
      fail(error);
    }
  });
};

// ---- the photo and its square

async function open(file) {
  const upright = await read(file);
  const points = model.about.eyes_and_mouth && (await eyesAndMouth(model.detector, upright));
  ({ photo, square } = points
    ? aligned(model.about, upright, points)
    : { photo: upright, square: centerSquare(model.about, upright) });
  $("photo").setAttribute("aria-label", `The photo, ${photo.width} by ${photo.height} pixels, with a square on the face`);
  await find(points ? "" : " No face was seen: drag the square onto one.");
}

function drawPhoto() {
  const canvas = $("photo");
  const scale = WIDTH / photo.width;
  [canvas.width, canvas.height] = [WIDTH, photo.height * scale];
  const context = canvas.getContext("2d");
  context.drawImage(photo, 0, 0, canvas.width, canvas.height);
  const [left, top, side] = [square.left, square.top, square.side].map((value) => value * scale);
  context.fillStyle = "#0008";
  const outside = new Path2D();
  outside.rect(0, 0, canvas.width, canvas.height);
  outside.rect(left, top, side, side);
  context.fill(outside, "evenodd");
  context.lineWidth = 3;
  context.strokeStyle = "#fff";
  context.strokeRect(left, top, side, side);
  for (const [x, y] of model.about.eyes_and_mouth ?? []) {
    context.beginPath();
    context.arc(left + x * side, top + y * side, Math.max(side / 30, 4), 0, 7);
    context.stroke();
  }
  $("square").value = (100 * square.side) / Math.min(photo.width, photo.height);
}

/** Moves the square by shares of its side, and scales it about its center. */
function moveSquare(x, y, scale = 1) {
  const least = Math.min(photo.width, photo.height);
  const side = bound(square.side * scale, 0.1 * least, 1.5 * least);
  const middle = (start, step, size) => bound(start + square.side * (0.5 + step), 0, size) - side / 2;
  square = {
    left: middle(square.left, x, photo.width),
    top: middle(square.top, y, photo.height),
    side,
  };
  drawPhoto();
}

let asked = 0;
/** Finds the face again a moment after the last change of the square. */
function findSoon() {
  clearTimeout(asked);
  asked = setTimeout(guarded(find), 150);
}

function watchSquare() {
  const canvas = $("photo");
  dragged(canvas, (x, y) => {
    if (!photo) return;
    const scale = photo.width / canvas.clientWidth / square.side;
    moveSquare(x * scale, y * scale);
    findSoon();
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-0.02, 0], ArrowRight: [0.02, 0], ArrowUp: [0, -0.02], ArrowDown: [0, 0.02],
                   "+": [0, 0, 1.03], "=": [0, 0, 1.03], "-": [0, 0, 1 / 1.03] }[event.key];
    if (!step || !photo) return;
    event.preventDefault();
    moveSquare(...step);
    findSoon();
  });
  $("square").addEventListener("input", () => {
    if (!photo) return;
    const side = ($("square").value / 100) * Math.min(photo.width, photo.height);
    moveSquare(0, 0, side / square.side);
    findSoon();
  });
}

/** Calls `moved(dx, dy)`, px, while a pointer drags on an element. */
function dragged(element, moved) {
  let last = null;
  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    last = event;
  });
  element.addEventListener("pointermove", (event) => {
    if (!last || event.pointerId !== last.pointerId) return;
    moved(event.clientX - last.clientX, event.clientY - last.clientY);
    last = event;
  });
  for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, () => (last = null));
}

// ---- what is found in it

/** Finds the face in the square; `note` is said, too. */
async function find(note = "") {
  drawPhoto();
  say("Looking …");
  const start = performance.now();
  const picture = cut(photo, square, model.about.image_size);
  crop = { picture, canvas: enlarged(photo, square, SIDE) };
  found = face(model.about, await model.find(picture));
  const took = Math.round(performance.now() - start);
  for (const box of $("taken").querySelectorAll("input")) box.checked = false;
  show(found);
  reset();
  const { pitch, yaw, roll } = found.pose;
  const signed = (value) => `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(0)}°`;
  say(`Found in ${took} ms: turned by ${signed(yaw)}, nodded ${signed(pitch)}, tilted ${signed(roll)}.${note}`);
  Object.assign(globalThis.igc, { photo, square, crop, found, took });
  document.body.dataset.found = String(Number(document.body.dataset.found ?? 0) + 1);
}

/** Shows a face in every picture of the page. */
function show(one) {
  shown = one;
  renderer.show(shown, crop.canvas);
  drawOverlay();
  for (const mode of ["depth", "normals"]) {
    copy(renderer.draw(mode, 256, FRONT), $(mode));
  }
  for (const id of ["reset", "png", "glb", "keep"]) $(id).disabled = false;
}

function copy(source, canvas) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
}

function drawOverlay() {
  const canvas = $("overlay");
  const checked = [...$("parts").querySelectorAll("input")].map((box) => box.checked);
  copy(shown === found ? crop.canvas : renderer.draw("model", SIDE), canvas);
  const context = canvas.getContext("2d");
  context.globalAlpha = 0.5;
  context.drawImage(renderer.draw("parts", SIDE, undefined, undefined, checked), 0, 0);
  context.globalAlpha = 1;
  const side = model.about.image_size;
  renderer.draw("labels", side);
  const counts = model.about.parts.map(() => 0);
  renderer.pixels().forEach((value, i) => i % 4 || counts[value]++);
  $("parts").querySelectorAll("output").forEach((output, part) => {
    output.textContent = `${((100 * counts[part]) / side ** 2).toFixed(0)} %`;
  });
}

// ---- turning and lighting

function reset() {
  const [x, y, z] = shown.light.direction;
  const from = {
    ...shown.pose,
    ...shown.light,
    across: degrees(Math.atan2(x, z)),
    above: degrees(Math.asin(bound(y, -1, 1))),
  };
  for (const [id] of SLIDERS) $(id).value = from[id];
  view = { pose: shown.pose, light: shown.light };
  drawTurned();
}

/** Takes the view from the sliders; those untouched keep what was found. */
function turn(changed) {
  const value = (id) => Number($(id).value);
  if (changed === "yaw" || changed === "pitch") {
    view.pose = { ...view.pose, [changed]: value(changed) };
  } else if (changed === "across" || changed === "above") {
    const [a, b] = [value("across"), value("above")].map((angle) => (angle * Math.PI) / 180);
    const direction = [Math.sin(a) * Math.cos(b), Math.sin(b), Math.cos(a) * Math.cos(b)];
    view.light = { ...view.light, direction };
  } else {
    view.light = { ...view.light, [changed]: value(changed) };
  }
  drawTurned();
}

function drawTurned() {
  const mode = $("mode").value === "photo" && shown !== found ? "model" : $("mode").value;
  copy(renderer.draw(mode, SIDE, view.pose, view.light), $("turn"));
  for (const [id, , , , step, unit] of SLIDERS)
    $(id).nextElementSibling.textContent = Number($(id).value).toFixed(step < 1 ? 2 : 0) + unit;
  const { yaw, pitch } = view.pose;
  $("turn").setAttribute("aria-label", `The face, turned by ${yaw.toFixed(0)} and nodded by ${pitch.toFixed(0)} degrees`);
}

function watchTurning() {
  for (const [id, text, min, max, step] of SLIDERS) {
    const label = document.createElement("label");
    label.className = "slider";
    const slider = Object.assign(document.createElement("input"), { type: "range", id, min, max, step });
    label.append(text, slider, document.createElement("output"));
    slider.addEventListener("input", () => view && turn(id));
    $("sliders").append(label);
  }
  const by = (id, amount) => {
    $(id).value = Number($(id).value) + amount;
    turn(id);
  };
  dragged($("turn"), (x, y) => {
    if (!view) return;
    const scale = 120 / $("turn").clientWidth;
    for (const [id, moved] of [["yaw", x], ["pitch", y]]) {
      // Not through the slider's own value, which is rounded.
      const wanted = bound(view.pose[id] + moved * scale, Number($(id).min), Number($(id).max));
      view.pose = { ...view.pose, [id]: wanted };
      $(id).value = wanted;
    }
    drawTurned();
  });
  $("turn").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: ["yaw", -3], ArrowRight: ["yaw", 3], ArrowUp: ["pitch", -3], ArrowDown: ["pitch", 3] }[event.key];
    if (!step || !view) return;
    event.preventDefault();
    by(...step);
  });
  $("mode").addEventListener("change", () => view && drawTurned());
  $("reset").addEventListener("click", reset);
}

// ---- saving and mixing

function save(bytes, type, name) {
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

const png = async (canvas) =>
  new Uint8Array(await (await new Promise((done) => canvas.toBlob(done, "image/png"))).arrayBuffer());

async function saveMesh() {
  // The unlit colors, seen from the front: what the mesh's places in its texture mean.
  const light = { ambient: 1, diffuse: 0, direction: [0, 0, 1] };
  const mode = shown === found && $("mode").value === "photo" ? "photo" : "model";
  const bare = { ...shown, background: null };
  renderer.show(bare, crop.canvas);
  renderer.face = { ...bare, light: shown.light };
  const texture = await png(renderer.draw(mode, SIDE, FRONT, light));
  renderer.show(shown, crop.canvas);
  save(glb(model.about, shown, texture), "model/gltf-binary", "face.glb");
}

function watchMixing() {
  $("keep").addEventListener("click", () => {
    kept = { face: found, canvas: crop.canvas };
    copy(kept.canvas, $("kept"));
    $("kept-figure").hidden = $("mix").hidden = false;
    $("mix-help").textContent = "Now find another face, and tick what it takes from this one. A mixture has the network's colors.";
  });
  $("taken").addEventListener("change", () => {
    const parts = [...$("taken").querySelectorAll("input")].flatMap((box, i) => (box.checked ? [i + 1] : []));
    const { pose, light } = view;
    show(parts.length ? mix(model.about, found, kept.face, parts) : found);
    view = { pose, light };
    drawTurned();
  });
}

function listParts() {
  model.about.parts.forEach(({ name, color }, part) => {
    const check = (list, checked) => {
      const label = document.createElement("label");
      label.className = "check";
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked });
      const swatch = document.createElement("i");
      swatch.style.background = `rgb(${color})`;
      label.append(box, swatch, name, document.createElement("output"));
      $(list).append(label);
    };
    check("parts", part > 0);
    if (part) check("taken", false);
  });
  $("parts").addEventListener("change", () => shown && drawOverlay());
}

// ---- the page

const openSample = async (name) => {
  const response = await fetch(`samples/${name}.jpg`);
  await open(await response.blob());
};

async function start() {
  for (const [name, title] of SAMPLES) {
    const button = Object.assign(document.createElement("button"), { title });
    button.append(Object.assign(new Image(), { src: `samples/${name}.jpg`, alt: title }));
    button.addEventListener("click", guarded(() => model && openSample(name)));
    $("samples").append(button);
  }
  for (const id of ["reset", "png", "glb", "keep"]) $(id).disabled = true;
  model = await loadModel();
  renderer = new Renderer(model.about);
  globalThis.igc = { about: model.about, renderer }; // what was found, for scripts and tests
  $("data").textContent = model.about.trained_on;
  listParts();
  watchSquare();
  watchTurning();
  watchMixing();
  const openFile = guarded(open);
  for (const id of ["file", "camera"])
    $(id).addEventListener("change", () => {
      const [file] = $(id).files;
      $(id).value = ""; // so that the same file may be chosen again
      if (file) openFile(file);
    });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) openFile(file);
  });
  $("png").addEventListener("click", guarded(async () => save(await png($("turn")), "image/png", "face.png")));
  $("glb").addEventListener("click", guarded(saveMesh));
  guarded(openSample)("astronaut");
}

start().catch((error) => {
  say("The page could not be set up.");
  fail(error);
});
