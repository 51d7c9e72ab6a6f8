"""How the peers are started."""

import sys
from pathlib import Path

MERCURIUS = Path(__file__).resolve().parent / "mercurius"
"""Where Node finds its server and packages."""
STOCK_COMMAND: list[str | Path] = [sys.executable, "-m", "benchmarks.peers.stock"]
HAND_COMMAND: list[str | Path] = [sys.executable, "-m", "benchmarks.peers.handwritten"]
