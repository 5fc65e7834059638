"""An evaluation as one HTML page: tables, charts, pictures; no script, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from PIL import Image

from igc_tf.disk import shown
from igc_tf.evaluation import charts, report
from igc_tf.evaluation.score import PSEUDO, GroundTruth, Predictions, Scores
from igc_tf.metrics import pose, recognition, segmentation
from igc_tf.metrics.metric import Metric
from igc_tf.viewing import colors
from igc_tf.viewing.canvas import fit

_TILE = 96  # side of a picture on the page, px
_EXAMPLES = 6
_CASES = 6  # worst, and best, ones shown
_CURVES = ("object", "albedo", "shape", "embeddings", "pixels")  # descriptors with a curve

#: What the sections say above their tables.
_INTRODUCTIONS = {
    "reconstruction": "How close the rendered picture comes to the photo, where it is rendered.",
    "segmentation": "Agreement of the parts with the true ones (one-to-one matched for IoU), and in "
    "which share of the pictures each part exists.",
    "landmarks": "Error of five landmarks predicted from the parts' centers by a linear map fitted "
    "on the train split, over the eyes' distance; and the dispersion of the parts' centers over one "
    "person's pictures.",
    "pose": "Agreement of the angles after one affine fit. The correlation keeps the sign: a hollow "
    "face turns the other way.",
    "geometry": "Depth and normals in the photo's own view (view), as Unsup3D measures them, nothing "
    "fitted; and in the canonical view, aligned by the best scale and shift but where called unaligned.",
    "recognition": "The most frontal image of each person is the gallery, all others are probes; "
    "intervals from resampling people.",
    "consistency": "What was found is rendered turned by 15° or lit from the other side, and found "
    "again.",
}
#: Single images' values whose best and worst cases are shown, and whether less is better.
_RANKED = (
    ("l1", "reconstruction (L1)", True),
    ("miou", "parts (mIoU)", False),
    ("nme_percent", "landmarks (NME, %)", True),
    (f"{PSEUDO}nme_percent", "landmarks against pseudo-landmarks (NME, %)", True),
    ("mad_view_degrees", "normals in the photo's view (MAD, degrees)", True),
)

_STYLE = """
:root{color-scheme:light dark;--page:#fff;--ink:#1d1d1f;--faint:#62626a;--line:#dcdce0;--card:#f6f6f8;
--heat:0,114,178;--accent:#0072b2}
@media(prefers-color-scheme:dark){:root{--page:#17181b;--ink:#ececf0;--faint:#a2a2ad;--line:#393a41;
--card:#202126;--heat:86,180,233;--accent:#56b4e9}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:20px 16px 60px}
h1{font-size:1.5rem;line-height:1.25;margin:.2em 0;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.2em 0 .2em;border-top:1px solid var(--line);padding-top:1em}
h3{font-size:1rem;margin:1.6em 0 .4em}
p{margin:.3em 0 .8em;color:var(--faint);max-width:75ch;overflow-wrap:anywhere}
nav{display:flex;flex-wrap:wrap;gap:4px 14px;margin:1em 0}
a{color:var(--accent)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{padding:4px 12px 4px 0;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;color:var(--faint);white-space:nowrap}
td.n,th.n{text-align:right;white-space:nowrap}
td.name{white-space:nowrap}
tr.absent td{color:var(--faint)}
@media(max-width:760px){td.beat{white-space:nowrap}}
table.heat td{text-align:right;padding:6px 10px;min-width:4.6em;white-space:nowrap}
table.heat td.match{outline:2px solid var(--ink);outline-offset:-2px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,320px),1fr));gap:18px}
.charts.wide{grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr))}
.charts,.case{margin:1em 0}
.charts>div,.case{background:var(--card);border-radius:10px;padding:12px}
.charts h3{margin:0 0 .4em}
figure{margin:0}
svg{width:100%;height:auto;display:block}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(76px,1fr));gap:8px;margin:.5em 0 1em}
.tiles figcaption{font-size:.74rem;color:var(--faint);overflow-wrap:anywhere;line-height:1.25}
.tiles img{width:100%;display:block;border-radius:4px;image-rendering:auto}
"""


def page(
    title: str,
    names: Sequence[str],
    scores: Scores,
    predictions: Predictions,
    ground_truth: GroundTruth,
) -> str:
    """The report.

    Args:
      title: what was measured on what, one line.
      names: N names of the pictures.
      scores: from `igc_tf.evaluation.score.score`.
      predictions: what was scored.
      ground_truth: what it was scored against.

    Returns:
      A complete HTML document. It holds some of the pictures that were measured on: where those are
      of people, the page is to be kept as they are.
    """
    headline, _, detail = shown(title).partition(": ")
    names = [shown(name) for name in names]
    sections = [*scores.sections, *(("pictures",) if predictions.image is not None else ())]
    links = "".join(f'<a href="#{name}">{name}</a>' for name in sections)
    body = [
        f"<h1>{html.escape(headline)}</h1><p>{html.escape(detail)}. Values stand with their bootstrap "
        f"95 % interval. {report.resampling(scores.metrics)} The arrow says which way is better; what "
        "could not be measured says why.</p>"
        f"<nav>{links}</nav>"
    ]
    for section in scores.sections:
        body.append(
            f'<h2 id="{section}">{section.capitalize()}</h2><p>{_INTRODUCTIONS[section]}</p>'
            + _metrics_table(report.section_metrics(scores, section), scores)
            + _section_figures(section, scores, predictions, ground_truth)
        )
    if predictions.image is not None:
        body.append('<h2 id="pictures">Pictures</h2>' + _pictures(names, scores, predictions))
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(headline)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _metrics_table(metrics: Mapping[str, Metric], scores: Scores) -> str:
    header = (
        '<tr><th>metric</th><th></th><th class="n">value</th><th class="n">95 % interval</th>'
        '<th class="n">n (people)</th><th>baselines</th></tr>'
    )
    rows = []
    for row in report.rows(metrics, scores.reasons):
        rows.append(
            f'<tr{" class=absent" if row.absent else ""}><td class="name">{row.name}</td>'
            f'<td>{row.direction}</td><td class="n">{html.escape(row.value)}</td>'
            f'<td class="n">{row.interval}</td><td class="n">{row.images}</td>'
            f'<td class="beat">{html.escape(row.to_beat)}</td></tr>'
        )
    return f'<div class="scroll"><table>{header}{"".join(rows)}</table></div>'


def _section_figures(
    section: str, scores: Scores, predictions: Predictions, ground_truth: GroundTruth
) -> str:
    if section == "segmentation" and predictions.labels is not None:
        blocks = "<h3>Part by part</h3>" + _pivot(report.part_rows(scores))
        if scores.confusion is not None:
            blocks += _confusion(scores.confusion, ground_truth.label_names)
        return blocks
    if section == "pose" and predictions.rotation_degrees is not None:
        if ground_truth.rotation_degrees is not None:
            return _angles(
                predictions.rotation_degrees, ground_truth.rotation_degrees, ground_truth.pseudo
            )
    if section == "recognition" and scores.protocol is not None:
        return _recognition(scores)
    return ""


def _confusion(counts: np.ndarray, label_names: Sequence[str]) -> str:
    """Where the pixels of each true label went; the matched part is framed."""
    share = counts / np.maximum(counts.sum(0, keepdims=True), 1)
    matched = segmentation.match(counts)
    header = "".join(f'<th class="n">{html.escape(name)}</th>' for name in label_names)
    rows = []
    for part, values in enumerate(share):
        cells = "".join(
            f"<td{' class=match' if matched[label] == part else ''} "
            f'style="background:rgba(var(--heat),{0.75 * value:.3f})">{100 * value:.1f} %</td>'
            for label, value in enumerate(values)
        )
        rows.append(f"<tr><th>{colors.part_name(part)}</th>{cells}</tr>")
    return (
        "<h3>Confusion of parts with true parts</h3><p>In which part the pixels of each true part lie: "
        "columns add up to 100 %. Framed: the one-to-one matching of the IoU.</p>"
        f'<div class="scroll"><table class="heat"><tr><th></th>{header}</tr>{"".join(rows)}</table></div>'
    )


def _angles(predicted: np.ndarray, known_angles: np.ndarray, pseudo: bool) -> str:
    blocks = []
    for index in (1, 0, 2):  # yaw first
        true = known_angles[:, index]
        known = ~np.isnan(true)
        if known.sum() < 2:
            continue
        x, y = predicted[known, index], true[known]
        line = np.polyfit(x, y, 1) if np.ptp(x) > 0 else (0.0, y.mean())
        word = "pseudo-" if pseudo else "true "
        angle = pose.ANGLES[index]
        blocks.append(
            f"<h3>{angle.capitalize()}</h3>"
            + charts.scatter(x, y, f"predicted {angle}, °", f"{word}{angle}, °", tuple(line))
        )
    return _in_cards(blocks)


def _recognition(scores: Scores) -> str:
    shown = {name: scores.curves[name] for name in _CURVES if name in scores.curves}
    shown = shown or dict(list(scores.curves.items())[: charts.SERIES])
    roc = {name: _thinned(c.false_accept, c.true_accept) for name, c in shown.items()}
    cmc = {name: (np.arange(1, len(c.cmc) + 1), c.cmc) for name, c in shown.items()}
    main = next(iter(shown))
    bins = {
        name.replace("_", " ", 1).replace("_", "-"): (np.arange(1, len(values) + 1), values)
        for name, values in shown[main].cmc_bins.items()
    }
    top = (1, max(len(shown[main].cmc), 2))
    blocks = [
        "<h3>CMC</h3>" + charts.lines(cmc, "rank", "share of probes", top, (0, 1)),
        "<h3>ROC</h3>"
        + charts.lines(roc, "false accepts", "true accepts", (0, 1), (0, 1), diagonal=True),
    ]
    if bins:
        blocks.insert(
            1,
            f"<h3>CMC of {main}, by distance from frontal</h3>"
            + charts.lines(bins, "rank", "share of probes", top, (0, 1)),
        )
    found = [
        (name, scores.metrics[recognition.metric_names(name)[1]]) for name in scores.descriptors
    ]
    found = [(name, metric) for name, metric in found if not metric.is_absent]
    values, lows, highs = np.array([(m.value, m.low, m.high) for _, m in found]).T
    blocks.append(
        "<h3>What tells people apart</h3>"
        + charts.intervals([name for name, _ in found], values, lows, highs, "verification AUC")
    )
    table = _pivot(report.recognition_rows(scores))
    return f"<h3>By descriptor</h3>{table}" + _in_cards(blocks, wide=True)


def _pivot(rows: Sequence[Sequence[str]]) -> str:
    """A table of texts, its first row the header."""
    header, *rows = ([html.escape(text) for text in row] for row in rows)
    head = "".join(f'<th class="n">{name}</th>' for name in header[1:])
    body = "".join(
        f'<tr><td class="name">{row[0]}</td>'
        + "".join(f'<td class="n">{text}</td>' for text in row[1:])
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><tr><th>{header[0]}</th>{head}</tr>{body}</table></div>'


def _thinned(x: np.ndarray, y: np.ndarray, most: int = 150) -> tuple[np.ndarray, np.ndarray]:
    rows = np.unique(np.linspace(0, len(x) - 1, most).round().astype(int))
    return x[rows], y[rows]


def _pictures(names: Sequence[str], scores: Scores, predictions: Predictions) -> str:
    """Mean places of the parts if there are any, examples, and the best and worst cases."""
    assert predictions.image is not None
    count = len(predictions.image)
    parted = predictions.labels is not None
    body = _places(predictions) if parted else []
    body.append(f"<h3>{'Part by part' if parted else 'Examples'}</h3>")
    for index in np.unique(np.linspace(0, count - 1, _EXAMPLES).round().astype(int)):
        photo = fit(predictions.image[index], _TILE)
        tiles = _photo_tiles(predictions, index)
        for part in range(predictions.parts if parted else 0):
            inside = _labels(predictions, index)[..., np.newaxis] == part
            tiles.append((np.where(inside, photo, 128), colors.part_name(part)))
        body.append(f'<div class="case">{html.escape(names[index])}{_tiles(tiles)}</div>')
    for name, title, less_is_better in _RANKED:
        values = scores.per_image.get(name)
        if values is None or np.isnan(values).all():
            continue
        known = np.flatnonzero(~np.isnan(values))
        order = known[
            np.argsort(values[known] if less_is_better else -values[known], kind="stable")
        ]
        for word, chosen in (("Best", order[:_CASES]), ("Worst", order[::-1][:_CASES])):
            tiles = []
            for index in chosen:
                stacked = np.concatenate([t for t, _ in _photo_tiles(predictions, index)])
                tiles.append((stacked, f"{names[index]}: {values[index]:.4g}"))
            body.append(f"<h3>{word} {html.escape(title)}</h3>" + _tiles(tiles))
    return "".join(body)


def _places(predictions: Predictions) -> list[str]:
    """Where each part lies, over all pictures."""
    assert predictions.image is not None and predictions.labels is not None
    mean = fit(predictions.image.mean(0, dtype=np.float64), _TILE)
    tiles = []
    for part, color in enumerate(_palette(np.arange(predictions.parts))):
        often = np.mean(predictions.labels == part, axis=0)
        alpha = fit(np.repeat(often[..., np.newaxis], 3, -1), _TILE) / 255.0
        tiles.append(
            (alpha * color + (1 - alpha) * mean.mean(-1, keepdims=True), colors.part_name(part))
        )
    heading = "<h3>Where each part lies</h3><p>How often, over all pictures, on their mean.</p>"
    return [heading, _tiles(tiles)]


def _photo_tiles(predictions: Predictions, index: int) -> list[tuple[np.ndarray, str]]:
    """The photo, its reconstruction if there is one, and the parts, if any, laid over it."""
    assert predictions.image is not None
    photo = fit(predictions.image[index], _TILE)
    tiles = [(photo, "photo")]
    if predictions.reconstruction is not None:
        rendered = np.clip(predictions.reconstruction[index], 0.0, 1.0)
        tiles.append((fit(rendered, _TILE), "rendered"))
    if predictions.labels is not None:
        places = _palette_places(_labels(predictions, index))
        tiles.append((colors.overlay(photo, places), "parts"))
    return tiles


def _labels(predictions: Predictions, index: int) -> np.ndarray:
    """Labels `[tile, tile]` of one picture."""
    assert predictions.labels is not None
    picture = Image.fromarray(predictions.labels[index].astype(np.uint8))
    return np.asarray(picture.resize((_TILE, _TILE), Image.Resampling.NEAREST))


def _palette_places(labels: np.ndarray) -> np.ndarray:
    """Places in the palette; with more parts than colors the foreground's begin anew."""
    foreground = len(colors.PALETTE) - 1
    return np.where(labels > 0, (labels.astype(int) - 1) % foreground + 1, 0)


def _palette(labels: np.ndarray) -> np.ndarray:
    return colors.PALETTE[_palette_places(labels)]


def _tiles(tiles: Iterable[tuple[np.ndarray, str]]) -> str:
    figures = "".join(
        f'<figure><img alt="{html.escape(caption)}" src="{_data_uri(picture)}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for picture, caption in tiles
    )
    return f'<div class="tiles">{figures}</div>'


def _data_uri(picture: np.ndarray) -> str:
    if picture.dtype != np.uint8:
        picture = np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _in_cards(blocks: Sequence[str], wide: bool = False) -> str:
    name = "charts wide" if wide else "charts"
    return f'<div class="{name}">{"".join(f"<div>{one}</div>" for one in blocks)}</div>'
