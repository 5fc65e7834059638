"""Takes photos apart into capsules: pictures, arrays and meshes of what a trained run sees in them.

    python -m tools.reconstruct --run_dir=runs/a --input=photo.jpg --output_dir=out
    python -m tools.reconstruct --weights=NAME --input=photo.jpg --output_dir=out

Every photo has a folder of its own, OUTPUT_DIR/NAME.igc, NAME being its name with its ending, below the
folder that it was found in:

    overlay.jpg            the whole photo, the parts laid over the face
    panel.png              everything on one page
    hierarchy.png          the paper's figure
    arrays.npz             `igc_tf.viewing.result.PhotoResult`
    face.glb, face.obj     the textured face
    turn.webp, turn.gif, turn.png            with --turntable: the face turns; some frames side by side;
                                             turn.mp4 too where imageio-ffmpeg is installed
    relight.webp, relight.gif, relight.png   with --relight: the light goes round it, likewise
    photo.txt              which photo it was

With MediaPipe installed (docs/data.md) every face in a photo is found, and eyes and mouth are put where
the model expects them; of several faces NAME is photo.jpg.1, photo.jpg.2 and so on, the largest first.

--gallery writes OUTPUT_DIR/gallery.html too: one page of all photos, their parts and what moves.

No two photos share a folder, whatever they are called and whichever are added later; the same photo's is
written anew. Folders of that ending are never searched for photos, and nothing else is ever overwritten.

A video has the folder OUTPUT_DIR/NAME.igc too. Its panel, meshes and so on are of the average face, and

    video.mp4               the video, with the parts over it, and the face turned, side by side
    video.csv               pose and light of each frame, steadied

--input=webcam, or webcam:1 and so on, does the same as it goes, with what has been seen so far: in a
window, or, where there is none, in OUTPUT_DIR/webcam_TIME.mp4, until Ctrl-C.

Photos that cannot be read or written are named, the others are done, and the exit status is 1.
"""

from __future__ import annotations

import dataclasses
import errno
import itertools
import os
import pathlib
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from absl import flags

from igc_tf import config as config_lib

from . import model_flags, program

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "input",
    None,
    "A photo, a folder of photos (searched recursively), a video of one face, or webcam or webcam:N.",
)
flags.DEFINE_integer(
    "num_test_images",
    0,
    "Instead of --input: the first so many of the run's own test split.",
    lower_bound=0,
)
flags.DEFINE_string("output_dir", None, "Folder for the results.")
flags.DEFINE_boolean("meshes", True, "Write the OBJ and GLB meshes too.")
flags.DEFINE_boolean("mesh_background", False, "Meshes of the whole canvas, not of the face alone.")
flags.DEFINE_enum(
    "texture",
    "photo",
    ("albedo", "photo"),
    "Of meshes and animations: 'photo', what the photo shows of the face, mirrored where it does not; or "
    "'albedo', the capsules' own.",
)
flags.DEFINE_boolean("turntable", False, "Write an animation: the face turns and nods.")
flags.DEFINE_boolean("relight", False, "Write an animation: the light goes round the face.")
flags.DEFINE_boolean(
    "gallery", False, "Write one HTML page of all photos, OUTPUT_DIR/gallery.html."
)
flags.DEFINE_enum(
    "crop",
    None,
    config_lib.choices("crop"),
    "How to cut photos. 'detect' finds every face and aligns it as the run's are, the default where "
    "MediaPipe is installed; else that is the run's own way. A photo has neither landmarks nor a box.",
)
flags.DEFINE_float("crop_scale", None, "Side of the crop over the shorter side; the run's default.")
flags.DEFINE_float("crop_center_y", None, "Height of the crop's center, 0..1; the run's default.")
flags.mark_flag_as_required("output_dir")

_BATCH = 16


class _Photo(NamedTuple):
    """A picture to look at."""

    name: str  #: of its results
    source: str  #: where it is from, on one line
    image: np.ndarray  #: [S, S, 3] uint8
    path: pathlib.Path | None = None  #: of the photo, if it is one
    transform: np.ndarray | None = None  #: [2, 3], of the photo in `image`
    finer: np.ndarray | None = None  #: [P, P, 3] uint8, `image` with more px, if the photo has them


class _LeftOut:
    """Names what is left out, and counts it."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, name: str, why: str) -> None:
        from igc_tf.disk import shown

        self.count += 1
        print(f"WARNING: left out {shown(name)}: {why}", file=sys.stderr)


def main(argv: list[str]) -> int:
    """Writes the results of every photo; 1 if some photo could not be read or written, 0 else."""
    program.no_arguments(argv)
    with program.plain_errors():
        if bool(FLAGS.input) == bool(FLAGS.num_test_images):
            raise ValueError("Give either --input=PHOTO_OR_FOLDER or --num_test_images=N.")
        from igc_tf.disk import shown

        left_out = _LeftOut()
        camera = None if not FLAGS.input else _camera_number(FLAGS.input)
        if camera is not None:
            _webcam(camera)
            return 0
        if FLAGS.input and pathlib.Path(FLAGS.input).is_file() and _is_clip(FLAGS.input):
            _video(pathlib.Path(FLAGS.input))
            return 0
        config = config_lib.load(model_flags.folder())
        photos = (_test_photos if FLAGS.num_test_images else _input_photos)(config, left_out)
        some = list(itertools.islice(photos, _BATCH))
        if not some:
            raise ValueError(f"--input={FLAGS.input}: not one photo could be read.")
        output_dir = _output_dir()

        from igc_tf.inference import photo_results, predict
        from igc_tf.viewing import gallery

        page = output_dir / "gallery.html"
        if FLAGS.gallery:
            gallery.check(page)

        config, model = model_flags.load()
        done: list[pathlib.Path] = []
        while some:
            for where, batch, output in predict(model, np.stack([p.image for p in some]), _BATCH):
                for photo, result in zip(some[where], photo_results(batch, output), strict=True):
                    result = dataclasses.replace(result, photo=photo.finer)
                    done += _written(output_dir, photo, result, config.model, left_out)
            some = list(itertools.islice(photos, _BATCH))
        print(f"{len(done)} faces: {shown(output_dir)}")
        if FLAGS.gallery:
            title = FLAGS.input or "test photos"
            model = config.model
            gallery.write(page, title, done, model.capsule_names, model.fov_degrees, FLAGS.texture)
            print(f"gallery: {shown(page)}")
    return 1 if left_out.count else 0


def _output_dir() -> pathlib.Path:
    output_dir = pathlib.Path(FLAGS.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    if not os.access(output_dir, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(output_dir))
    return output_dir


def _test_photos(config, left_out: _LeftOut) -> Iterator[_Photo]:
    """The first of the run's own test split."""
    from igc_tf.datasets import catalog

    data = config.data
    store = catalog.open_split(data, config.model.image_size, "test")
    for index, name in enumerate(store.names[: FLAGS.num_test_images]):
        source = " ".join([data.dataset, data.data_config, data.data_dir, name])
        yield _Photo(f"test_{index:04d}", source, np.asarray(store.images[index]))


def _way(config) -> tuple[config_lib.Config, bool | None]:
    """The configuration with the photos cut as the flags say, and whether faces are looked for."""
    from igc_tf.datasets import crops, detector, framing

    changed = {name: FLAGS[name].value for name in ("crop", "crop_scale", "crop_center_y")}
    changed = {name: value for name, value in changed.items() if value is not None}
    detect = (FLAGS.crop == "detect") if changed else None
    if detect:
        del changed["crop"]  # where the face goes is known of the run
        detector.require(config.data.detector)
    config = config.replace(**changed)
    if detect is None and not framing.detects(config.data):
        crops.require(config.data)
    return config, detect


def _input_photos(config, left_out: _LeftOut) -> Iterator[_Photo]:
    """Every face in the photo or the photos that --input names, as they are read."""
    from igc_tf.datasets import crop_transforms, framing, reading
    from igc_tf.viewing import textures

    config, detect = _way(config)
    data = config.data
    source = pathlib.Path(FLAGS.input)
    if not source.exists():
        raise FileNotFoundError(f"--input={source}: no such photo or folder.")
    if source.is_dir():
        folder, found = source, reading.search(source, "--input")
        for name, why in found.left_out.items():
            left_out(name, why)
        paths = found.photos
    else:
        folder, paths = source.parent, [pathlib.Path(source.name)]
        if reading.is_result(folder):
            raise ValueError(f"--input={source} is what was found in a photo, and no photo.")
    size = config.model.image_size
    for path in paths:
        name, where = path.as_posix(), folder / path
        try:
            photo = reading.read_photo(where)
            faces = framing.find_faces(photo, data, size, detect)
            pictures = [crop_transforms.resample(photo, face, size) for face in faces]
            finer = [crop_transforms.detailed(photo, face, size, textures.SIZE) for face in faces]
        except crop_transforms.NoFace as error:
            way = "center" if data.crop == "center" else "none"
            left_out(name, f"{error}; --crop={way} takes it as it is")
        except (ValueError, FileNotFoundError) as error:
            left_out(name, str(error))
        else:
            uri = where.resolve().as_uri()
            for number, found in enumerate(zip(pictures, faces, finer, strict=True), 1):
                one = f"{name}.{number}" if len(faces) > 1 else name
                picture, face, fine = found
                yield _Photo(one, uri, picture, where, face, fine)


def _camera_number(text: str) -> int | None:
    from igc_tf.datasets import clips

    return None if pathlib.Path(text).exists() else clips.camera_number(text)


def _webcam(number: int) -> None:
    """Shows, or writes, what is found in what a camera sees.

    Raises:
      ValueError: there is no such camera.
    """
    from igc_tf import video
    from igc_tf.datasets import clips
    from igc_tf.disk import shown
    from igc_tf.pretrained import Pretrained
    from igc_tf.viewing import movies

    camera = clips.Camera(number)
    config, model = model_flags.load()
    config, detect = _way(config)
    pages = video.live(Pretrained(config, model), camera, detect)
    began = time.monotonic()
    if movies.has_window():
        print("Press q in the window to end.")
        count = movies.show(((now, page) for now, page, _ in pages), "igc_tf")
        where = "shown"
    else:
        path = _output_dir() / time.strftime("webcam_%Y-%m-%d_%H-%M-%S.mp4")
        print(f"There is no window, so it is written: {shown(path)}. Press Ctrl-C to end.")
        count = movies.record(((now, page) for now, page, _ in pages), path, video.LIVE_RATE)
        where = shown(path)
    print(f"{count} frames, {count / (time.monotonic() - began):.1f} frames/s: {where}")


def _is_clip(path: str) -> bool:
    from igc_tf.datasets import clips

    return clips.is_clip(path)


def _video(path: pathlib.Path) -> None:
    """Writes what is found in a video.

    Raises:
      ValueError: it cannot be read, or there is no face in it.
    """
    from igc_tf import video
    from igc_tf.datasets import clips, crop_transforms
    from igc_tf.disk import shown, write_text
    from igc_tf.pretrained import Pretrained
    from igc_tf.viewing import movies, result_folder

    clip = clips.Clip(path)
    config, model = model_flags.load()
    config, detect = _way(config)
    model = Pretrained(config, model)
    output_dir = _output_dir()
    began = time.monotonic()
    try:
        analysis = video.analyze(model, clip, clip.rate, detect)
    except crop_transforms.NoFace as error:
        raise ValueError(f"{shown(path)}: {error}") from error
    folder = result_folder.write(
        output_dir, path.name, path.resolve().as_uri(), analysis.face, *_how(config.model)
    )
    lines = ["time_s,found,pitch_deg,yaw_deg,roll_deg,ambient,diffuse,light_x,light_y,light_z"]
    motion = analysis.motion
    for number, found in enumerate(motion.found):
        values = [*motion.rotation_degrees[number], *motion.light[number]]
        columns = ",".join(f"{value:.4f}" for value in values)
        lines.append(f"{number / clip.rate:.4f},{int(found)},{columns}")
    write_text(folder / result_folder.VIDEO_TABLE, "\n".join(lines) + "\n")
    pages = video.pages(model, analysis, clip)
    first = next(pages)
    size = (first.shape[1], first.shape[0])
    with movies.writing(folder / result_folder.VIDEO, size, clip.rate) as put:
        for page in itertools.chain([first], pages):
            put(page)
    count, seconds = len(motion.found), time.monotonic() - began
    if count < 0.95 * clip.stated - 2:
        print(
            f"WARNING: {shown(path)}: {count} of {clip.stated} frames could be read; it is damaged",
            file=sys.stderr,
        )
    print(
        f"{count} frames, a face in {motion.found.sum()}, {count / seconds:.1f} frames/s: "
        f"{shown(folder)}"
    )


def _how(model) -> tuple:
    """Part names, meshes and animations that the flags ask for, as `result_folder.write` wants them."""
    from igc_tf.viewing import result_folder

    mesh = result_folder.Meshes(model.fov_degrees, FLAGS.mesh_background, FLAGS.texture)
    motions = ["turn"] * FLAGS.turntable + ["relight"] * FLAGS.relight
    return (
        model.capsule_names,
        mesh if FLAGS.meshes else None,
        result_folder.Animations(model, motions, FLAGS.texture),
    )


def _written(
    output_dir: pathlib.Path, photo: _Photo, result, model, left_out: _LeftOut
) -> list[pathlib.Path]:
    """Writes a photo's results: their folder, or none if they could not be written, which is said."""
    from igc_tf.datasets import reading
    from igc_tf.viewing import overlay, result_folder

    try:
        laid = None
        if photo.path is not None:  # read anew: sixteen large photos would not fit into memory
            whole = np.asarray(reading.read_photo(photo.path))
            laid = overlay.on_photo(whole, photo.transform, result)
        folder = result_folder.write(
            output_dir,
            photo.name,
            photo.source,
            result,
            *_how(model),
            laid,
        )
    except (ValueError, OSError) as error:
        if program.concerns_all(error):
            raise
        left_out(photo.name, program.in_words(error))
        return []
    return [folder]


if __name__ == "__main__":
    program.run(main)
