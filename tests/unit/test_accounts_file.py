"""The accounts file as text: what it may hold, and how it is refused without a word of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.settings import SettingsError, load_settings
from consumer.settings.accounts_file import MAX_ACCOUNTS, MAX_FILE_BYTES, read_entries
from consumer.settings.load import MAX_PROBLEMS
from tests.unit.accounts_scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.mark.claim("S-80")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1 The file must hold a mapping"),
        ("- s3cret", "1 The file must hold a mapping"),
        ("accounts:", "1 accounts must be a mapping"),
        ("accounts: {}", "1 accounts has no account"),
        ("acounts: {}", "1 acounts is no key of this file; all stands under `accounts`, by name."),
        ("accounts:\n  a: s3cret", "2 accounts.a must be a mapping"),
        ("accounts:\n  a b: {}", "2 accounts: the name of this account must be 1 to 63 letters"),
        ("accounts:\n  s3cret/x: {}", "2 accounts: the name of this account must be 1 to 63 letters"),
        ("accounts:\n  a: {1000.s3cret: 1}", "2 accounts.a: this key is no setting of an account."),
        ("accounts:\n  a: {attempts: 1}\n  a: {attempts: 1}", "3 accounts.a stands in line 2 already"),
        ("accounts:\n  a:\n    attempts: 1\n    attempts: 2", "4 accounts.a.attempts stands in "),
        ("accounts:\n  a: {[1]: 1}", "2 accounts.a has a key that is no plain text."),
        ("accounts:\n  a: {attempts: !!int 3}", "2 accounts.a.attempts must be one plain value"),
        ("accounts:\n  a: &a {}\n  b: *a", "3 An alias (*) is used"),
        ("accounts:\n  a: {x: [[*a]]}", "2 "),
        ("accounts: {}\n---\naccounts: {}", "3 A second document begins"),
        ("accounts:\n\ta: s3cret", "2 column 1 is not valid YAML; indent with spaces, not tabs."),
        ("accounts:\n  a: 's3cret", "2 column 13 is not valid YAML; look at its indentation"),
        ("accounts: s3cret\x00", "1 The file is not valid YAML; look for characters that are not text."),
        ("[" * 1_000_000, "1 "),
        ("{a: " * 200_000, "1 "),
        ("? " * 200_000, "1 "),
    ],
    ids=str,
)
def test_a_file_that_is_no_accounts_file_is_a_problem_with_its_line(
    scene: Scene, text: str, problem: str
) -> None:
    """Neither its content nor the parser's words are quoted, and no nesting is too deep to refuse."""
    assert scene.problems_of_text(text)[0].startswith(f"accounts.yaml:{problem}")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * (MAX_FILE_BYTES + 1)])
def test_bytes_that_are_no_text_or_too_many_are_refused(scene: Scene, content: bytes) -> None:
    """Nothing of them is parsed."""
    scene.file.write_bytes(content)

    with pytest.raises(SettingsError, match=r"^CONSUMER_ACCOUNTS_FILE names a file that (is not|has more)"):
        load_settings(scene.environment())


def test_a_file_that_is_not_there_is_one_problem(scene: Scene) -> None:
    """Not one for each setting that it would have held."""
    with pytest.raises(SettingsError) as caught:
        load_settings(scene.environment())

    (problem,) = caught.value.problems
    assert problem.startswith("CONSUMER_ACCOUNTS_FILE names a file that doesn't exist")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "names a file that is empty; write the secret into it."),
        (b"\n", "names a file that is empty; write the secret into it."),
        (b"s3cret\xff", "names a file that is not UTF-8 text; write it anew."),
        (b"s3cret " * 20_000, "names a file that has more than 65536 bytes; it holds something else."),
        (
            b"s3cret two",
            "must be 1 to 1,024 visible ASCII characters: look for a space or line break copied along.",
        ),
    ],
)
def test_a_secret_file_that_holds_no_secret_is_a_problem_of_its_key(
    scene: Scene, content: bytes, problem: str
) -> None:
    """Empty, no text, too much, or no credential: never shown."""
    accounts = scene.two()
    (scene.directory / "b-refresh-token").write_bytes(content)

    assert scene.problems(accounts) == [f"accounts.yaml:12 accounts.b.zoho_refresh_token_file {problem}"]


def test_accounts_are_at_most_five_hundred(scene: Scene) -> None:
    """One more is refused, and said so."""
    names = "".join(f"  a{number}: {{}}\n" for number in range(MAX_ACCOUNTS + 1))

    entries, (problem,) = read_entries(f"accounts:\n{names}", "f")

    assert len(entries) == MAX_ACCOUNTS
    assert problem.startswith(f"f:{MAX_ACCOUNTS + 2} accounts must be at most {MAX_ACCOUNTS}")


def test_problems_are_bounded(scene: Scene) -> None:
    """A file that is wrong in a thousand places is two hundred sentences and a count."""
    found = scene.problems({f"a{number}": {"attempts": "x"} for number in range(MAX_ACCOUNTS)})

    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1].endswith("more problems; mend these first.")


@pytest.mark.claim("S-80")
@given(text=st.text(alphabet="accounts:ab {}[]*&!?-'\"|>#%@\n\t,0~<s", max_size=60))
def test_no_text_whatever_breaks_the_parser(text: str) -> None:
    """Any text gives entries or problems with a line."""
    entries, problems = read_entries(text, "f")

    assert entries or problems
    assert all(problem.startswith("f:") and problem[2].isdigit() for problem in problems)
