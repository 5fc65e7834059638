"""Sends photos to a model server and shows what it finds in them.

    python -m tools.serve_client --server=localhost:8500 --input=photo.jpg --output_dir=out
    python -m tools.serve_client --server=localhost:8501 --protocol=rest --input=FOLDER

Prints a line for every photo: share of the picture that each part takes, pose, light. With --output_dir
it writes the panels and arrays of tools.reconstruct, to the same folders. Photos that cannot be read or
written, or that the server refuses, are named, and the exit status is 1.
"""

from __future__ import annotations

import io
import pathlib
import sys

import numpy as np
from absl import flags

from . import program

FLAGS = flags.FLAGS
flags.DEFINE_string("server", "localhost:8500", "host:port; TF Serving's are 8500 gRPC, 8501 REST.")
flags.DEFINE_enum("protocol", "grpc", ["grpc", "rest"], "How to ask.")
flags.DEFINE_string("model", "igc", "Name of the model on the server.")
flags.DEFINE_string("label", None, "Label of the version; the newest version by default.")
flags.DEFINE_string("input", None, "A photo, or a folder of photos (searched recursively).")
flags.DEFINE_string("output_dir", None, "Folder for panels (PNG) and arrays (NPZ).")
flags.DEFINE_integer("batch_size", 8, "Photos a request.", lower_bound=1, upper_bound=256)
flags.DEFINE_float("timeout", 30.0, "Seconds a request may take.", lower_bound=0.001)
flags.DEFINE_integer("retries", 3, "Repetitions while the server is away or busy.", lower_bound=0)
flags.mark_flag_as_required("input")

_PLAIN = ("RGB", "L")


def main(argv: list[str]) -> int:
    """Asks, prints the table and writes the panels; 1 if some photo got no answer."""
    program.no_arguments(argv)
    with program.plain_errors():
        from igc_tf.disk import shown
        from igc_tf.serving import client

        source = pathlib.Path(FLAGS.input)
        names, files, failed = _read(source)
        connection = client.CONNECTIONS[FLAGS.protocol](
            FLAGS.server, FLAGS.model, FLAGS.label, FLAGS.timeout
        )
        rows = []
        for start in range(0, len(files), FLAGS.batch_size):
            where = slice(start, start + FLAGS.batch_size)
            answers = _ask(connection, names[where], files[where], failed)
            for name, answer in answers.items():
                rows.append(_row(name, answer))
                if FLAGS.output_dir:
                    path = source / name if source.is_dir() else source
                    try:
                        _write(
                            pathlib.Path(FLAGS.output_dir), name, path.resolve().as_uri(), answer
                        )
                    except (ValueError, OSError) as error:
                        if program.concerns_all(error):
                            raise
                        failed[name] = program.in_words(error)
        if rows:
            _print(rows)
        for name, why in failed.items():
            print(f"WARNING: left out {shown(name)}: {why}", file=sys.stderr)
    return 1 if failed else 0


def _read(source: pathlib.Path) -> tuple[list[str], list[bytes], dict[str, str]]:
    """Names, files as they are sent, and what could not be read."""
    from igc_tf.datasets import reading

    if not source.exists():
        raise FileNotFoundError(f"--input={source}: no such photo or folder.")
    folder = source if source.is_dir() else source.parent
    names, files, failed = [], [], {}
    paths = [pathlib.Path(source.name)]
    if source.is_dir():
        paths, failed = reading.search(source, "--input")
    for path in paths:
        try:
            files.append(_file(folder / path))
            names.append(path.as_posix())
        except (ValueError, OSError) as error:
            failed[path.as_posix()] = program.in_words(error)
    return names, files, failed


def _file(path: pathlib.Path) -> bytes:
    """A photo as the server takes it: upright, without alpha, not too large.

    The file itself if it is all that; else its pixels as PNG.
    """
    from PIL import Image

    from igc_tf.datasets import reading
    from igc_tf.serving import pictures

    photo = reading.read_photo(path)
    with Image.open(path) as original:
        upright = reading.orientation(original) == 1
        plain = original.mode in _PLAIN and "transparency" not in original.info
        known = original.format in ("JPEG", "PNG")
    if upright and plain and known and max(photo.size) <= pictures.MAX_SIDE:
        return path.read_bytes()
    photo.thumbnail((pictures.MAX_SIDE, pictures.MAX_SIDE))
    stream = io.BytesIO()
    photo.save(stream, "PNG")
    return stream.getvalue()


def _ask(connection, names: list[str], files: list[bytes], failed: dict[str, str]) -> dict:
    """`{name: its outputs}`. A batch that is refused is asked again photo by photo."""
    from igc_tf.serving import client

    try:
        found = client.predict(connection, "serialized", {"image_bytes": files}, FLAGS.retries)
    except client.ServerError as error:
        if error.transient:
            raise
        if len(files) == 1:
            failed[names[0]] = str(error)
            return {}
        singles = [
            _ask(connection, [name], [content], failed)
            for name, content in zip(names, files, strict=True)
        ]
        return {name: answer for single in singles for name, answer in single.items()}
    return {
        name: {output: values[index] for output, values in found.items()}
        for index, name in enumerate(names)
    }


def _row(name: str, answer: dict[str, np.ndarray]) -> list[str]:
    from igc_tf.disk import shown

    shares = answer["part_visibility"].mean(axis=(1, 2))
    pitch, yaw, roll = answer["rotation_degrees"]
    ambient, diffuse, *direction = answer["light"]
    return [
        shown(name),
        " ".join(f"{100 * share:.0f}" for share in shares),
        f"{yaw:+.1f} {pitch:+.1f} {roll:+.1f}",
        f"{ambient:.2f} {diffuse:.2f}",
        " ".join(f"{value:+.2f}" for value in direction),
    ]


def _print(rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for title in ("photo", "parts, %", "yaw pitch roll", "ambient diffuse", "light from"):
        table.add_column(title)
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console()
    (console if console.is_terminal else Console(width=120)).print(table)


def _write(output_dir: pathlib.Path, name: str, source: str, answer: dict[str, np.ndarray]) -> None:
    import dataclasses

    from igc_tf.viewing import result_folder
    from igc_tf.viewing.result import PhotoResult

    fields = [field.name for field in dataclasses.fields(PhotoResult)]
    result = PhotoResult(**{name: answer[name] for name in fields if name in answer})
    result_folder.write(output_dir, name, source, result)


if __name__ == "__main__":
    program.run(main)
