"""What the documents say of the code is there."""

import ast
import pathlib
import re

import pytest

import igc_tf

CHECKOUT = pathlib.Path(__file__).parents[1]
_of_a_checkout = pytest.mark.skipif(
    not (CHECKOUT / "igc_tf" / "BUILD").exists(),
    reason="no checkout: Bazel gives a test only the files that it reads",
)


def _messages():
    """Every text in the code, of a formatted one its fixed pieces in order; and what the set-up says."""
    for path in [*CHECKOUT.glob("igc_tf/**/*.py"), *CHECKOUT.glob("tools/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                pieces = [
                    one.value if isinstance(one, ast.Constant) else "\0" for one in node.values
                ]
                yield "".join(pieces)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    yield re.sub(r'"? *\\\n *"?', " ", (CHECKOUT / "tools" / "set_up.sh").read_text())


def test_every_symptom_is_a_message_of_the_code():
    text = (CHECKOUT / "docs" / "troubleshooting.md").read_text()
    heads = re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE)
    symptoms = [symptom for head in heads for symptom in re.findall("`([^`]+)`", head)]
    assert len(symptoms) > 20
    messages = list(_messages())
    for symptom in symptoms:
        pieces = [
            part for part in re.split(r"\.\.\.|: (?=no )|tensorflow \(", symptom) if part.strip()
        ]
        for piece in pieces:
            assert any(piece.strip() in message for message in messages), piece


@_of_a_checkout
@pytest.mark.parametrize(
    "document", ["CONTRIBUTING.md", "docs/troubleshooting.md", "MODEL_CARD.md"]
)
def test_every_file_that_is_named_exists(document):
    text = (CHECKOUT / document).read_text()
    named = re.findall(r"`((?:igc_tf|tests|tools|docs|flags)/[\w./]+)`", text)
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert named or links
    for path in named:
        assert "NAME" in path or (CHECKOUT / path).exists(), path
    for link in links:
        assert ((CHECKOUT / document).parent / link).exists(), link


@_of_a_checkout
def test_the_lists_of_files_name_what_is_in_them():
    text = (CHECKOUT / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", text, re.MULTILINE)
    found = 0
    for files, what in rows:
        sources = [
            (CHECKOUT / path).read_text()
            for path in re.findall(r"`((?:igc_tf|tests)/[\w/]+\.py)`", f"{files} {what}")
            if "NAME" not in path
        ]
        for name in re.findall(r"`(\w+(?:\.\w+)?)(?:\([a-z]*\))?`", what):
            if name != "NAME_weight" and sources:
                last = name.rpartition(".")[2]
                assert any(re.search(rf"\b{last}\b", source) for source in sources), name
                found += 1
    assert found > 8


def test_the_citation_is_of_this_version_and_of_the_paper():
    text = (CHECKOUT / "CITATION.cff").read_text()
    assert f"\nversion: {igc_tf.__version__}\n" in text
    readme = " ".join((CHECKOUT / "README.md").read_text().split())
    title = "Graphics Capsule: Learning Hierarchical 3D Face Representations from 2D Images"
    assert f'title: "{title}"' in text and f'"{title}"' in readme
    (arxiv,) = re.findall(r"arXiv:([\d.]+)", text)
    assert f"arXiv {arxiv}" in readme
