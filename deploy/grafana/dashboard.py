"""Writes the dashboard by Grafana's own builders: `python -m deploy.grafana.dashboard`."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendPlacement
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from deploy.grafana.panels import ROWS, Shown

FILE = Path(__file__).parent / "porchlight.json"
SOURCE = DataSourceRef(type_val="prometheus", uid="$source")
LEGEND = common.VizLegendOptions().show_legend(show_legend=True).placement(LegendPlacement.BOTTOM)
WIDTH, HEIGHT = 8, 8
"""Three panels beside each other: Grafana has 24 columns."""


def panel(shown: Shown) -> timeseries.Panel:
    """One panel."""
    built = timeseries.Panel().title(shown.title).description(shown.text).unit(shown.unit).min(0)
    built = built.datasource(SOURCE).span(WIDTH).height(HEIGHT).fill_opacity(10).legend(LEGEND)
    for number, (legend, expression) in enumerate(shown.asked.items()):
        query = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + number))
        built = built.with_target(query)
    return built


def text() -> str:
    """The file."""
    built = (
        dashboard.Dashboard("Porchlight")
        .uid("porchlight")
        .tags(["porchlight"])
        .description("Objectives, operations, work, billing, vendors and processes: docs/monitoring.md.")
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("utc")
        .readonly()
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
        .with_variable(
            dashboard.QueryVariable("instance")
            .label("Instance")
            .datasource(SOURCE)
            .query("label_values(porchlight_build_info, instance)")
            .include_all(include_all=True)
            .multi(multi=True)
        )
    )
    numbers = count(1)
    for title, panels in ROWS.items():
        built = built.with_row(dashboard.Row(title).id(next(numbers)))
        for shown in panels:
            built = built.with_panel(panel(shown).id(next(numbers)))
    return json.dumps(built.build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write the file."""
    FILE.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
