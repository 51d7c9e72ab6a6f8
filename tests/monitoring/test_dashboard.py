"""The dashboard is read by Grafana's own models, and its questions by a Prometheus that runs beside a server."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import dashboard
from deploy.grafana.panels import ROWS
from models.mail import DeliveryStatus
from services.monitoring import Siblings, own
from tests.clock import ManualClock
from tests.monitoring.test_alerts import FOLDER, RULES
from tests.porchlight import Porchlight, running, settings_for
from tests.program import ROOT, free_port
from tests.services.valkey import until

NAME = re.compile(r"\b(?:porchlight|process|python)_\w+")
RECORDED = re.compile(r"\bporchlight:[\w:]+")
SUFFIX = re.compile(r"_(?:bucket|count|sum|total)$")
MATCHED = re.compile(r"\b((?:porchlight|process)_\w+)\{([^}]*)\}")
OURS = re.compile(r"\bporchlight_\w+")
JOBS = {("job", "porchlight.*"), ("le", "0.5")}
LETTERS_END = {str(status) for status in (DeliveryStatus.SENT, DeliveryStatus.REJECTED, DeliveryStatus.GIVEN_UP)}
"""How `services.notifications.sending` says that letters end; bounces are reports."""
OF_THE_TARGET = {"job", "instance", "process"}


def expressions() -> list[str]:
    """The questions of all panels, as Grafana would send them."""
    asked = [each for panels in ROWS.values() for shown in panels for each in shown.asked.values()]
    return [each.replace("$__rate_interval", "5m").replace("$instance", ".*") for each in asked]


def rules() -> list[dict[str, Any]]:
    """All rules."""
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


@asynccontextmanager
async def watched(sqlite_url: str, tmp_path: Path) -> AsyncGenerator[Porchlight]:
    """A server that has others beside it, as far as its metrics know."""
    settings = settings_for(sqlite_url, "", f"outbox://{tmp_path / 'outbox'}")
    async with running(settings, ManualClock()) as porchlight:
        siblings = tmp_path / "siblings"
        siblings.mkdir()
        porchlight.app.siblings = Siblings(siblings, partial(own, porchlight.app))
        async with porchlight.app.siblings.telling():
            await porchlight.register()
            await porchlight.post("{ users { totalCount } }")
            yield porchlight


def families(text: str) -> set[str]:
    """The names of a scrape, without what is added to those of counters and histograms."""
    return {SUFFIX.sub("", name) for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)}


def test_dashboard_is_what_its_builders_write() -> None:
    """`make monitoring` would change nothing, and Grafana's own models read every panel."""
    text = dashboard.FILE.read_text()
    assert text == dashboard.text()
    register_default_plugins()
    read = Dashboard.from_json(json.loads(text))
    assert json.dumps(read, cls=JSONEncoder, indent=1, sort_keys=True) + "\n" == text
    shown = [panel for panel in json.loads(text)["panels"] if panel["type"] != "row"]
    assert [panel["title"] for panel in shown] == [each.title for panels in ROWS.values() for each in panels]
    assert len({panel["id"] for panel in json.loads(text)["panels"]}) == len(json.loads(text)["panels"])


async def test_what_is_asked_for_is_told_and_what_is_told_is_shown(sqlite_url: str, tmp_path: Path) -> None:
    """Each metric and label of rules and panels is in a real scrape, and each of our metrics is looked at somewhere."""
    async with watched(sqlite_url, tmp_path) as porchlight:
        text = (await porchlight.http.get("/metrics")).text
    told = families(text)
    asked = [*expressions(), *(rule["expr"] for rule in rules())]
    names = {SUFFIX.sub("", name) for expression in asked for name in NAME.findall(expression)}
    assert names - told == set()
    ours = {name for name in told if name.startswith("porchlight_")}
    assert ours - names == set()
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert {name for expression in asked for name in RECORDED.findall(expression)} <= recorded
    for name, matchers in (found for expression in asked for found in MATCHED.findall(expression)):
        labels = set(re.findall(r"(\w+)=", matchers)) - OF_THE_TARGET - {"le"}
        lines = [line for line in text.splitlines() if line.startswith(f"{name}{{")]
        assert not labels or not lines or all(f'{label}="' in lines[0] for label in labels), (name, labels)
    for name, matchers in (found for rule in rules() for found in MATCHED.findall(rule["expr"])):
        for label, wanted in set(re.findall(r'(\w+)=~?"([^"]+)"', matchers)) - JOBS:
            known = set(re.findall(rf'^{name}{{.*?\b{label}="([^"]+)".*}}', text, re.MULTILINE))
            known |= LETTERS_END if name == "porchlight_mail_total" else set()
            assert set(wanted.split("|")) <= known, (name, label)
    page = (ROOT / "docs" / "monitoring.md").read_text()
    assert {SUFFIX.sub("", name) for name in OURS.findall(page)} == ours


def test_runbooks_name_panels_that_are_there() -> None:
    """Each that a page sends its reader to."""
    shown = {each.title for panels in ROWS.values() for each in panels}
    for page in (ROOT / "docs" / "runbooks").glob("*.md"):
        text = " ".join(page.read_text().split())
        for several in re.findall(r"[Pp]anels? (\*[^*]+\*(?:(?:,| and) \*[^*]+\*)*)", text):
            assert set(re.findall(r"\*([^*]+)\*", several)) <= shown, page.name


async def test_prometheus_reads_a_server_and_answers_every_question(sqlite_url: str, tmp_path: Path) -> None:
    """A real one, with the rules that are shipped: it scrapes, evaluates each rule, and understands each panel."""
    assert shutil.which("prometheus"), "prometheus is missing: apt-get install prometheus"
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "1s", "scrape_timeout": "500ms"}
    config["rule_files"] = [str(file) for file in RULES]
    config["alerting"] = {}
    port = free_port()
    async with watched(sqlite_url, tmp_path) as porchlight:
        config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{porchlight.port}"]
        config["scrape_configs"][1]["static_configs"][0]["targets"] = ["127.0.0.1:9"]
        file = tmp_path / "prometheus.yml"
        file.write_text(yaml.safe_dump(config))
        arguments = [f"--config.file={file}", f"--storage.tsdb.path={tmp_path / 'data'}", "--log.level=warn"]
        arguments.append(f"--web.listen-address=127.0.0.1:{port}")
        process = await asyncio.create_subprocess_exec("prometheus", *arguments, stderr=subprocess.DEVNULL)
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=10) as client:
                await until(partial(evaluated, client), 30)
                for expression in expressions():
                    answer = (await client.get("/query", params={"query": expression})).json()
                    assert answer["status"] == "success", (expression, answer)
                found = (await client.get("/query", params={"query": "porchlight_build_info"})).json()
                assert found["data"]["result"][0]["metric"]["process"] == "1"
                firing = (await client.get("/alerts")).json()["data"]["alerts"]
                assert [alert for alert in firing if alert["state"] == "firing"] == []
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), 20)


async def evaluated(client: httpx.AsyncClient) -> bool:
    """Whether the server was read and every rule was evaluated well."""
    try:
        answers = await client.get("/query", params={"query": 'up{job="porchlight"}'}), await client.get("/rules")
    except httpx.TransportError:
        return False
    if any(answer.status_code == 503 for answer in answers):  # it starts
        return False
    up, groups = answers[0].json(), answers[1].json()["data"]["groups"]
    health = [rule["health"] for group in groups for rule in group["rules"]]
    assert "err" not in health
    return [each["value"][1] for each in up["data"]["result"]] == ["1"] and health == ["ok"] * len(rules())
