"""Rules are read by Prometheus's own tools, and each alert has cases, a page, and metrics that exist."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.prometheus import objectives
from tests.monitoring.rules import CASES, SERVER, Case, flat
from tests.program import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
RULES = [FOLDER / "slo.yml", FOLDER / "alerts.yml"]


def alerts() -> dict[str, dict[str, Any]]:
    """All alerts by their names."""
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def promtool(*arguments: str | Path) -> str:
    """What promtool says. It comes with Debian's package prometheus."""
    assert shutil.which("promtool"), "promtool is missing: apt-get install prometheus"
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def played(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Cases as promtool reads them; those of different metrics are played together, for each test starts a database."""
    together: list[tuple[set[str], list[Case]]] = []
    for case in cases:
        metrics = {series.partition("{")[0] for series in case.series}
        for known, those in together:
            if not known & metrics:
                known.update(metrics)
                those.append(case)
                break
        else:
            together.append((metrics, [case]))
    return [written(those) for _, those in together]


def written(cases: Sequence[Case]) -> dict[str, Any]:
    """Cases that do not touch each other as one test of promtool's."""
    series = {name: values for case in cases for name, values in case.series.items()}
    return {
        "name": ", ".join(f"{case.alert} {'fires' if case.fires else 'is silent'} {case.why}" for case in cases),
        "interval": f"{cases[0].step}m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{case.alert}",alertstate="firing"}})',
                "eval_time": f"{case.minute}m",
                "exp_samples": [{"labels": "{}", "value": 1}] if case.fires else [],
            }
            for case in cases
        ],
    }


def test_prometheus_reads_configuration_and_rules() -> None:
    """Its own tool finds nothing wrong, and as many rules as there are."""
    said = promtool("check", "config", FOLDER / "prometheus.yml")
    assert "2 rule files found" in said
    assert said.count("SUCCESS") == 4


def test_every_alert_fires_and_is_silent_when_it_should(tmp_path: Path) -> None:
    """Promtool plays the cases through the rules; no alert is without both kinds."""
    counts = Counter((case.alert, case.fires) for case in CASES)
    assert {name for name, _ in counts} == alerts().keys()
    assert all(counts[name, True] and counts[name, False] for name in alerts())
    told = {
        "interval": "1m",
        "input_series": [{"series": f"up{{{SERVER}}}", "values": flat(0)}],
        "alert_rule_test": [
            {
                "eval_time": "5m",
                "alertname": "ServerDown",
                "exp_alerts": [
                    {
                        "exp_labels": {"severity": "page", "job": "porchlight", "instance": "a:1"},
                        "exp_annotations": {
                            "summary": "Server a:1 does not answer",
                            "description": "Its /metrics could not be read for a minute.",
                            "runbook_url": "docs/runbooks/server-down.md",
                        },
                    }
                ],
            }
        ],
    }
    of_objectives = [case for case in CASES if "Burns" in case.alert]
    for rules, step, tests in (
        (RULES[0], 1, played([case for case in of_objectives if case.step == 1])),
        (RULES[0], 30, played([case for case in of_objectives if case.step > 1])),
        (RULES[1], 1, [*played([case for case in CASES if case not in of_objectives]), told]),
    ):
        content = {"rule_files": [str(rules)], "evaluation_interval": f"{step}m", "tests": tests}
        file = tmp_path / "rules_test.yml"
        file.write_text(yaml.safe_dump(content))
        assert "SUCCESS" in promtool("test", "rules", file)


def test_case_that_is_wrong_is_found(tmp_path: Path) -> None:
    """An alert that should fire and does not ends promtool with a failure."""
    silent = written([Case("ServerDown", fires=True, series={f"up{{{SERVER}}}": flat(1)})])
    file = tmp_path / "rules_test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES[1])], "tests": [silent]}))
    with pytest.raises(AssertionError, match="FAILED"):
        promtool("test", "rules", file)


def test_rules_of_objectives_are_those_that_are_written() -> None:
    """`make monitoring` would change nothing."""
    assert objectives.FILE.read_text() == objectives.text()


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    """The page names its alerts; each tells how urgent it is; a page that no alert leads to is not read."""
    pages: dict[str, set[str]] = {}
    for name, rule in alerts().items():
        page = rule["annotations"]["runbook_url"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        pages.setdefault(page, set()).add(name)
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    for page, names in pages.items():
        text = (ROOT / page).read_text()
        assert set(re.findall(r"^# (.+)$", text, re.MULTILINE)[0].split(" and ")) == names
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["What it means", "Look", "Do", "Over when"]
    index = (RUNBOOKS / "README.md").read_text()
    files = {f"docs/runbooks/{file.name}" for file in RUNBOOKS.glob("*.md") if file.name != "README.md"}
    assert files == pages.keys()
    assert all(f"({Path(file).name})" in index for file in files)


def test_example_of_alertmanager_knows_whom_to_tell() -> None:
    """Each route has its receiver, and what is inhibited are alerts that exist."""
    config = yaml.safe_load((FOLDER / "alertmanager.yml").read_text())
    receivers = {receiver["name"] for receiver in config["receivers"]}
    routes = [config["route"], *config["route"]["routes"]]
    assert {route["receiver"] for route in routes} == receivers
    matched = [matcher for rule in config["inhibit_rules"] for part in rule.values() for matcher in part]
    named = {name for matcher in matched for name in re.findall(r'alertname=~?"([^"]+)"', matcher)}
    assert {name for each in named for name in each.split("|")} <= alerts().keys()
