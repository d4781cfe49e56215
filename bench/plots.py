"""Draws the plots: SVG on white, so that they can be read in light and in dark. Needs bench/requirements.txt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

mpl.rcParams["svg.hashsalt"] = "sync-blueprints"  # the same figures make the same file


def figure(*titles: str) -> tuple[Figure, Any]:
    """A picture with one plot for each title, side by side."""
    picture = Figure(figsize=(5.5 * len(titles), 4.5), layout="constrained", facecolor="white")
    plots = picture.subplots(1, len(titles))
    for axes, title in zip(plots, titles):
        axes.set_title(title, fontsize=11)
        axes.grid(visible=True, color="0.9")
    return picture, plots


def save(picture: Figure, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(file, format="svg", metadata={"Date": None})
