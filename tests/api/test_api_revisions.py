"""Revisions, drafts and the conditions under which a change is saved."""

from __future__ import annotations

import asyncio

import pytest

from support.asgi import call

FORM = [
    {"key": "url", "type": "string", "required": True},
    {"key": "token", "type": "string", "secret": True},
]


def made(api, token="old-s3cret-value", **fields):
    """A destination with a secret."""
    payload = {
        "name": "Hook", "hog": "let a := 1\nreturn a", "inputs_schema": FORM,
        "inputs": {"url": {"value": "https://example.com/"}, "token": {"value": token}}, **fields,
    }  # fmt: skip
    answer = api.call("POST", "hog_functions/", payload)
    assert answer.status == 201, answer.body
    return f"hog_functions/{answer.json['id']}/", answer


def patch(api, path, **fields):
    """A change that must succeed."""
    answer = api.call("PATCH", path, fields)
    assert answer.status == 200, answer.body
    return answer


def send(api, method, path, body=None, **headers):
    """A request with headers."""
    given = {"authorization": f"Bearer {api.key}"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return asyncio.run(call(api.app, method, f"/api/projects/1/{path}", body, given))


# ------------------------------------------------------------------ history


def test_each_change_is_a_numbered_revision(api):
    """Author, time, message and what changed; the newest first, in pages."""
    path, _ = made(api, message="first try")
    api.now += 1000
    patch(api, path, name="Other", hog="return 2", message="  simpler  ")
    listed = api.get(path + "revisions/")
    assert listed["count"] == 2
    latest, first = listed["results"]
    assert latest == {
        "number": 2, "current": True, "author": "test", "author_id": None, "created_at": "2026-05-28T20:26:41.000Z",
        "message": "simpler", "enabled": False, "changes": ["name", "hog"],
    }  # fmt: skip
    assert (first["number"], first["message"], first["changes"]) == (1, "first try", [])
    page = api.get(path + "revisions/?limit=1")
    assert (len(page["results"]), page["results"][0]["changes"]) == (1, ["name", "hog"])
    assert "offset=1" in page["next"]
    assert api.get(path)["revision"] == 2


def test_what_changes_nothing_is_no_revision(api):
    """A tool that sends its whole plan again leaves no trace in the history."""
    path, answer = made(api)
    again = patch(
        api, path, **{key: answer.json[key] for key in ("name", "hog", "inputs", "filters", "inputs_schema")}
    )
    assert again.json["revision"] == 1
    assert api.get(path + "revisions/")["count"] == 1


def test_a_revision_is_read_with_its_configuration(api):
    """As it was then; secrets stay secret."""
    path, _ = made(api)
    patch(api, path, name="Other")
    one = api.get(path + "revisions/1/")
    assert one["configuration"]["name"] == "Hook"
    assert one["configuration"]["inputs"]["token"] == {"secret": True}
    assert one["current"] is False
    for strange in ("0", "3", "x", "999999999999"):
        assert api.call("GET", f"{path}revisions/{strange}/").status == 404


def test_a_diff_tells_what_changed(api):
    """Structured and as text; programs line by line; a secret is only told to have changed."""
    path, _ = made(api)
    patch(
        api,
        path,
        hog="let a := 2\nreturn a",
        inputs={"url": {"value": "https://b.test/"}, "token": {"value": "brand-new"}},
    )
    answer = api.call("GET", path + "revisions/2/diff/")
    changes = {item["attr"]: item for item in answer.json["changes"]}
    assert set(changes) == {"hog", "inputs__url__value", "inputs__token"}
    assert changes["hog"]["lines"] == ["@@ -1,2 +1,2 @@", "-let a := 1", "+let a := 2", " return a"]
    assert (changes["inputs__url__value"]["before"], changes["inputs__url__value"]["after"]) == (
        "https://example.com/", "https://b.test/",
    )  # fmt: skip
    assert changes["inputs__token"] == {
        "attr": "inputs__token", "change": "changed", "before": {"secret": True}, "after": {"secret": True},
        "secret": True, "lines": None,
    }  # fmt: skip
    assert "  -let a := 1\n  +let a := 2" in answer.json["text"]
    assert "inputs.token: secret changed" in answer.json["text"]
    assert b"s3cret" not in answer.body
    assert b"brand-new" not in answer.body


def test_a_diff_can_be_against_anything(api):
    """Another revision, what is live, or nothing; something else is refused by name."""
    path, _ = made(api)
    patch(api, path, name="B")
    patch(api, path, name="C")
    (change,) = api.get(path + "revisions/3/diff/?against=1")["changes"]
    assert (change["before"], change["after"]) == ("Hook", "C")
    (change,) = api.get(path + "revisions/1/diff/?against=current")["changes"]
    assert (change["before"], change["after"]) == ("C", "Hook")
    assert "hog" in {item["attr"] for item in api.get(path + "revisions/1/diff/")["changes"]}
    assert api.call("GET", path + "revisions/1/diff/?against=9").json["attr"] == "against"
    assert api.call("GET", path + "revisions/1/diff/?against=draft").status == 404


def test_a_secret_of_today_is_hidden_in_the_past(api):
    """An input that was no secret once is one in every revision from now on."""
    open_form = [FORM[0], {"key": "token", "type": "string"}]
    path, _ = made(api, inputs_schema=open_form, hog="return 'old-s3cret-value'")
    patch(
        api, path, inputs_schema=FORM, inputs={"url": {"value": "u"}, "token": {"value": "old-s3cret-value"}}
    )
    for place in ("revisions/1/", "revisions/2/", "revisions/2/diff/", "revisions/1/diff/?against=current"):
        assert b"old-s3cret" not in api.call("GET", path + place).body, place


# ----------------------------------------------------------------- rolling back


def test_rolling_back_is_a_new_revision(api):
    """Configuration and secrets are again what they were; nothing of the history is lost."""
    path, _ = made(api)
    patch(api, path, name="B", inputs={"url": {"value": "https://b.test/"}, "token": {"value": "new"}})
    answer = api.call("POST", path + "revisions/1/rollback/", {})
    assert (answer.status, answer.json["name"], answer.json["revision"]) == (200, "Hook", 3)
    assert answer.headers["etag"] == '"revision-3"'
    assert api.get(path + "revisions/")["results"][0]["message"] == "Rolled back to revision 1"
    assert api.get(path + "revisions/3/diff/?against=1")["changes"] == []


def test_rolling_back_can_keep_the_secrets_of_today(api):
    """A credential that was exchanged since does not come back."""
    path, _ = made(api)
    patch(api, path, name="B", inputs={"url": {"value": "https://b.test/"}, "token": {"value": "new-value"}})
    patch(api, path, name="C")
    api.call("POST", path + "revisions/1/rollback/", {"keep_secrets": True, "message": "phew"})
    assert {item["attr"] for item in api.get(path + "revisions/4/diff/?against=3")["changes"]} == {
        "name", "inputs__url__value",
    }  # fmt: skip
    assert api.get(path + "revisions/")["results"][0]["message"] == "phew"


def test_a_deleted_destination_does_not_come_back_by_itself(api):
    """Its history can be read; a rollback needs it to be brought back first, and never deletes."""
    path, _ = made(api)
    patch(api, path, deleted=True)
    assert api.get(path + "revisions/")["count"] == 2
    assert api.call("POST", path + "revisions/1/rollback/", {}).status == 404
    patch(api, path, deleted=False)
    assert api.call("POST", path + "revisions/2/rollback/", {}).status == 200
    assert api.get(path)["name"] == "Hook"


@pytest.mark.parametrize(
    ("body", "attr"), [({"keep": True}, "keep"), ({"keep_secrets": 1}, "keep_secrets"), ([], None)]
)
def test_a_rollback_takes_no_other_fields(api, body, attr):
    """What is misspelt is refused."""
    path, _ = made(api)
    answer = api.call("POST", path + "revisions/1/rollback/", body)
    assert (answer.status, answer.json["attr"]) == (400, attr)


# ------------------------------------------------------------------ conditions


@pytest.mark.parametrize("change", [{"name": "Mine"}, {"deleted": True}])
def test_a_stale_change_is_refused(api, change):
    """412, with whose revision it was and the ETag of now; nothing is saved."""
    path, answer = made(api)
    tag = answer.headers["etag"]
    assert send(api, "GET", path).headers["etag"] == tag == '"revision-1"'
    patch(api, path, name="Theirs")
    refused = send(api, "PATCH", path, change, if_match=tag)
    assert (refused.status, refused.json["code"]) == (412, "precondition_failed")
    assert "revision 2 by test" in refused.json["detail"]
    assert refused.headers["etag"] == '"revision-2"'
    assert api.get(path)["name"] == "Theirs"
    accepted = send(api, "PATCH", path, change, if_match=refused.headers["etag"])
    assert (accepted.status, accepted.headers["etag"]) == (200, '"revision-3"')


@pytest.mark.parametrize(
    ("tags", "status"),
    [("*", 200), ('W/"revision-1"', 200), ('"x", "revision-1"', 200), ('"revision-2"', 412), ("1", 412)],
)
def test_the_forms_of_a_condition(api, tags, status):
    """Any of several, any at all, and one that a proxy marked as weak."""
    path, _ = made(api)
    assert send(api, "PATCH", path, {"name": "x"}, if_match=tags).status == status
    assert send(api, "POST", path + "revisions/1/rollback/", {}, if_match='"revision-9"').status == 412


def test_without_a_condition_the_last_one_wins(api):
    """As with PostHog; its own base_updated_at is heeded."""
    path, answer = made(api)
    api.now += 5
    patch(api, path, name="Theirs")
    assert patch(api, path, name="Mine").json["name"] == "Mine"
    stale = api.call("PATCH", path, {"name": "x", "base_updated_at": answer.json["updated_at"]})
    assert stale.status == 412
    fresh = api.get(path)["updated_at"]
    assert api.call("PATCH", path, {"name": "x", "base_updated_at": fresh}).status == 200
    assert api.call("PATCH", path, {"base_updated_at": "soon"}).json["attr"] == "base_updated_at"


# --------------------------------------------------------------------- drafts


def draft(api, path, method="PUT", **fields):
    """A draft that must be saved."""
    answer = api.call(method, path + "draft/", fields)
    assert answer.status == 200, answer.body
    return answer


def test_a_draft_changes_nothing_that_is_live(api):
    """It is saved, told of, compared and published; then it is gone."""
    path, _ = made(api, enabled=True)
    changes = api.changes
    saved = draft(api, path, name="Next", message="a better name")
    assert (saved.json["name"], saved.json["revision"], saved.json["draft"]["changes"]) == (
        "Next",
        1,
        ["name"],
    )
    live = api.get(path)
    assert (live["name"], live["revision"], api.changes) == ("Hook", 1, changes)
    assert live["draft"] == {
        "version": 1, "base": 1, "author": "test", "message": "a better name", "updated_at": saved.json["draft"]["updated_at"],
    }  # fmt: skip
    assert api.get("hog_functions/?has_draft=true")["count"] == 1
    assert api.get("hog_functions/?has_draft=false")["count"] == 0
    assert api.get(path + "draft/diff/")["text"] == "name:\n  - Hook\n  + Next"
    published = api.call("POST", path + "draft/publish/", {})
    assert (published.status, published.json["name"], published.json["revision"]) == (200, "Next", 2)
    assert published.json["draft"] is None
    assert api.changes == changes + 1
    assert api.get(path + "revisions/")["results"][0]["message"] == "a better name"
    assert api.call("GET", path + "draft/").status == 404
    assert api.call("POST", path + "draft/publish/", {}).status == 404


def test_a_draft_keeps_secrets_as_a_destination_does(api):
    """Masked ones are the draft's own, else the live ones; they never come back."""
    path, answer = made(api)
    draft(api, path, inputs={**answer.json["inputs"], "token": {"value": "drafted-s3cret"}})
    again = draft(api, path, method="PATCH", name="Next", inputs=answer.json["inputs"])
    assert again.json["draft"]["changes"] == ["name", "inputs.token"]
    assert b"drafted-s3cret" not in again.body
    put = draft(api, path, name="Next", inputs=answer.json["inputs"])
    assert put.json["draft"]["changes"] == ["name", "inputs.token"]
    assert b"drafted-s3cret" not in api.call("GET", path + "draft/diff/").body
    assert api.call("POST", path + "draft/publish/", {}).status == 200


def test_a_draft_is_checked_like_a_change(api):
    """The same errors; what it cannot do is refused."""
    path, _ = made(api)
    assert api.call("PUT", path + "draft/", {"hog": "return ("}).json["attr"] == "hog"
    assert api.call("PUT", path + "draft/", {"deleted": True}).json["attr"] == "deleted"
    assert api.call("PUT", path + "draft/", {"name": "x", "base": 7}).json["attr"] == "base"
    assert api.call("PUT", path + "draft/", {"type": "internal_destination"}).json["attr"] == "type"
    assert api.call("GET", path + "draft/").status == 404


def test_put_begins_from_what_is_live_and_patch_from_the_draft(api):
    """What is not sent stays as it is there."""
    path, _ = made(api)
    draft(api, path, name="Next")
    assert draft(api, path, method="PATCH", description="d").json["name"] == "Next"
    assert draft(api, path, description="d").json["name"] == "Hook"
    assert api.get(path + "draft/")["draft"]["version"] == 3


def test_publishing_keeps_what_others_published(api):
    """Parts that the draft does not touch stay as they are now."""
    path, _ = made(api)
    draft(api, path, hog="return 'next'")
    patch(api, path, enabled=True, name="Renamed")
    told = api.get(path + "draft/")["draft"]
    assert (told["base"], told["changes"], told["clashes"]) == (1, ["hog"], [])
    published = api.call("POST", path + "draft/publish/", {}).json
    assert (published["enabled"], published["name"], published["hog"]) == (True, "Renamed", "return 'next'")


def test_two_wishes_for_the_same_part_are_for_people_to_settle(api):
    """409 names the part; overwrite decides for the draft; the same wish is none."""
    path, _ = made(api)
    draft(api, path, hog="return 'mine'", name="Same")
    patch(api, path, hog="return 'theirs'", name="Same")
    refused = api.call("POST", path + "draft/publish/", {})
    assert (refused.status, refused.json["attr"]) == (409, "hog")
    assert api.get(path + "draft/")["draft"]["clashes"] == ["hog"]
    assert api.get(path)["hog"] == "return 'theirs'"
    assert api.call("POST", path + "draft/publish/", {"overwrite": True}).json["hog"] == "return 'mine'"


def test_two_editors_of_a_draft(api):
    """If-Match and If-None-Match keep them from overwriting each other; the ETag covers draft and destination."""
    path, _ = made(api)
    first = send(api, "PUT", path + "draft/", {"name": "A"}, if_none_match="*")
    assert first.status == 200
    assert send(api, "PUT", path + "draft/", {"name": "B"}, if_none_match="*").status == 412
    tag = first.headers["etag"]
    assert send(api, "GET", path + "draft/").headers["etag"] == tag
    second = send(api, "PUT", path + "draft/", {"name": "B"}, if_match=tag)
    assert second.status == 200
    for method, place in (("PATCH", "draft/"), ("POST", "draft/publish/"), ("DELETE", "draft/")):
        assert send(api, method, path + place, {}, if_match=tag).status == 412, place
    patch(api, path, description="else")
    stale = send(api, "POST", path + "draft/publish/", {}, if_match=second.headers["etag"])
    assert stale.status == 412
    assert send(api, "POST", path + "draft/publish/", {}, if_match=stale.headers["etag"]).status == 200
    assert send(api, "PUT", path + "draft/", {}, if_match=tag).status == 412


def test_a_draft_is_discarded(api):
    """Both ways of saying it; there is nothing to discard twice."""
    path, _ = made(api)
    draft(api, path, name="Next")
    assert api.call("DELETE", path + "draft/").status == 204
    assert api.call("DELETE", path + "draft/").status == 404
    draft(api, path, name="Next")
    assert api.call("POST", path + "discard_draft/", {}).json["draft"] is None


def test_the_names_of_posthog_work_too(api):
    """publish and restore."""
    path, _ = made(api)
    draft(api, path, name="Next")
    assert api.call("POST", path + "publish/", {}).json["name"] == "Next"
    assert api.call("POST", path + "revisions/1/restore/", {}).json["name"] == "Hook"


def test_a_draft_of_a_newer_release_is_not_misread(api):
    """It can be discarded, not edited."""
    path, _ = made(api)
    draft(api, path, name="Next")
    api.state.write_now(lambda c: c.execute("UPDATE destination_drafts SET format = 99"))
    assert api.call("GET", path + "draft/").json["code"] == "conflict"
    assert api.call("PUT", path + "draft/", {"name": "x"}).status == 409
    assert api.get(path)["draft"]["version"] == 1
    assert api.call("DELETE", path + "draft/").status == 204


def test_another_project_sees_nothing_of_it(api):
    """Revisions and drafts belong to their project."""
    from hedgerow.accounts import create_project

    path, _ = made(api)
    draft(api, path, name="Next")
    api.state.write_now(lambda c: create_project(c, name="Other", now=api.now, token="phc_other_token"))
    for place in ("revisions/", "revisions/1/", "revisions/1/diff/", "draft/", "draft/diff/"):
        answer = api.raw("GET", f"/api/projects/2/{path}{place}", authorization=f"Bearer {api.key}")
        assert answer.status == 404, place
    for place in ("revisions/1/rollback/", "draft/publish/", "discard_draft/"):
        answer = api.raw("POST", f"/api/projects/2/{path}{place}", {}, authorization=f"Bearer {api.key}")
        assert answer.status == 404, place


def test_changes_are_in_the_audit_log(api):
    """Each with what was done; secrets are told to have changed, not shown."""
    path, answer = made(api)
    patch(api, path, inputs={**answer.json["inputs"], "token": {"value": "another-s3cret"}})
    draft(api, path, name="Next")
    api.call("POST", path + "draft/publish/", {})
    api.call("POST", path + "revisions/1/rollback/", {})
    patch(api, path, deleted=True)
    rows = api.state.read_now(
        lambda c: c.execute("SELECT activity, changes FROM audit ORDER BY id").fetchall()
    )
    assert [row[0] for row in rows] == [
        "created", "updated", "draft_saved", "published", "rolled_back", "deleted",
    ]  # fmt: skip
    assert "inputs.token" in rows[1][1]
    assert "s3cret" not in str(rows)


def test_a_missing_key_is_told(api):
    """Whoever asks learns that the operator must act; nothing is destroyed."""
    path, _ = made(api)
    lost = api.services.keyring._ciphers.copy()
    api.services.keyring._ciphers.clear()
    answer = api.call("PATCH", path, {"name": "x"})
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert "HEDGEROW_SECRET_KEYS" in answer.json["detail"]
    assert api.get(path)["name"] == "Hook"
    api.services.keyring._ciphers.update(lost)
    assert patch(api, path, name="x").json["name"] == "x"


def test_where_an_input_stands_is_checked_and_shown(api):
    """A variable of the project may be named; anything else is refused at the input."""
    api.services.keyring.references._prefixes = ("DESTINATION_{project}_",)
    path, _ = made(api, inputs={"url": {"value": "u"}, "token": {"from_env": "DESTINATION_1_TOKEN"}})
    shown = api.get(path)["inputs"]["token"]
    assert shown == {"from_env": "DESTINATION_1_TOKEN"}
    assert patch(api, path, inputs={"url": {"value": "u"}, "token": shown}).json["revision"] == 1
    for name in ("HEDGEROW_SECRET_KEYS", "DESTINATION_2_TOKEN", "PATH"):
        answer = api.call("PATCH", path, {"inputs": {"url": {"value": "u"}, "token": {"from_env": name}}})
        assert (answer.status, answer.json["attr"]) == (400, "inputs__token")
    nested = {"mappings": [{"inputs_schema": FORM, "inputs": {"url": {"from_file": "x"}}}]}
    assert api.call("PATCH", path, nested).json["attr"] == "mappings__0__inputs__url"


@pytest.mark.parametrize("condition", [True, False])
def test_two_changes_at_the_same_moment(api, condition):
    """With a condition one of them is refused; without, both are saved, one after the other, and none is lost."""
    path, answer = made(api)
    headers = {"authorization": f"Bearer {api.key}"} | (
        {"if-match": answer.headers["etag"]} if condition else {}
    )

    async def both():
        target = f"/api/projects/1/{path}"
        return await asyncio.gather(
            call(api.app, "PATCH", target, {"name": "A"}, headers),
            call(api.app, "PATCH", target, {"description": "B"}, headers),
        )

    answers = asyncio.run(both())
    now = api.get(path)
    if condition:
        assert sorted(one.status for one in answers) == [200, 412]
        assert now["revision"] == 2
    else:
        assert [one.status for one in answers] == [200, 200]
        assert (now["name"], now["description"], now["revision"]) == ("A", "B", 3)
