"""Puts parts of one face into another.

    python -m tools.mix A.jpg B.jpg --weights=NAME --parts=eyes,mouth --output=mix.png
    python -m tools.mix A.jpg B.jpg C.jpg D.jpg --run_dir=runs/a --output=people_by_parts.png

Part capsules of B, depth and albedo, take the places of A's, and the object is assembled again; pose and
light are A's. The first picture shows A, B, the mixture, and the mixture turned. With three photos or
more a row for each of the others shows A with every single part of theirs, and with all of these parts.

Parts are called as in the panels of tools.reconstruct; without --parts it is all but the background.
"""

from __future__ import annotations

import pathlib

from absl import flags

from tools import model_flags, program

FLAGS = flags.FLAGS
flags.DEFINE_list("parts", None, "Names of the parts to take; by default all but the background.")
flags.DEFINE_boolean(
    "detect",
    None,
    "Look for the face in each photo; by default where MediaPipe is installed and the run's photos were "
    "framed in a known way. --nodetect cuts photos as the run's.",
)
flags.DEFINE_string("output", None, "PNG to write.")
flags.mark_flag_as_required("output")

_TILE = 160
_TURNS = (-40.0, 40.0)  # yaw, degrees


def main(argv: list[str]) -> int:
    """Writes the picture of the mixtures."""
    with program.plain_errors():
        photos = argv[1:]
        if len(photos) < 2:
            raise ValueError(
                "Name two photos or more: python -m tools.mix A.jpg B.jpg --output=PNG"
            )
        model_flags.folder()  # refused before TensorFlow is imported

        from igc_tf.disk import shown
        from igc_tf.pretrained import Pretrained
        from igc_tf.viewing import panels

        model = Pretrained(*model_flags.load())
        parts = model.part_names[1:] if FLAGS.parts is None else FLAGS.parts
        if not parts:
            raise ValueError(f"--parts names no part; there are {', '.join(model.part_names)}.")
        model.part_numbers(parts)  # refused before the photos are read
        faces = model.predict(photos, FLAGS.detect)
        output = pathlib.Path(FLAGS.output)
        output.parent.mkdir(parents=True, exist_ok=True)
        panels.save_png((_pair if len(faces) == 2 else _people)(model, faces, parts), output)
        print(f"mixtures: {shown(output)}")
    return 0


def _pair(model, faces, parts):
    """The page of two photos."""
    from igc_tf.viewing import mixture_page

    face, donor = faces
    mixture = model.mix(face, donor, parts)
    turned = [model.render(mixture, yaw=yaw, size=_TILE) for yaw in _TURNS]
    captions = ("photo", f"{', '.join(parts)} of", "mixture", "turned", "")
    row = [face.image, donor.image, _in_its_pose(model, mixture), *turned]
    return mixture_page.page(captions, [row], _TILE)


def _people(model, faces, parts):
    """The page of several photos, a row a donor."""
    from igc_tf.viewing import mixture_page

    face, *donors = faces
    sets = {name: [name] for name in parts}
    if len(parts) > 1:
        sets["together"] = parts
    rows = [[face.image, _in_its_pose(model, face)] + [None] * len(sets)]
    for donor in donors:
        mixtures = (model.mix(face, donor, some) for some in sets.values())
        found = [_in_its_pose(model, one) for one in (donor, *mixtures)]
        rows.append([donor.image, *found])
    return mixture_page.page(("photo", "found", *sets), rows, _TILE)


def _in_its_pose(model, face):
    pitch, yaw, roll = (float(angle) for angle in face.rotation_degrees)
    return model.render(face, yaw, pitch, roll, size=_TILE)


if __name__ == "__main__":
    program.run(main)
