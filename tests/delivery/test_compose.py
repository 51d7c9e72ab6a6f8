import re
import subprocess
import sys
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from adapters.database.database import POOL_SIZE
from adapters.mail.opening import open_mail
from adapters.vectors.opening import open_vectors
from core.settings import VARIABLES, Settings, read_settings
from server import DRAIN_SECONDS
from tests.delivery.image import DOCKERFILE
from tests.delivery.manifests import COMPOSE, ROOT
from tests.test_server import PRODUCTION
from web.uploads import AT_ONCE, MAX_UPLOAD
from worker.loop import DEADLINE

OURS = ("migrate", "server1", "server2", "worker")
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
Service = dict[str, Any]


def services(**environment: str) -> dict[str, Service]:
    """Every service, with its variables put in: what the environment says, else the default that stands there."""
    text = VARIABLE.sub(lambda found: environment.get(found[1]) or found[2], COMPOSE.read_text(encoding="utf-8"))
    read: dict[str, Service] = yaml.safe_load(text)["services"]
    assert "${" not in str(read)
    return read


def settings_of(service: Service) -> Settings:
    """What our program reads there."""
    return read_settings({name: str(value) for name, value in service["environment"].items()})


def test_file_is_of_the_compose_specification() -> None:
    """The schema that the specification publishes, as check-jsonschema carries it."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ok -- validation done\n"), done.stdout


@pytest.mark.parametrize("profile", ["development", "production"])
def test_programs_accept_their_settings(profile: str) -> None:
    """As they stand, and in production with what .env then has to say; each name is one that is read."""
    environment = {} if profile == "development" else PRODUCTION
    for name in OURS:
        service = services(**environment)[name]
        assert set(service["environment"]) <= set(VARIABLES)
        settings = settings_of(service)
        assert (settings.profile, settings.jobs) == (profile, "external")
        open_mail(settings.mail_url)
        open_vectors(settings.vectors_url)


def test_what_is_named_is_there() -> None:
    """Hosts in addresses are services, files that are mounted lie in the tree, and what is waited for can be well."""
    all_of = services()
    settings = settings_of(all_of["server1"])
    urls = (settings.database_url, settings.redis_url, settings.mail_url, settings.vectors_url)
    assert [urlsplit(url).hostname for url in urls] == ["postgres", "valkey", "mail", "weaviate"]
    assert {"postgres", "valkey", "mail", "weaviate"} <= all_of.keys()
    for service in all_of.values():
        if build := service.get("build"):
            assert (COMPOSE.parent / build["context"] / build["dockerfile"]).resolve() == DOCKERFILE
        for name, awaited in service.get("depends_on", {}).items():
            if awaited["condition"] == "service_healthy":
                assert "test" in all_of[name]["healthcheck"]
            else:
                assert (awaited["condition"], name) == ("service_completed_successfully", "migrate")
    assert (COMPOSE.parent / "../nginx/porchlight.conf").is_file()
    assert all_of["server1"]["env_file"] == [{"path": ".env", "required": False}]


def test_our_containers_may_do_nothing_but_serve() -> None:
    """Read-only, without powers, bounded in memory, and stopped patiently enough to bring to an end what has begun."""
    for name in OURS:
        service = services()[name]
        assert service["read_only"] is True
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    grace = {name: int(services()[name]["stop_grace_period"].removesuffix("s")) for name in OURS}
    assert min(grace["server1"], grace["server2"]) > DRAIN_SECONDS
    assert grace["worker"] > DEADLINE


def test_nothing_is_seen_from_outside_but_this_machine() -> None:
    """Ports are published on the loopback interface alone, and only of what people look at."""
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert published.keys() == {"nginx", "mail", "prometheus", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_only_nginx_is_believed() -> None:
    """The network that forwarding headers are believed from is that of these containers."""
    (network,) = yaml.safe_load(COMPOSE.read_text())["networks"]["porchlight"]["ipam"]["config"]
    assert [str(each) for each in settings_of(services()["server1"]).trusted_proxies] == [network["subnet"]]


def test_servers_stay_where_nginx_looks_for_them() -> None:
    """A container that is made anew has the address of the one before, for nginx asks once; nobody else is given it."""
    (network,) = yaml.safe_load(COMPOSE.read_text())["networks"]["porchlight"]["ipam"]["config"]
    chosen, given = ip_network(network["subnet"]), ip_network(network["ip_range"])
    addresses = [ip_address(services()[name]["networks"]["porchlight"]["ipv4_address"]) for name in OURS[1:3]]
    assert len(set(addresses)) == 2
    assert all(each in chosen and each not in given for each in (*addresses, ip_address(network["gateway"])))


def test_uploads_have_room() -> None:
    """What may arrive at one moment fits into the folder for it, and beside that the process into its memory."""
    server = services()["server1"]
    (told,) = server["tmpfs"]
    room = int(told.partition(":size=")[2].partition("m,")[0])
    assert room << 20 >= AT_ONCE * MAX_UPLOAD
    assert (room < 512, server["deploy"]["resources"]["limits"]["memory"]) == (True, "1G")


def test_connections_fit() -> None:
    """All processes together hold fewer connections than PostgreSQL gives."""
    options = dict(option.split("=") for option in services()["postgres"]["command"] if "=" in option)
    assert POOL_SIZE * len(OURS) < int(options["max_connections"])


def test_images_have_a_version() -> None:
    """No image is whatever is newest today."""
    images = {service["image"] for service in services().values()} - {"porchlight:local"}
    assert [image for image in images if not re.fullmatch(r"[\w/]+:v?\d+[\w.-]*", image)] == []


def test_nginx_has_both_servers() -> None:
    """The line that nginx is started with puts the servers' names where the file has this machine's ports."""
    script = services()["nginx"]["command"][2].partition("\n")[0].partition(">")[0]
    conf = ROOT / "deploy/nginx/porchlight.conf"
    command = ["sh", "-euc", script.replace("/porchlight.conf", str(conf))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    servers = re.findall(r"^ *server ([\w.:-]+)", done.stdout, re.MULTILINE)
    assert set(servers) == {"server1:8000", "server2:8000"}
    assert done.stdout.count("127.0.0.1:800") == 0
