"""Generated files."""

from pathlib import Path

import pytest

from schemas import asyncapi, catalogue, generate


def test_nothing_has_drifted() -> None:
    """What is in the tree is what the models and the reader say."""
    assert generate.drift(generate.generated_texts()) == {}


def test_check_names_what_drifted_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and 0 once it is written anew; schemas without a model are removed."""
    monkeypatch.setattr(generate, "DIRECTORY", tmp_path)
    monkeypatch.setattr(generate, "SCHEMA_DIRECTORY", tmp_path / "json")
    monkeypatch.setattr(asyncapi, "DOCUMENT", tmp_path / "whole" / "asyncapi.json")
    monkeypatch.setattr(generate, "INVALID_EXAMPLES", tmp_path)
    stale = tmp_path / "json" / "stale.json"
    generate.write(stale, "{}")

    assert generate.main(["--check"]) == 1
    said = capsys.readouterr().err
    assert "drifted: schemas/json/event.json" in said
    assert "drifted: schemas/whole/asyncapi.json" in said
    assert [stale] == list((tmp_path / "json").iterdir())
    assert generate.main([]) == 0
    assert set(catalogue.CATALOGUE) == {path.stem for path in (tmp_path / "json").iterdir()}
    assert generate.main(["--check"]) == 0
