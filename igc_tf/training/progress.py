"""The progress bar of a training: images a second, loss, time left."""

from __future__ import annotations

import sys
import time

from rich import progress

#: Seconds between plain lines where there is no terminal to draw a bar on.
_LINE_SECONDS = 15.0


class Progress:
    """A bar on a terminal; elsewhere (a log file, CI) one plain line every 15 seconds."""

    def __init__(self, total_steps: int, batch_size: int, step: int):
        """Begins at `step` of `total_steps`."""
        self.total_steps, self.batch_size = total_steps, batch_size
        self.images_per_second = 0.0
        self._step = step
        self._time: float | None = None
        self._line_time = time.monotonic()
        self._bar: progress.Progress | None = None
        if sys.stderr.isatty():
            self._bar = progress.Progress(
                progress.TextColumn("{task.completed}/{task.total} steps"),
                progress.BarColumn(),
                progress.TextColumn("{task.fields[text]}"),
                progress.TimeRemainingColumn(),
            )
            self._task = self._bar.add_task("train", total=total_steps, completed=step, text="")

    def __enter__(self) -> Progress:
        """Shows the bar."""
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Takes the bar down."""
        if self._bar:
            self._bar.stop()

    def update(self, step: int, loss: float, l1: float) -> None:
        """Shows that `step` steps are done."""
        now = time.monotonic()
        if self._time is not None:  # the first step is mostly tracing
            rate = (step - self._step) * self.batch_size / max(now - self._time, 1e-9)
            keep = 0.95 ** (step - self._step) if self.images_per_second else 0.0
            self.images_per_second = keep * self.images_per_second + (1 - keep) * rate
        self._step, self._time = step, now
        speed = f"{self.images_per_second:.0f} images/s, " if self.images_per_second else ""
        text = f"{speed}loss {loss:.4f}, L1 {l1:.4f}"
        if self._bar:
            self._bar.update(self._task, completed=step, text=text)
        elif now - self._line_time > _LINE_SECONDS or step == self.total_steps:
            self._line_time = now
            if self.images_per_second:
                left = (self.total_steps - step) * self.batch_size / self.images_per_second
                text += f", {left / 60:.1f} min left"
            print(f"{step}/{self.total_steps} steps, {text}", file=sys.stderr, flush=True)

    def shares(self, shares: dict[str, float]) -> None:
        """Writes a line that says how much each loss makes of the total, the largest first."""
        ordered = sorted(shares.items(), key=lambda pair: -abs(pair[1]))
        text = ", ".join(f"{name} {share:.1%}" for name, share in ordered)
        line = f"{self._step}/{self.total_steps} steps, of the loss: {text}"
        if self._bar:
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)
