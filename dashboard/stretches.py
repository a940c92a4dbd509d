"""Stretches of a track by the numbers of their segments."""

from __future__ import annotations


class Segments:
    """Segments ``first`` up to, not including, ``stop`` of ``window`` metres; for data classes that have these."""

    first: int
    stop: int
    window: float

    @property
    def x_start(self) -> float:
        return self.first * self.window

    @property
    def x_end(self) -> float:
        return self.stop * self.window

    @property
    def metres(self) -> float:
        return self.x_end - self.x_start
