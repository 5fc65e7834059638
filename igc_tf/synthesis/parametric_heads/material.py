"""The MakeHuman material as arrays: what heads are made of, read once, kept in the cache.

`load(folder)` reads the two packages (`sources.py`), cuts the body off below the neck, keeps the
targets that shape a head, and writes one NPZ, so that every worker process starts in a moment.

MakeHuman's frame is the camera's up to scale and place: x to the right of the picture, y up, z
towards the viewer, lengths in decimeters.
"""

from __future__ import annotations

import dataclasses
import functools
import gzip
import io
import json
import pathlib
import zipfile

import numpy as np
from PIL import Image

from igc_tf import disk
from igc_tf.cache import cache_dir
from igc_tf.synthesis.parametric_heads import sources, wavefront

_FORMAT = 3  # of the cached file

#: y below which the body is cut off, far below the picture's lower edge.
CUT = 4.9
#: Groups of the base mesh that are used; the eyes' give the balls' centers only.
GROUPS = ("body", "helper-r-eye", "helper-l-eye", "helper-upper-teeth", "helper-tongue")
RACES, GENDERS = ("african", "asian", "caucasian"), ("female", "male")
AGES, WEIGHTS = ("young", "old"), ("min", "average", "max")
SKIN_AGES = ("young", "middleage", "old")
_DETAILS = (
    "head/", "forehead/", "eyebrows/", "eyes/", "nose/", "mouth/", "ears/", "chin/", "cheek/", "asym/",
)  # fmt: skip
# Of MakeHuman's own team, which gave all of them to the public domain in 2020; others' stay out.
HAIR = ("afro01", "bob01", "bob02", "Braid01", "long01", "ponytail01", "short01", "short02",
        "short03", "short04")  # fmt: skip
_BROWS = ("001", "002", "003", "006", "008", "009", "010", "012")  # the others frown
_PIECES = (*(f"hair/{style}/" for style in HAIR), *(f"eyebrows/eyebrow{n}/" for n in _BROWS),
           "eyelashes/eyelashes0", "eyes/Low-Poly/")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Piece:
    """A mesh that rides on the base mesh: hair, brows, lashes, eyeballs."""

    triangles: np.ndarray  #: [T, 3] int32
    uv: np.ndarray  #: [T, 3, 2] float32, texture coordinates of the corners, v downwards
    anchors: np.ndarray  #: [N, 3] int32, base vertices
    weights: np.ndarray  #: [N, 3] float32
    offsets: np.ndarray  #: [N, 3] float32, added to the weighted sum of the anchors


@dataclasses.dataclass(frozen=True, eq=False)  # hashed as an object: a key of caches
class Material:
    """All of it; names are those of MakeHuman's files."""

    vertices: np.ndarray  #: [V, 3] float32, the base mesh
    triangles: dict[str, np.ndarray]  #: group -> [T, 3] int32
    uv: np.ndarray  #: [T, 3, 2] float32, of the body's triangles, v downwards
    targets: dict[str, int]  #: name -> row of `deltas`
    deltas: np.ndarray  #: [K, V, 3] float16
    pieces: dict[str, Piece]
    textures: dict[str, np.ndarray]  #: name -> [H, W, 3 or 4] uint8

    def named(self, start: str) -> list[str]:
        """Names of the textures that start so, sorted."""
        return sorted(name for name in self.textures if name.startswith(start))


def load(folder: str | pathlib.Path = "") -> Material:
    """The material of a folder, from the cache where it was read before.

    Args:
      folder: with the two packages; '' for `sources.default_dir()`.

    Raises:
      FileNotFoundError: a package, or a file in it, is missing.
      ValueError: a package is damaged.
    """
    return load_cached(cached_file(folder))


def cached_file(folder: str | pathlib.Path = "") -> pathlib.Path:
    """The NPZ of a folder's material, made if it was not there or was cut short; see `load`."""
    found = sources.Sources(folder or sources.default_dir())
    path = cache_dir() / "makehuman" / f"{found.fingerprint()}-{_FORMAT}.npz"
    if not zipfile.is_zipfile(path):  # whose directory is its end
        _write(read(found), path)
    return path


def is_wanted_target(name: str) -> bool:
    """Whether a target of that file name shapes a head or its expression."""
    if not name.endswith(".target.gz"):
        return False
    name = name.removeprefix("targets/")
    if name.startswith("macrodetails/"):
        stem = name.removeprefix("macrodetails/").removesuffix(".target.gz").split("-")
        return stem[0] in (*RACES, "universal") and any(
            stem[2:] == end
            for end in ([age, *more] for age in AGES
                        for more in ([], *(["averagemuscle", f"{w}weight"] for w in WEIGHTS)))
        )  # fmt: skip
    return name.startswith((*_DETAILS, "expression/units/"))


def read(found: sources.Sources) -> Material:
    """Reads both packages.

    Raises:
      FileNotFoundError, ValueError: see `load`.
    """
    files = found.read_mesh(lambda name: name == "3dobjs/base.obj" or is_wanted_target(name))
    base = _require(files, "3dobjs/base.obj", found)
    vertices, faces = wavefront.read_obj(base.decode(), GROUPS)
    body, body_uv = faces["body"]
    above = (vertices[body][..., 1] > CUT).all(axis=1)
    triangles = {group: faces[group][0] for group in GROUPS if group in faces}
    triangles["body"] = body[above]

    looks = found.read_looks(_is_wanted_look)
    pieces, textures = _read_looks(looks)
    _check_looks(pieces, textures, found)
    used = np.unique(
        np.concatenate([t.ravel() for t in triangles.values()]
                       + [piece.anchors.ravel() for piece in pieces.values()])
    )  # fmt: skip
    new = np.full(len(vertices), -1, np.int32)
    new[used] = np.arange(len(used), dtype=np.int32)
    targets: dict[str, int] = {}
    deltas: list[np.ndarray] = []
    for name, content in files.items():
        if name.startswith("targets/"):
            targets[name.removeprefix("targets/").removesuffix(".target.gz")] = len(deltas)
            deltas.append(wavefront.read_target(gzip.decompress(content), len(vertices))[used])
    if not targets:
        raise FileNotFoundError(f"{found.folder}: no targets ({sources.MESH_ROOT}targets/).")
    return Material(
        vertices=vertices[used],
        triangles={group: new[t] for group, t in triangles.items()},
        uv=body_uv[above],
        targets=targets,
        deltas=np.stack(deltas).astype(np.float16),
        pieces={
            name: dataclasses.replace(piece, anchors=new[piece.anchors])
            for name, piece in pieces.items()
        },
        textures=textures,
    )


def _is_wanted_look(name: str) -> bool:
    folder, _, rest = name.partition("/")
    if folder == "skins":
        return rest.endswith((".json", ".png")) and "suit" not in rest and "toon" not in rest
    wanted = rest.startswith(_PIECES) and rest.endswith((".json", ".png"))
    return folder == "proxies" and wanted and "thumb" not in rest


def _read_looks(looks: dict[str, bytes]) -> tuple[dict[str, Piece], dict[str, np.ndarray]]:
    """Pieces and textures by short names: skin/..., iris/..., hair/..., brow/..., lash/..., eyes."""
    short = {"hair": "hair", "eyebrows": "brow", "eyelashes": "lash", "eyes": "eyes"}
    pieces, textures = {}, {}
    for name, content in looks.items():
        parts = name.split("/")
        if not name.endswith(".json") or len(parts) < 3:
            continue
        described = json.loads(content)
        if parts[0] == "skins":
            if "mapDiffuse" in described:
                path = "/".join([*parts[:2], described["mapDiffuse"]])
                textures[f"skin/{parts[-1].removesuffix('.json')}"] = _picture(looks[path], "RGB")
            continue
        kind = short[parts[1]]
        pieces["eyes" if kind == "eyes" else f"{kind}/{parts[2]}"] = Piece(
            *wavefront.read_proxy(described)
        )
        for path in (p for p in looks if p.startswith("/".join(parts[:3])) and p.endswith(".png")):
            end = path.split("/")[-1].removesuffix(".png")
            key = f"iris/{end}" if kind == "eyes" else f"{kind}/{parts[2]}"
            textures[key] = _picture(looks[path], "RGBA")
    return pieces, textures


def _check_looks(
    pieces: dict[str, Piece], textures: dict[str, np.ndarray], found: sources.Sources
) -> None:
    """Raises FileNotFoundError where a head could not be made; hair may be missing."""
    kinds = {name.split("/")[0] for name in pieces}
    missing = [
        name
        for name, there in (
            ("proxies/eyes/Low-Poly", "eyes" in kinds),
            ("proxies/eyebrows", "brow" in kinds),
            ("proxies/eyelashes", "lash" in kinds),
            ("skins of women", any(name.rstrip("0123456789").endswith("_female") for name in textures)),
            ("skins of men", any(name.rstrip("0123456789").endswith("_male") for name in textures)),
        )
        if not there
    ]  # fmt: skip
    if missing:
        raise FileNotFoundError(
            f"{found.folder}: {sources.LOOKS_ROOT} lacks {', '.join(missing)}. Download it again."
        )


def _picture(content: bytes, mode: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert(mode))


def _require(files: dict[str, bytes], name: str, found: sources.Sources) -> bytes:
    if name not in files:
        raise FileNotFoundError(f"{found.folder}: no {sources.MESH_ROOT}{name} in it.")
    return files[name]


def _write(material: Material, path: pathlib.Path) -> None:
    arrays = {"vertices": material.vertices, "uv": material.uv, "deltas": material.deltas}
    arrays["targets"] = np.array(list(material.targets))
    for group, triangles in material.triangles.items():
        arrays[f"group:{group}"] = triangles
    for name, texture in material.textures.items():
        arrays[f"texture:{name}"] = texture
    for name, piece in material.pieces.items():
        for field in dataclasses.fields(Piece):
            arrays[f"piece:{name}:{field.name}"] = getattr(piece, field.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk.written(path) as stream:  # several processes may do so at once
        np.savez(stream, **arrays)


@functools.lru_cache(maxsize=1)
def load_cached(path: pathlib.Path) -> Material:
    """The material of a file that `load` wrote; kept in memory."""
    with path.open("rb") as file, np.load(file) as stored:
        arrays = dict(stored)
    pieces: dict[str, dict[str, np.ndarray]] = {}
    for key in arrays:
        if key.startswith("piece:"):
            _, name, field = key.split(":")
            pieces.setdefault(name, {})[field] = arrays[key]
    return Material(
        vertices=arrays["vertices"],
        triangles=_section(arrays, "group:"),
        uv=arrays["uv"],
        targets={str(name): row for row, name in enumerate(arrays["targets"])},
        deltas=arrays["deltas"],
        pieces={name: Piece(**fields) for name, fields in pieces.items()},
        textures=_section(arrays, "texture:"),
    )


def _section(arrays: dict[str, np.ndarray], start: str) -> dict[str, np.ndarray]:
    return {
        key.removeprefix(start): value for key, value in arrays.items() if key.startswith(start)
    }
