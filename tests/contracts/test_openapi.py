"""The API does what its description says, and its description says all that it does: random requests, right and wrong
ones, made from `/v1/openapi.json` by Schemathesis, against a real server.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.gateway.application import ALL_ROUTES
from safehold.gateway.problems import KINDS
from tests.features.test_media_hashing import encoded, picture
from tests.gateway_server import Server, database_of_its_own, message, policy_folder, serving
from tests.world import service

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    folder = tmp_path_factory.mktemp("openapi")
    with database_of_its_own("sqlite", request, folder) as url:
        service()
        _, secret = create_key(None, "plaza", list(Scope), service="plaza")
        with serving(url, policy_folder(folder / "policies"), folder, rate=0, media_models="none") as server:
            # The process that opens media starts with the first file; Schemathesis waits ten seconds for an answer.
            server.client(secret).post("/v1/media", content=encoded(picture()), params={"keep": "none"})
            yield server, secret


@pytest.fixture(scope="module")
def document(place: tuple[Server, str]) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{place[0].url}/v1/openapi.json", timeout=60).json()
    return found


OWN = [route for route in ALL_ROUTES if not route.drop_in]
#: What is somebody else's API is asked less here: tests of hostile requests, and those APIs' own clients, ask it more.
DROP_INS = [route for route in ALL_ROUTES if route.drop_in and route.method != "OPTIONS"]
OPERATIONS = [f"{route.method} {route.path}" for route in OWN]


def cases_of(operation: str, server: Server) -> Any:
    """Random requests of one operation, as its description allows them and as it doesn't."""
    api = schemathesis.openapi.from_url(f"{server.url}/v1/openapi.json")
    method, _, path = operation.partition(" ")
    return api[path][method].as_strategy() | api[path][method].as_strategy(generation_mode=GenerationMode.NEGATIVE)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("keyed", [True, False], ids=["with a key", "without"])
def test_random_requests_get_what_is_described(operation, keyed, place):
    server, secret = place
    headers = {"Authorization": f"Bearer {secret}"} if keyed else {}

    @settings(max_examples=40 if keyed else 5, suppress_health_check=list(HealthCheck), deadline=None, database=None)
    @given(case=cases_of(operation, server))
    def answered_as_described(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    answered_as_described()


def test_every_address_and_every_kind_of_problem_is_described(document):
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in ALL_ROUTES}
    explained = document["paths"]["/v1/problems/{kind}"]["get"]["parameters"][0]["schema"]["enum"]
    assert explained == sorted(KINDS)
    told = {kind for route in OWN for kind in route.problems}
    assert told | {"method-not-allowed"} == set(KINDS)


@pytest.mark.parametrize("api", sorted({route.drop_in for route in DROP_INS}))
def test_drop_in_apis_do_what_is_described_too(api, place):
    server, secret = place
    described = schemathesis.openapi.from_url(f"{server.url}/v1/openapi.json")
    headers = {"Authorization": f"Bearer {secret}"}

    @settings(max_examples=4, suppress_health_check=list(HealthCheck), deadline=None, database=None, derandomize=True)
    @given(data=st.data())
    def answered_as_described(data: st.DataObject) -> None:
        for route in DROP_INS:
            if route.drop_in == api:
                case = data.draw(
                    described[route.path][route.method].as_strategy(), label=f"{route.method} {route.path}"
                )
                if isinstance(case.query, dict) and "api_key" in case.query:
                    case.query["api_key"] = secret
                if isinstance(case.body, dict) and {"api_key", "key"} & set(case.body):
                    case.body = {**case.body, "api_key": secret, "key": secret}
                case.call_and_validate(headers=headers, checks=CHECKS)

    answered_as_described()


def test_drop_in_apis_are_told_apart_and_every_operation_has_a_name(document):
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    assert {tag["name"] for tag in document["tags"]} == {one["tags"][0] for one in operations}
    assert len({one["operationId"] for one in operations}) == len(operations)
    keyed = {route.path for route in DROP_INS if route.key}
    assert all(one["security"] for path in keyed for one in document["paths"][path].values())
    analyzed = document["components"]["schemas"]["PerspectiveAnalyzeCommentRequest"]["properties"]
    assert "doNotStore" in analyzed and "illicit/violent" in str(document["components"]["schemas"]["Moderation"])


def test_every_reference_leads_somewhere(document):
    def references(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for member in value.values():
                yield from references(member)
        elif isinstance(value, list):
            for item in value:
                yield from references(item)

    found = set(references(document))
    assert "#/components/schemas/Answer" in found
    for reference in found:
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
    for schema_ in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate({**schema_, "$schema": "https://json-schema.org/draft/2020-12/schema"})


def test_the_example_in_the_description_is_taken(document, place):
    server, secret = place
    body = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    example = body["application/cloudevents+json"]["example"]
    assert example.keys() == message(1).keys()
    answer = httpx.post(
        f"{server.url}/v1/events", json=example, headers={"Authorization": f"Bearer {secret}"}, timeout=60
    )
    assert answer.status_code == 200
    assert answer.json()["action"] == "allow"
