"""Trains with a step that `tools.export_step` wrote: JAX alone, no TensorFlow, no igc_tf.

    python run_step.py --step_dir=STEP --save=trained.npz [--minutes=8] [--part_mb=15]

Copy STEP to the machine with the GPU; it needs Python 3.12, jax 0.11.2 (its export format is not stable),
NumPy and Pillow. Batches come in the order that igc_tf's pipeline has for the seed. Photos, weights and
moments stay on the device, and --inner steps go to it as one program. Stop it and nothing is saved.

With --minutes the learning rate falls over that time, whatever the schedule, and the run then counts as
finished; without, the run's own steps are taken.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import io
import json
import lzma
import math
import pathlib
import time

import numpy as np

# JAX is imported where it is used, so that the rest can be tested without.


class Step:
    """An exported step: (state, constants, photos, number, rate) to (state, report)."""

    def __init__(self, folder: pathlib.Path):
        """Reads the program of a folder."""
        self.layout = json.loads((folder / "layout.json").read_text())
        self.inputs, self.outputs = self.layout["inputs"], self.layout["outputs"]
        self._exported = _as_exported(lzma.decompress((folder / "step.hlo.xz").read_bytes()), self)

    def __call__(self, state, constants, photos, number, rate):
        """Takes one step; state and constants are {key: array}, the report `[R]` float32."""
        known = {**constants, **state, **photos, "step": number, "rate": rate}
        results = self._exported.call(*(known[entry["key"]] for entry in self.inputs))
        found = dict(zip((entry["key"] for entry in self.outputs), results, strict=True))
        report = found.pop("report")
        found.pop("finite")
        return found, report


def _as_exported(module: bytes, step: Step):
    """TensorFlow's HLO as if `jax.export` had made it, so that jit, scan and donation take it."""
    import jax
    import jax.numpy as jnp
    from jax import export
    from jax._src.export import _export
    from jax._src.interpreters import mlir
    from jax._src.lib import xla_client
    from jax._src.lib.mlir import ir
    from jax._src.lib.mlir.dialects import hlo

    names = {"u8": "uint8", "s32": "int32", "s64": "int64", "f16": "float16", "f32": "float32"}
    names |= {"f64": "float64", "bf16": "bfloat16", "pred": "bool"}
    stablehlo = xla_client._xla.mlir.hlo_to_stablehlo(module)
    with mlir.make_ir_context():
        parsed = ir.Module.parse(stablehlo)
        for name in list(parsed.operation.attributes):
            if name != "sym_name":
                del parsed.operation.attributes[name]  # aliases and the like, which jit decides
        parsed.operation.attributes["sym_name"] = ir.StringAttr.get("igc_step")
        version = hlo.get_version_from_compatibility_requirement(
            hlo.StablehloCompatibilityRequirement.WEEK_4
        )
        artifact = xla_client._xla.mlir.serialize_portable_artifact(parsed, version)

    def avals(entries):
        return tuple(
            jax.core.ShapedArray(tuple(entry["shape"]), jnp.dtype(names[entry["dtype"]]))
            for entry in entries
        )

    ins, outs = avals(step.inputs), avals(step.outputs)
    backend = jax.default_backend()
    return export.Exported(
        fun_name="igc_step",
        in_tree=jax.tree.structure((tuple(ins), {})),
        in_avals=ins,
        out_tree=jax.tree.structure(list(outs)),
        out_avals=outs,
        _in_named_shardings=(None,) * len(ins),
        _out_named_shardings=(None,) * len(outs),
        in_shardings_hlo=(None,) * len(ins),
        out_shardings_hlo=(None,) * len(outs),
        nr_devices=1,
        platforms=({"gpu": "cuda"}.get(backend, backend),),
        ordered_effects=(),
        unordered_effects=(),
        disabled_safety_checks=(),
        mlir_module_serialized=artifact,
        calling_convention_version=_export.maximum_supported_calling_convention_version,
        module_kept_var_idx=tuple(range(len(ins))),
        uses_global_constants=False,
        _get_vjp=None,
    )


def read_photos(path: pathlib.Path) -> dict[str, np.ndarray]:
    """'photos' `[N, S, S, 3]` uint8, and 'beside' `[N, s, s, K]` float16 if the step wants it."""
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    found = {}
    if "images" in arrays:
        found["photos"] = arrays["images"]
    else:
        from PIL import Image

        content, ends = arrays["files"].tobytes(), arrays["ends"].tolist()

        def decode(begin: int, end: int) -> np.ndarray:
            return np.asarray(Image.open(io.BytesIO(content[begin:end])).convert("RGB"))

        with concurrent.futures.ThreadPoolExecutor() as pool:
            found["photos"] = np.stack(list(pool.map(decode, [0, *ends[:-1]], ends)))
    if "beside_bytes" in arrays:
        found["beside"] = (arrays["beside_bytes"] * arrays["beside_scale"]).astype(np.float16)
    elif "beside" in arrays:
        found["beside"] = arrays["beside"]
    return found


def batch_indices(count: int, batch_size: int, seed: int, first: int, steps: int) -> np.ndarray:
    """`[steps, batch_size]`: those of igc_tf.datasets.pipeline.BatchOrder."""
    positions = np.arange(first * batch_size, (first + steps) * batch_size)
    epochs, places = np.divmod(positions, count)
    found = np.empty(len(positions), np.int32)
    for epoch in np.unique(epochs):
        order = np.random.default_rng((seed, int(epoch))).permutation(count)
        found[epochs == epoch] = order[places[epochs == epoch]]
    return found.reshape(steps, batch_size)


def learning_rate(layout: dict, step: int, share: float | None = None) -> float:
    """The rate of a step, as Keras' schedule has it; by the share of the time gone, if that is given."""
    training, floor = layout["training"], layout["final_share"]
    peak, warmup = training["learning_rate"], training["warmup_steps"]
    if step < warmup:
        return peak * step / warmup
    if share is None:
        if training["learning_rate_schedule"] != "cosine":
            return peak
        share = (step - warmup) / max(1, training["steps"] - warmup)
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0))))


def main() -> None:
    """Trains and saves."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--step_dir", type=pathlib.Path, required=True)
    parser.add_argument("--save", required=True, help="file to write the trained state to")
    parser.add_argument("--part_mb", type=float, help="write SAVE.000, SAVE.001, ... of this size")
    parser.add_argument("--start", help="what an earlier call saved, to go on from")
    parser.add_argument("--steps", type=int, help="stop after so many")
    parser.add_argument("--minutes", type=float, help="train so long")
    parser.add_argument("--inner", type=int, default=20, help="steps a program; 1 on a CPU")
    parser.add_argument("--cache", help="folder to keep compiled programs in")
    options = parser.parse_args()
    import jax

    jax.config.update("jax_enable_x64", True)  # steps and the rasterizer's keys are int64
    if options.cache:
        jax.config.update("jax_compilation_cache_dir", options.cache)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    began = time.perf_counter()

    def say(*words: object) -> None:
        print(f"[{time.perf_counter() - began:6.1f} s]", *words, flush=True)

    step = Step(options.step_dir)
    layout, changing = step.layout, [entry["key"] for entry in step.outputs[2:]]
    training, inner = layout["training"], options.inner
    with np.load(options.step_dir / "start.npz") as file:
        constants = {key: file[key] for key in file.files}
    if options.start:
        with np.load(options.start) as file:
            constants.update({key: file[key] for key in file.files})
    state = {key: constants.pop(key) for key in changing}
    count = int(state["optimizer/000"])
    state, fixed, photos = jax.device_put(
        (state, constants, read_photos(options.step_dir / "photos.npz"))
    )
    say(f"{len(photos['photos']):,} photos; {jax.devices()[0].device_kind}; at step {count}")

    def take(state, fixed, photos, indices, numbers, rates):
        def one(state, given):
            chosen, number, rate = given
            return step(
                state, fixed, {key: maps[chosen] for key, maps in photos.items()}, number, rate
            )

        if inner == 1:
            return one(state, (indices[0], numbers[0], rates[0]))
        state, reports = jax.lax.scan(one, state, (indices, numbers, rates))
        return state, reports.mean(axis=0)

    def batches(at: int):
        size, seed = training["batch_size"], training["seed"]
        indices = batch_indices(len(photos["photos"]), size, seed, at, inner)
        return indices, np.arange(at, at + inner, dtype=np.int64)

    lowered = jax.jit(take, donate_argnums=0).lower(
        state, fixed, photos, *batches(count), np.zeros(inner, np.float32)
    )
    compiled = lowered.compile({"xla_allow_excess_precision": False})
    say(
        f"compiled; {compiled.memory_analysis().temp_size_in_bytes / 1e6:.0f} MB beside the arguments"
    )

    last = training["steps"] if options.minutes is None else np.iinfo(np.int64).max
    last = min(last, count + options.steps) if options.steps else last
    start, paces, looked = time.perf_counter(), [], 0.0
    while count + inner <= last:
        share = None
        if options.minutes is not None:
            share = (time.perf_counter() - start) / (60 * options.minutes)
            if share >= 1:
                break
        rates = [learning_rate(layout, number, share) for number in range(count, count + inner)]
        before = time.perf_counter()
        state, report = compiled(state, fixed, photos, *batches(count), np.array(rates, np.float32))
        report = np.asarray(report)  # waits for it
        paces.append((time.perf_counter() - before) / inner)
        count += inner
        if not np.isfinite(report).all():
            raise SystemExit(f"The steps up to {count} are not finite.")
        if time.perf_counter() - looked > 10 or len(paces) < 3:
            looked = time.perf_counter()
            named = dict(zip(layout["report"], report.tolist(), strict=False))
            values = ", ".join(f"{key} {named[key]:.4f}" for key in ("loss/total", "l1"))
            speed = training["batch_size"] / paces[-1]
            say(f"step {count}, {1e3 * paces[-1]:.1f} ms, {speed:.0f} images/s, {values}")
    if paces:
        speed = training["batch_size"] / float(np.median(paces))
        say(
            f"{len(paces) * inner} steps; median {1e3 * np.median(paces):.2f} ms, {speed:.0f} images/s"
        )

    kept = {
        key: np.asarray(value) for key, value in {**fixed, **state}.items() if "constant" not in key
    }
    if options.minutes is not None or count >= training["steps"]:
        kept["finished"] = np.array(True)
    buffer = io.BytesIO()
    np.savez(buffer, **kept)
    content = buffer.getvalue()
    part = int(1e6 * options.part_mb) if options.part_mb else len(content)
    for number, begin in enumerate(range(0, len(content), part)):
        name = f"{options.save}.{number:03}" if options.part_mb else options.save
        pathlib.Path(name).write_bytes(content[begin : begin + part])
    say(f"wrote {options.save}, {len(content) / 1e6:.1f} MB, at step {count}")


if __name__ == "__main__":
    main()
