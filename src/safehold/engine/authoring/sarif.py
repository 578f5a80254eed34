"""Problems as SARIF 2.1.0 (OASIS, 2020), which code hosts and editors show beside the lines."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from safehold.engine.policies.codes import CODES
from safehold.engine.policies.problems import PolicyProblem

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(problems: Iterable[PolicyProblem], version: str) -> dict[str, Any]:
    """One run with every code as a rule; a problem is a result of its code. Columns count Unicode code points."""
    names = list(CODES)
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "safehold policy check",
                        "version": version,
                        "semanticVersion": version,
                        "rules": [_rule(name) for name in names],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(problem, names) for problem in problems],
            }
        ],
    }


def _rule(name: str) -> dict[str, Any]:
    code = CODES[name]
    return {
        "id": name,
        "shortDescription": {"text": code.says},
        "fullDescription": {"text": code.help},
        "help": {"text": code.help},
        "defaultConfiguration": {"level": code.severity},
    }


def _result(problem: PolicyProblem, names: list[str]) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": problem.line, "startColumn": problem.column}
    if problem.source:
        region["snippet"] = {"text": problem.source}
    text = f"{problem.message} ({problem.hint})" if problem.hint else problem.message
    return {
        "ruleId": problem.code,
        "ruleIndex": names.index(problem.code),
        "level": problem.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": quote(problem.file)}, "region": region}}],
    }
