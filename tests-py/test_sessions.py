"""Sessions on the control API: a token for a while, of whoever holds one, in the same role, that ends with it."""

import json

import pytest


def env(token):
    return {"ONSHORE_TOKEN": token}


@pytest.mark.parametrize("role", ["operator", "regulator", "auditor"])
def test_a_session_is_in_the_role_of_its_holder(server, role):
    own = env(server.cli("token", "create", "--role", role, "--person", "ada")["token"])
    opened = server.cli("session", "open", "--minutes", 5, env=own)
    assert opened["token"] not in (own["ONSHORE_TOKEN"], None)
    whole, mine = server.cli("whoami", env=own), server.cli("whoami", env=env(opened["token"]))
    assert whole == mine and mine["role"] == role and mine["person"] == "ada"
    may = lambda token: server.run("tenant", "list", env=env(token)).returncode == 0
    assert may(opened["token"]) == may(own["ONSHORE_TOKEN"]) == (role == "operator")
    leaves = json.dumps(server.cli("ledger", "tail", "-n", 5))
    assert "session.opened" in leaves and opened["token"] not in leaves
    server.cli("session", "end", env=own)
    assert server.run("whoami", env=env(opened["token"])).returncode == 1
    assert server.cli("whoami", env=own) == whole


def test_a_session_ends_with_the_token_it_is_of(make_server):
    server = make_server()
    made = server.cli("token", "create", "--role", "operator")
    session = server.cli("session", "open", env=env(made["token"]))["token"]
    # Through a restart too.
    server.restart()
    assert server.run("whoami", env=env(session)).returncode == 0
    listed = [holder["principal"] for holder in server.cli("token", "list")]
    assert len(listed) == len(set(listed)) == 2
    server.cli("token", "revoke", made["principal"])
    assert server.run("whoami", env=env(session)).returncode == 1


def test_sessions_have_an_end_that_is_near(server):
    for minutes in (0, 721):
        refused = server.run("session", "open", "--minutes", minutes)
        assert refused.returncode == 1 and "1 to 720" in refused.stderr
    engineer = server.cli("token", "create", "--role", "support-engineer", "--person", "eve")["token"]
    assert server.run("session", "open", env=env(engineer)).returncode == 1
