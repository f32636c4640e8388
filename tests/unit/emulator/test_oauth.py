import json
from collections.abc import Mapping

from consumer.emulator.answers import Answer
from consumer.emulator.oauth import Tokens, is_live, kill_all, mint
from consumer.emulator.options import TokenRules

RULES = TokenRules()
NO_TOKENS = Tokens()
FORM = {
    "grant_type": "refresh_token",
    "client_id": RULES.client_id,
    "client_secret": RULES.client_secret,
    "refresh_token": RULES.refresh_token,
}


NO_TOKENS = Tokens()


def ask(
    rules: TokenRules = RULES, tokens: Tokens = NO_TOKENS, form: Mapping[str, str] = FORM
) -> tuple[Tokens, Answer]:
    return mint(rules, tokens, form, 0.0, "t")


def mint_many(rules: TokenRules, times: list[float]) -> tuple[Tokens, list[str]]:
    tokens, verdicts = Tokens(), []
    for number, now in enumerate(times):
        tokens, answer = mint(rules, tokens, FORM, now, f"t{number}")
        verdicts.append(answer.verdict)
    return tokens, verdicts


def test_granted_token_lives_for_its_time() -> None:
    """A token is live until it expires, strictly before."""
    tokens, answer = ask()

    assert answer.status == 200
    assert json.loads(answer.body)["expires_in"] == 3600
    assert is_live(tokens, "t", 3599.0)
    assert not is_live(tokens, "t", 3600.0)
    assert not is_live(tokens, "other", 0.0)


def test_old_variant_gives_milliseconds() -> None:
    """The old variant has expires_in in milliseconds beside expires_in_sec."""
    body = json.loads(ask(TokenRules(expires_in_milliseconds=True))[1].body)

    assert (body["expires_in_sec"], body["expires_in"]) == (3600, 3_600_000)


def test_every_part_of_the_credential_is_checked() -> None:
    """Wrong client, secret, refresh token and grant type have the errors of the accounts host."""
    errors = {
        name: json.loads(ask(form=FORM | {name: "wrong"})[1].body)["error"]
        for name in ("client_id", "client_secret", "refresh_token", "grant_type")
    }

    assert errors == {
        "client_id": "invalid_client",
        "client_secret": "invalid_client",
        "refresh_token": "invalid_code",
        "grant_type": "unsupported_grant_type",
    }


def test_revoked_refresh_token_gets_invalid_code() -> None:
    """Once revoked, the refresh token gets invalid_code, with the chosen HTTP status."""
    _, answer = ask(TokenRules(error_status=200), Tokens(revoked=True))

    assert (answer.status, answer.body) == (200, b'{"error":"invalid_code"}')


def test_eleventh_mint_in_ten_minutes_is_denied() -> None:
    """Ten mints pass, the eleventh is denied, and one is free again ten minutes after the first."""
    _, verdicts = mint_many(RULES, [*range(10), 10.0, 599.0, 600.0, 600.5])

    assert verdicts == ["minted"] * 10 + ["access_denied", "access_denied", "minted", "access_denied"]


def test_one_live_token_too_many_kills_the_oldest() -> None:
    """At most `live_tokens` are alive; the newest mint always is."""
    tokens, _ = mint_many(TokenRules(live_tokens=2), [0.0, 1.0, 2.0])

    assert [is_live(tokens, f"t{n}", 3.0) for n in range(3)] == [False, True, True]


def test_killed_tokens_are_dead_but_still_count() -> None:
    """Early death ends every token and gives no mint back."""
    tokens, _ = mint_many(RULES, [0.0, 1.0])
    killed = kill_all(tokens)

    assert not is_live(killed, "t1", 2.0)
    assert killed.mints == (0.0, 1.0)


def test_no_token_shows_in_a_repr() -> None:
    """Neither the state nor the rules show a secret."""
    tokens, _ = mint(RULES, Tokens(), FORM, 0.0, "very-secret")

    assert "very-secret" not in repr(tokens)
    assert RULES.client_secret not in repr(RULES)
    assert RULES.refresh_token not in repr(RULES)
