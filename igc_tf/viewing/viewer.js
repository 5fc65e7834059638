// Faces of a gallery that can be turned and relit: with mouse or finger, or arrow keys, Home and L.
// One WebGL canvas draws them all and is copied to theirs: browsers allow a page only some sixteen.
"use strict";
(() => {
  const scene = document.createElement("canvas");
  const gl = scene.getContext("webgl");
  if (!gl) return; // the views stay hidden; the pictures beside them are there
  const RADIAN = Math.PI / 180;
  const limit = (value, most) => Math.max(-most, Math.min(most, value));

  const program = gl.createProgram();
  const shaders = [
    [gl.VERTEX_SHADER, `
      attribute vec3 place, normal; attribute vec3 texel;
      uniform mat3 turned; uniform float focal;
      varying vec3 direction, found;
      void main() {
        vec3 moved = turned * (place + vec3(0, 0, 1)) - vec3(0, 0, 1);
        direction = turned * normal; found = texel;
        gl_Position = vec4(moved.xy * focal, (-moved.z - 1.0) * -moved.z, -moved.z);
      }`],
    [gl.FRAGMENT_SHADER, `
      precision mediump float;
      uniform sampler2D albedo; uniform vec2 strengths; uniform vec3 light;
      varying vec3 direction, found;
      void main() {
        if (found.z <= 0.0) discard; // beyond the outline
        float lit = max(dot(normalize(direction), light), 0.0);
        vec3 color = texture2D(albedo, found.xy).rgb * (strengths.x + strengths.y * lit);
        gl_FragColor = vec4(min(color, 1.0), 1);
      }`],
  ];
  for (const [kind, source] of shaders) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.enable(gl.DEPTH_TEST);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  ["place", "normal", "texel"].forEach((name, number) => {
    const index = gl.getAttribLocation(program, name);
    gl.enableVertexAttribArray(index);
    gl.vertexAttribPointer(index, 3, gl.FLOAT, false, 36, 12 * number);
  });
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T])
    gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
  const uniform = (name) => gl.getUniformLocation(program, name);

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;

  // Of each pixel of the depth map: its point, its normal, where it is in the texture, how far inside.
  function surface({ size, depth, low, high, inside, fov }) {
    const levels = new Uint16Array(bytes(depth)), within = new Int8Array(bytes(inside));
    const extent = Math.tan((fov / 2) * RADIAN), points = [], vertices = new Float32Array(9 * size * size);
    for (let i = 0; i < size * size; i++) {
      const z = low + ((high - low) * levels[i]) / 65535;
      const x = (2 * ((i % size) + 0.5)) / size - 1, y = 1 - (2 * (Math.floor(i / size) + 0.5)) / size;
      points.push([x * extent * z, y * extent * z, -z]);
    }
    for (let i = 0; i < size * size; i++) {
      const row = Math.floor(i / size), column = i % size;
      const at = (r, c) => points[Math.max(0, Math.min(size - 1, r)) * size + Math.max(0, Math.min(size - 1, c))];
      const between = (a, b) => a.map((value, k) => value - b[k]);
      const a = between(at(row + 1, column), at(row - 1, column));
      const b = between(at(row, column + 1), at(row, column - 1));
      const normal = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
      const length = Math.hypot(...normal);
      vertices.set(points[i], 9 * i);
      vertices.set(normal.map((value) => value / length), 9 * i + 3);
      vertices.set([(column + 0.5) / size, (row + 0.5) / size, within[i]], 9 * i + 6);
    }
    const corners = [];
    for (let i = 0; i < size * (size - 1); i++)
      if ((i + 1) % size) corners.push(i, i + size, i + 1, i + 1, i + size, i + size + 1);
    return { vertices, corners: new Uint16Array(corners) };
  }

  // Column by column: Rz(roll) Ry(yaw) Rx(pitch), as the model turns faces.
  function rotation(degrees) {
    const [[a, b], [c, d], [e, f]] = degrees.map((one) => [Math.cos(one * RADIAN), Math.sin(one * RADIAN)]);
    return [e * c, f * c, -d, e * d * b - f * a, f * d * b + e * a, c * b, e * d * a + f * b, f * d * a - e * b, c * a];
  }

  function show(view) {
    const canvas = view.querySelector("canvas"), [lightButton, backButton] = view.querySelectorAll("button");
    const face = JSON.parse(canvas.dataset.face), picture = new Image();
    let shape = null, angles, sun, waiting = false, lighting = false;

    function reset() {
      angles = [...face.rotation];
      const [, , x, y, z] = face.light, m = rotation(angles); // the light of the room, not of the face
      const seen = [0, 1, 2].map((k) => m[k] * x + m[k + 3] * y + m[k + 6] * z);
      sun = [Math.atan2(seen[0], seen[2]) / RADIAN, Math.asin(limit(seen[1], 1)) / RADIAN];
      draw();
    }
    function draw() {
      const [pitch, yaw] = angles.map(Math.round), [across, up] = sun.map(Math.round);
      canvas.setAttribute("aria-valuenow", lighting ? across : yaw);
      canvas.setAttribute("aria-valuetext", lighting
        ? `light ${across} degrees to the right, ${up} up` : `yaw ${yaw}, pitch ${pitch} degrees`);
      if (!waiting && picture.complete) requestAnimationFrame(paint);
      waiting = true;
    }
    function paint() {
      waiting = false;
      const size = Math.min(1024, Math.round(canvas.clientWidth * Math.max(1, devicePixelRatio)));
      if (!size || !picture.naturalWidth) return;
      shape ??= surface(face);
      canvas.width = canvas.height = size;
      scene.width = scene.height = 2 * size; // smooth edges
      gl.viewport(0, 0, 2 * size, 2 * size);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.bufferData(gl.ARRAY_BUFFER, shape.vertices, gl.STREAM_DRAW);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, shape.corners, gl.STREAM_DRAW);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, picture);
      gl.uniformMatrix3fv(uniform("turned"), false, rotation(angles));
      gl.uniform1f(uniform("focal"), 1 / Math.tan((face.fov / 2) * RADIAN));
      gl.uniform2f(uniform("strengths"), face.light[0], face.light[1]);
      const [across, up] = sun.map((one) => one * RADIAN);
      gl.uniform3f(uniform("light"), Math.sin(across) * Math.cos(up), Math.sin(up), Math.cos(across) * Math.cos(up));
      gl.drawElements(gl.TRIANGLES, shape.corners.length, gl.UNSIGNED_SHORT, 0);
      canvas.getContext("2d").drawImage(scene, 0, 0, size, size);
    }
    function move(right, down) {
      if (lighting) sun = [limit(sun[0] + right, 80), limit(sun[1] - down, 80)];
      else angles = [limit(angles[0] + down, 40), limit(angles[1] + right, 75), angles[2]];
      draw();
    }
    function light() {
      lighting = !lighting;
      lightButton.setAttribute("aria-pressed", lighting);
      draw();
    }

    const keys = {
      ArrowLeft: () => move(-5, 0), ArrowRight: () => move(5, 0), ArrowUp: () => move(0, -5),
      ArrowDown: () => move(0, 5), Home: reset, l: light, L: light,
    };
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
    let last = null;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = event;
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      const share = 150 / canvas.clientWidth; // degrees a px
      move((event.clientX - last.clientX) * share, (event.clientY - last.clientY) * share);
      last = event;
    });
    canvas.addEventListener("dblclick", reset);
    lightButton.addEventListener("click", light);
    backButton.addEventListener("click", reset);
    view.hidden = false;
    picture.addEventListener("load", () => { waiting = false; draw(); });
    picture.src = canvas.dataset.texture;
    new ResizeObserver(draw).observe(canvas);
    reset();
  }

  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries)
      if (isIntersecting) {
        observer.unobserve(target);
        show(target.querySelector(".view"));
      }
  }, { rootMargin: "400px" });
  document.querySelectorAll("figure").forEach((figure) => observer.observe(figure));
})();
