"""What the pages say exists: links, commands, settings and metrics; and the runbook is whole."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from consumer import runbook
from consumer.cli.main import cli
from consumer.delivery.gate import AccountState
from consumer.settings.table import SETTINGS
from consumer.telemetry.names import METRIC_TABLE, PREFIX
from schemas.error_class import ErrorClass

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "docs" / "runbook"
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part == "node_modules" for part in path.relative_to(ROOT).parts)
)
HEADINGS = ["What it means", "How to see it", "What to do", "What not to do", "How to know it is over"]
MAX_LINES = 60
# Of the tests, not of the program.
OF_TESTS = {"CONSUMER_TEST_KAFKA"}

_LINK = re.compile(r"(?<!!)\[[^]]*]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_INDENTED = re.compile(r"^ {4}(?:\.venv/bin/)?(session-consumer .*)$", re.MULTILINE)
_FENCED = re.compile(r"^(session-consumer .*)$", re.MULTILINE)


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _ids(page: Path) -> str:
    return str(page.relative_to(ROOT))


pages = pytest.mark.parametrize("page", PAGES, ids=_ids)


@pytest.mark.parametrize("name", [*ErrorClass, *AccountState])
def test_every_class_and_state_has_a_page_of_one_form(name: str) -> None:
    """The same five headings in the same order, on a page that a tired reader gets through."""
    page = ROOT / runbook.PAGES[name]
    lines = _text(page).splitlines()

    assert f"# `{name}`" == lines[0]
    assert [line[3:] for line in lines if line.startswith("## ")] == HEADINGS
    assert len(lines) <= MAX_LINES
    assert f"]({page.name})" in _text(RUNBOOK / "README.md")


def test_the_runbook_has_no_page_that_nothing_leads_to() -> None:
    """A class or a state that goes takes its page with it."""
    assert {page.name for page in RUNBOOK.iterdir()} == {
        "README.md",
        *(Path(path).name for path in runbook.PAGES.values()),
    }


def test_every_class_has_a_next_step() -> None:
    """One sentence, short enough for a line of `dlq stats`, whose commands exist."""
    assert set(runbook.ADVICE) == set(ErrorClass)
    for advice in runbook.ADVICE.values():
        assert len(advice.next_step) <= 110
        assert advice.next_step.endswith(".")
        for command in re.findall(r"`(dlq [^`]+)`", advice.next_step):
            _check(command, cli, command.split())


def test_the_runbook_says_whose_fault_it_is_as_the_program_does() -> None:
    """Each class's line in the index names the same one."""
    rows = [line for line in _text(RUNBOOK / "README.md").splitlines() if line.startswith("| [`")]
    for name, advice in runbook.ADVICE.items():
        (row,) = [row for row in rows if f"[`{name}`]" in row]
        assert f" {advice.fault} " in row.split("|")[3]


def test_pages_are_found_where_the_project_says() -> None:
    """Under the project's documentation URL where pyproject.toml names one, else within the repository."""
    project = tomllib.loads(_text(ROOT / "pyproject.toml"))["project"]
    base = project.get("urls", {}).get("Documentation", "")

    assert base == runbook.BASE_URL
    assert f"{base}docs/runbook/kafka-down.md" == runbook.url("kafka_down")


@pages
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links name files that exist, and headings that stand in them."""
    broken = []
    for link in _LINK.findall(_FENCE.sub("", _text(page))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)

    assert [] == broken


def _anchors(page: Path) -> set[str]:
    """Of a page's headings, as repositories' sites make them."""
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", _text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_every_setting_that_is_named_exists(page: Path) -> None:
    """`CONSUMER_ZOHO_…` and the like mean several, and one at least must begin so."""
    known = {setting.variable for setting in SETTINGS} | OF_TESTS
    found = set(re.findall(r"\bCONSUMER_[A-Z0-9_]*", _text(page)))

    assert set() == {
        name
        for name in found
        if name not in known and not (name.endswith("_") and any(each.startswith(name) for each in known))
    }


@pages
def test_every_metric_that_is_named_exists(page: Path) -> None:
    """In full, with a histogram's parts; labels and their values too."""
    known = {info.full_name: dict(info.labels) for info in METRIC_TABLE}
    for name, labels in re.findall(rf"\b({PREFIX}\w+)(?:{{([^}}]*)}})?", _text(page)):
        base = re.sub(r"_(?:bucket|sum|count)$", "", name)
        assert base in known, name
        for label, value in re.findall(r'(\w+)="(\w+)"', labels):
            assert value in known[base][label], f"{name}{{{labels}}}"


@pages
def test_every_command_that_is_named_exists(page: Path) -> None:
    """Each `session-consumer …`, with its options and their values, as the command itself reads them."""
    for command in _commands(_text(page)):
        words = shlex.split(command, comments=True)[1:]
        _check(command, cli, words)


def test_a_wrong_command_is_found() -> None:
    """The check above is one: unknown commands, options and values don't pass."""
    for wrong in (
        "start",
        "run --now",
        "status -o yaml",
        "topics create --partitions 0",
        "event publish -o csv",
    ):
        with pytest.raises(AssertionError):
            _check(wrong, cli, wrong.split())


def _commands(text: str) -> Iterator[str]:
    """Those in code, without what a shell does with them; not patterns such as `event validate|publish`."""
    spans = [" ".join(span.split()) for span in _SPAN.findall(_FENCE.sub("", text))]
    fences = "\n".join(fence[0] for fence in _FENCE.finditer(text))
    for found in spans + _INDENTED.findall(text) + _FENCED.findall(fences):
        command = re.split(r"\s[|>&;]", found)[0]
        if re.match(r"session-consumer [a-z]", command) and "…" not in command and "|" not in command:
            yield command


def _check(command: str, found: click.Command, words: list[str]) -> None:
    """Parse without running: files need not exist, ID and the like are texts, a bare name needs nothing."""
    context = click.Context(found)
    try:
        values, left, _ = found.make_parser(context).parse_args(list(words))
        if isinstance(found, click.Group):
            child = found.get_command(context, left[0])
            assert child is not None, f"{command}: there is no command {left[0]}"
            _check(command, child, left[1:])
            return
        # What is not given is a sentinel of click's, or not there.
        given = {
            name: value for name, value in values.items() if isinstance(value, str | tuple | list | bool)
        }
        for parameter in found.params:
            value = given.get(parameter.name or "")
            assert value or not words or not parameter.required, f"{command}: {parameter.name} is missing"
            if value is not None and not isinstance(parameter.type, click.Path | click.File):
                parameter.type_cast_value(context, value)
        assert [] == left, command
    except click.UsageError as exc:
        raise AssertionError(f"{command}: {exc.format_message()}") from exc


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_heading_stands_twice_and_nothing_is_left_of_a_merge(page: Path) -> None:
    """Under one heading of its own kind, each name is given once."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    headings, above = [], ""
    for line in re.findall(r"^#{1,4} .*$", text, re.MULTILINE):
        above = line if line.startswith("## ") else above
        headings.append((above, line))

    assert [] == [line for line in text.splitlines() if line.startswith(("<<<<<<<", ">>>>>>>"))]
    assert [] == [each for each in set(headings) if headings.count(each) > 1]
