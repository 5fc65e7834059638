"""The notebook: its code runs from top to bottom, and it is kept without outputs."""

import json

import pytest

from tests import programs

NOTEBOOK = programs.CHECKOUT / "notebooks" / "quickstart.ipynb"
#: Runs a cell as Jupyter does, which shows the value of its last line; here it prints what it would show.
_SHOW = """
import ast
def cell(source):
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "cell", "exec"), globals())
    if last is not None:
        shown = eval(compile(ast.Expression(last.value), "cell", "eval"), globals())
        print("SHOWN", type(shown).__name__, getattr(shown, "size", ""))
"""


def cells():
    return json.loads(NOTEBOOK.read_text())["cells"]


def code():
    return ["".join(cell["source"]) for cell in cells() if cell["cell_type"] == "code"]


def test_it_is_kept_without_outputs():
    for cell in cells():
        assert cell.get("outputs", []) == [] and cell.get("execution_count") is None
    assert len({cell["id"] for cell in cells()}) == len(cells())


def test_its_links_lead_somewhere():
    text = "".join("".join(cell["source"]) for cell in cells() if cell["cell_type"] == "markdown")
    links = [part.partition(")")[0] for part in text.split("](")[1:]]
    assert len(links) >= 4
    for link in links:
        assert (NOTEBOOK.parent / link).is_file(), link


@pytest.mark.slow
def test_its_cells_run_in_order(data_dir, tmp_path):
    for name in ("igc_tf", "docs"):
        (tmp_path / name).symlink_to(programs.CHECKOUT / name)
    folder = tmp_path / "runs" / "notebook"
    folder.mkdir(parents=True)
    (folder / "data").symlink_to(data_dir)
    (tmp_path / "notebooks").mkdir()
    text = _SHOW + "\n".join(f"cell({source!r})" for source in code())
    process = programs.start(text, run=programs.script, folder=tmp_path / "notebooks")
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output[-4000:]
    shown = [line for line in output.splitlines() if line.startswith("SHOWN")]
    assert sum("Image" in line for line in shown) == 5 and len(shown) == 8, output[-4000:]
    assert "eyes" in output and "L1 after 40 steps: 0." in output
    made = {path.relative_to(folder).parts[0] for path in folder.iterdir()}
    assert made == {
        "astronaut.jpg.igc",
        "data",
        "face.glb",
        "face.mtl",
        "face.obj",
        "face_albedo.png",
        "gallery.html",
        "run",
        "turn.webp",
    }
