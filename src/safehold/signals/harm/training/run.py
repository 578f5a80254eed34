"""The whole way from a folder of texts to a folder with a model; `safehold train` calls it."""

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from safehold.signals.harm import model
from safehold.signals.harm.attributes import ALL, ATTRIBUTES
from safehold.signals.harm.student import load
from safehold.signals.harm.training import calibrate, corpus, earlier, export, linear, pieces, student, write
from safehold.signals.harm.training.dilute import dilute, innocents
from safehold.signals.harm.training.disguise import disguise
from safehold.signals.harm.training.example import Example, matrix, portion
from safehold.signals.harm.wording import wording

Floats = NDArray[np.float32]
Tell = Callable[[str], None]

#: Shares of the large, uniform parts of the corpus that the student sees: they would crowd out the rest.
_SHARES = {("davidson", "offensive"): 0.3, ("edos", "none"): 0.4}
_IDENTITY_SHARE = 0.5
_DISGUISED = 0.2
_DILUTED = 0.3


class Plan(NamedTuple):
    """What is trained. `share`: of the texts, for trying it out; `rounds` and `strength` are the sparse half's; `after`: the
    hash of the network of an earlier model that it learns on from, none for the base model's.
    """

    recipe: student.Recipe = student.Recipe()
    share: float = 1.0
    rounds: int = 40
    strength: float = 20.0
    release: str = "2026.11.4"
    after: str = ""


def make(data: Path, base: Path, out: Path, plan: Plan, tell: Tell, after: Path | None = None) -> str:
    """Train on `data` from the weights in `base` (and, of the layers that learn, in the model `after`), write the model into
    `out`, and return its version.

    The same data, base, plan, machine and library versions give the same bytes. What the student learned is kept in
    `out`/checkpoint.npz while the rest is made, and taken from there if the run is repeated after a crash.
    Raises ValueError for data or a base model that can't be read, before anything is written.
    """
    for name in ("model.safetensors", "tokenizer.json"):
        if not (base / name).is_file():
            raise ValueError(
                f"{base / name} is missing: --base is a folder with the base model (docs/how-to/train-a-model)"
            )
    if after:
        earlier.pieces(after)
        plan = plan._replace(after=hashlib.sha256((after / "student.onnx").read_bytes()).hexdigest())
    examples = corpus.examples(data, plan.share)
    out.mkdir(parents=True, exist_ok=True)
    fit = [each for each in examples if each.split == "fit"]
    held = [each for each in examples if each.split == "calibrate"]
    tell(f"{len(fit):,} texts to learn from, {len(held):,} to calibrate with")
    _student(fit, base, after, out, plan, tell)
    tell("the sparse half: hashed n-grams")
    wordings = [wording(each.text) for each in fit]
    weights, biases = linear.train(
        linear.table(wordings), matrix(fit), _weights(fit), strength=plan.strength, rounds=plan.rounds
    )
    write.linear(out, weights, biases)
    tell("calibrating")
    mixed = _mix(held, out)
    version = write.about(out, plan.release, mixed, _told(data, fit, held, plan))
    (out / "checkpoint.npz").unlink()
    return version


def _student(fit: Sequence[Example], base: Path, after: Path | None, out: Path, plan: Plan, tell: Tell) -> None:
    """Train the student, or take it from a checkpoint of the same plan and texts; write its graph and its pieces."""
    chosen = [each for each in fit if portion("student", each.text) < _share(each)]
    vocabulary, rows = (
        pieces.kept(base, earlier.pieces(after))
        if after
        else pieces.prune(base, [wording(each.text) for each in chosen], plan.recipe.vocabulary)
    )
    vocabulary.save(str(out / "pieces.json"), pretty=False)
    weights = student.base_weights(base, rows, plan.recipe, len(ATTRIBUTES))
    weights = earlier.onto(weights, after, plan.recipe.frozen) if after else weights
    kept = out / "checkpoint.npz"
    mark = hashlib.sha256(
        repr((plan.recipe, plan.share, plan.after, [each.text for each in chosen])).encode()
    ).hexdigest()
    learned = _from_checkpoint(kept, mark, weights)
    if learned is None:
        chance = random.Random(plan.recipe.seed)  # noqa: S311 - reproducible, not secret
        calm = innocents(chosen)
        texts = [each.text if chance.random() > _DILUTED else dilute(each.text, calm, chance) for each in chosen]
        texts = [disguise(text, chance) if chance.random() < _DISGUISED else text for text in texts]
        read = [each.ids for each in vocabulary.encode_batch([wording(text) for text in texts])]
        labels = matrix(list(chosen))
        learned = student.train(
            weights, read, labels, importance(labels, _weights(chosen)), plan.recipe, _steps(plan, tell)
        )
        _to_checkpoint(kept, mark, learned)
    export.write(learned, out / "student.onnx", plan.recipe.whole)


def _share(example: Example) -> float:
    if example.source == "identity-templates":
        return _IDENTITY_SHARE
    return _SHARES.get((example.source, example.kind), 1.0)


def importance(labels: Floats, weights: Floats) -> Floats:
    """What each text counts for each attribute: nothing where it is unlabelled, up to four times where it is rare."""
    known = (~np.isnan(labels)) * weights[:, None]
    positive = np.nan_to_num(labels) > 0.5
    factors = np.sqrt((known * ~positive).sum(0) / np.maximum((known * positive).sum(0), 1.0)).clip(1, 4)
    return (known * np.where(positive, factors, 1.0)).astype(np.float32)


def _mix(held: Sequence[Example], out: Path) -> dict[str, list[float]]:
    """How the halves go together, an attribute at a time, from what the written files say of held-back texts."""
    wordings = [wording(each.text) for each in held]
    dense, _ = load((out / "student.onnx").read_bytes(), (out / "pieces.json").read_text("utf-8")).read(wordings)
    with np.load(out / "linear.npz") as arrays:
        sparse = model.Linear(arrays["weights"], arrays["scales"], arrays["biases"]).scores(wordings)
    for column, attribute in enumerate(ALL):
        # Held-back lines share words with learned ones: n-grams know them by heart.
        if attribute.evidence == "synthetic":
            sparse[:, column] = 0.0
    labels, weights = matrix(list(held)), _weights(held)
    found = [calibrate.mix(dense[:, i], sparse[:, i], labels[:, i], weights) for i in range(len(ATTRIBUTES))]
    table = {
        name: [round(each[part], 6) for each in found] for part, name in enumerate(("student", "linear", "offset"))
    }
    for column, attribute in enumerate(ALL):
        if attribute.evidence == "synthetic":
            table["linear"][column] = 0.0
    return table


def _weights(examples: Sequence[Example]) -> Floats:
    return np.array([each.weight for each in examples], dtype=np.float32)


def _told(data: Path, fit: Sequence[Example], held: Sequence[Example], plan: Plan) -> dict[str, Any]:
    """What the model card says of the training: counts by source, hashes of the data, the plan."""
    files = sorted(
        path for path in data.rglob("*") if path.is_file() and path.suffix in (".parquet", ".tsv", ".csv", ".yaml")
    )
    sources = sorted({each.source for each in fit})
    return {
        "texts": {source: sum(each.source == source for each in fit) for source in sources},
        "calibration_texts": len(held),
        "data": {str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
        "plan": json.loads(json.dumps({**plan._asdict(), "recipe": plan.recipe._asdict()})),
    }


def _steps(plan: Plan, tell: Tell) -> Callable[[int, float], None]:
    """Tells every twentieth step, with the loss of those since the last."""
    losses: list[float] = []

    def step(number: int, loss: float) -> None:
        losses.append(loss)
        if number % 20 == 0 or number == plan.recipe.steps:
            tell(f"the student: step {number} of {plan.recipe.steps}, loss {sum(losses) / len(losses):.3f}")
            losses.clear()

    return step


def _to_checkpoint(path: Path, mark: str, weights: Any) -> None:
    arrays = {str(i): leaf for i, leaf in enumerate(jax.tree.leaves(weights))}
    with path.open("wb") as file:
        np.savez(file, mark=np.array(mark), **arrays)


def _from_checkpoint(path: Path, mark: str, like: Any) -> Any:
    """The weights kept in `path`, in the shape of `like`; None if there are none of this run."""
    if not path.is_file():
        return None
    with np.load(path) as arrays:
        if str(arrays["mark"]) != mark:
            return None
        leaves = [arrays[str(i)] for i in range(len(arrays.files) - 1)]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)
