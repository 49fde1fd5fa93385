"""The filters of a project that its destinations share: who counts as a test account, how paths are cleaned."""

STAFF = {"key": "email", "type": "person", "operator": "icontains", "value": "@shop.example"}


def patch(api, **options):
    return api.call("PATCH", "", options)


def test_the_filter_of_test_accounts_can_be_set(api):
    """It is shown, and destinations that leave out test accounts are compiled with it."""
    assert patch(api, test_account_filters=[STAFF]).json["test_account_filters"] == [STAFF]
    api.webhook(name="Hook", enabled=True, filters={"filter_test_accounts": True})
    refused = patch(api, test_account_filters=[{"key": "x", "type": "behavioral"}])
    assert (refused.status, refused.json["attr"]) == (400, "test_account_filters")
    assert patch(api, test_account_filters=None).json["test_account_filters"] == []


def test_a_cohort_in_the_filter_of_test_accounts_must_exist(api):
    """Cohorts are looked up in the project."""
    refused = patch(api, test_account_filters=[{"key": "id", "type": "cohort", "value": 7}])
    assert "no cohort 7" in refused.json["detail"]


def test_rules_of_path_cleaning_are_checked(api):
    """A rule is a regular expression that works, and an alias."""
    rules = [{"regex": "/order/[0-9]+", "alias": "/order/:id"}]
    assert patch(api, path_cleaning_filters=rules).json["path_cleaning_filters"] == rules
    for wrong in ([{"alias": "x"}], [{"regex": "("}], [{"regex": "a", "alias": 1}], "x"):
        assert patch(api, path_cleaning_filters=wrong).json["attr"] == "path_cleaning_filters"


def test_actions_and_cohorts_keep_where_they_came_from(api):
    """The origin is written once, shown, and stays through changes."""
    step = {"name": "Paid", "steps": [{"event": "paid"}], "origin": "posthog:a/1/actions/3"}
    made = api.call("POST", "actions/", step).json
    changed = api.call("PATCH", f"actions/{made['id']}/", {"name": "Bought"}).json
    assert changed["origin"] == "posthog:a/1/actions/3"
    cohort = api.call("POST", "cohorts/", {"name": "Staff", "is_static": True, "origin": "x"}).json
    assert api.get("cohorts/")["results"][0]["origin"] == cohort["origin"] == "x"
