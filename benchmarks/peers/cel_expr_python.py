"""cel-expr-python, Google's own evaluator: every expression compiled once, one activation an event."""

import msgspec
from cel_expr_python import cel

from benchmarks.peers import Case, Decide, in_cel


def make(case: Case) -> Decide:
    record = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    variables = {"data": record, "actor": record, "labels": cel.Type.List(cel.Type.STRING)}
    lists = {name: frozenset(entries) for name, entries in case.lists.items()}
    overload = cel.Overload(
        "listed_string_string",
        return_type=cel.Type.BOOL,
        parameters=[cel.Type.STRING, cel.Type.STRING],
        impl=lambda name, item: item in lists[name],
    )
    environment = cel.NewEnv(variables=variables, functions=[cel.FunctionDecl("listed", [overload])])
    compiled = [(name, environment.compile(in_cel(kind, what))) for name, kind, what in case.rules]

    def decide(line: bytes) -> list[str]:
        data = msgspec.json.decode(line)["data"]
        actor = data["actor"]
        seen = {"data": data, "actor": actor, "labels": case.labels.get(actor["id"], [])}
        activation = environment.Activation(seen)
        return [name for name, expression in compiled if expression.eval(activation).value() is True]

    return decide
