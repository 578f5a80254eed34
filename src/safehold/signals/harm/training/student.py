"""The student network in JAX: the layers of a small BERT with a head an attribute, fine-tuned from open weights.

Attributes that a text's source doesn't label don't count for it. The lower layers and the embeddings stay as they are:
what they know of words, a few thousand of our steps would rather forget than improve.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

HEADS = 12
EPSILON = 1e-12
LENGTHS = (16, 24, 32, 48, 72)

Tree = Any
Floats = NDArray[np.float32]


class Recipe(NamedTuple):
    """How the student is trained. `frozen`: how many of `layers` keep the base model's weights; `whole`: how many read every
    piece, before each two neighbours become one.
    """

    layers: int = 6
    frozen: int = 2
    whole: int = 4
    vocabulary: int = 8192
    steps: int = 1500
    batch: int = 48
    rate: float = 1.2e-4
    head_rate: float = 1e-3
    seed: int = 20261126


def base_weights(base: Path, rows: NDArray[np.int64], recipe: Recipe, attributes: int) -> Tree:
    """The base model's weights with the embeddings of `rows` only, and heads that say nothing yet."""
    found = load_file(base / "model.safetensors")
    layers = [_layer(found, f"encoder.layer.{number}.") for number in range(recipe.layers)]
    position = found["embeddings.position_embeddings.weight"][: max(LENGTHS)]
    first = {
        "words": found["embeddings.word_embeddings.weight"][rows],
        "places": position + found["embeddings.token_type_embeddings.weight"][:1],
        "norm": (found["embeddings.LayerNorm.weight"], found["embeddings.LayerNorm.bias"]),
    }
    width = position.shape[1]
    head = {"weights": np.zeros((2 * width, attributes), np.float32), "biases": np.full(attributes, -1.0, np.float32)}
    return {"first": first, "layers": layers, "head": head}


def _layer(found: dict[str, Floats], name: str) -> Tree:
    def dense(of: str) -> tuple[Floats, Floats]:
        return found[f"{name}{of}.weight"].T.copy(), found[f"{name}{of}.bias"]

    def norm(of: str) -> tuple[Floats, Floats]:
        return found[f"{name}{of}.LayerNorm.weight"], found[f"{name}{of}.LayerNorm.bias"]

    query, key, value = (dense(f"attention.self.{part}") for part in ("query", "key", "value"))
    together = tuple(np.concatenate([a, b, c], axis=-1) for a, b, c in zip(query, key, value, strict=True))
    return {
        "attend": together,
        "mix": dense("attention.output.dense"),
        "norm": norm("attention.output"),
        "widen": dense("intermediate.dense"),
        "narrow": dense("output.dense"),
        "norm2": norm("output"),
    }


def forward(frozen: Tree, trained: Tree, ids: Any, whole: int) -> tuple[Any, Any]:
    """Log-odds (texts, attributes) and the mean of the last layer (texts, width) for piece numbers padded with 0."""
    mask = (ids > 0).astype(jnp.float32)
    first = frozen["first"]
    hidden = _norm(first["words"][ids] + first["places"][None, : ids.shape[1]], first["norm"])
    for number, layer in enumerate([*frozen["layers"], *trained["layers"]]):
        if number == len(frozen["layers"]):
            hidden = jax.lax.stop_gradient(hidden)
        if number == whole:
            hidden, mask = _halved(hidden, mask)
        hidden = _block(hidden, mask, layer)
    mean = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
    most = jnp.where(mask[:, :, None] > 0, hidden, -1e9).max(1)
    pooled = jnp.concatenate([mean, most], axis=1)
    return pooled @ trained["head"]["weights"] + trained["head"]["biases"], mean


def _halved(hidden: Any, mask: Any) -> tuple[Any, Any]:
    """Each two neighbours as their mean; the last of an odd number stays as it is."""
    texts, places, width = hidden.shape
    pairs, known = hidden.reshape(texts, places // 2, 2, width), mask.reshape(texts, places // 2, 2, 1)
    return (pairs * known).sum(2) / jnp.maximum(known.sum(2), 1.0), known.max(2)[:, :, 0]


def _norm(x: Any, parameters: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + EPSILON) * parameters[0] + parameters[1]


def _block(hidden: Any, mask: Any, layer: Tree) -> Any:
    texts, places, width = hidden.shape
    parts = (hidden @ layer["attend"][0] + layer["attend"][1]).reshape(texts, places, 3, HEADS, width // HEADS)
    query, key, value = (parts[:, :, part].transpose(0, 2, 1, 3) for part in range(3))
    fit = query @ key.transpose(0, 1, 3, 2) / math.sqrt(width // HEADS) + (mask[:, None, None, :] - 1) * 1e9
    mixed = (jax.nn.softmax(fit, axis=-1) @ value).transpose(0, 2, 1, 3).reshape(texts, places, width)
    hidden = _norm(hidden + mixed @ layer["mix"][0] + layer["mix"][1], layer["norm"])
    wide = jax.nn.gelu(hidden @ layer["widen"][0] + layer["widen"][1], approximate=False)
    return _norm(hidden + wide @ layer["narrow"][0] + layer["narrow"][1], layer["norm2"])


def split(weights: Tree, recipe: Recipe) -> tuple[Tree, Tree]:
    """(what stays, what is trained)."""
    frozen = {"first": weights["first"], "layers": weights["layers"][: recipe.frozen]}
    return frozen, {"layers": weights["layers"][recipe.frozen :], "head": weights["head"]}


def train(
    weights: Tree,
    pieces: Sequence[Sequence[int]],
    labels: Floats,
    importance: Floats,
    recipe: Recipe,
    tell: Callable[[int, float], None] = lambda step, loss: None,
) -> Tree:
    """The weights after `recipe.steps` steps of AdamW. `importance` is (texts, attributes), 0 where a label is unknown."""
    frozen, trained = split(jax.tree.map(jnp.asarray, weights), recipe)
    labels = np.nan_to_num(labels)

    def loss(trained: Tree, ids: Any, wanted: Any, weight: Any) -> Any:
        odds, _ = forward(frozen, trained, ids, recipe.whole)
        return (weight * (jnp.logaddexp(0, odds) - wanted * odds)).sum() / ids.shape[0]

    @jax.jit
    def step(trained: Tree, moments: Tree, ids: Any, wanted: Any, weight: Any, time: Any) -> tuple[Tree, Tree, Any]:
        value, gradient = jax.value_and_grad(loss)(trained, ids, wanted, weight)
        size = jnp.sqrt(sum((g**2).sum() for g in jax.tree.leaves(gradient)))
        gradient = jax.tree.map(lambda g: g * jnp.minimum(1.0, 2.0 / (size + 1e-9)), gradient)
        pace = jnp.minimum(time / (0.06 * recipe.steps), (recipe.steps - time) / (0.94 * recipe.steps))
        rates = {
            "layers": jax.tree.map(lambda _: recipe.rate * pace, trained["layers"]),
            "head": jax.tree.map(lambda _: recipe.head_rate * pace, trained["head"]),
        }
        moments = (
            jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], gradient),
            jax.tree.map(lambda v, g: 0.98 * v + 0.02 * g**2, moments[1], gradient),
        )

        def moved(p: Any, m: Any, v: Any, rate: Any) -> Any:
            way = (m / (1 - 0.9**time)) / (jnp.sqrt(v / (1 - 0.98**time)) + 1e-8)
            return p - rate * (way + (0.01 * p if p.ndim > 1 else 0.0))

        return jax.tree.map(moved, trained, *moments, rates), moments, value

    moments = (jax.tree.map(jnp.zeros_like, trained), jax.tree.map(jnp.zeros_like, trained))
    for number, rows in enumerate(_batches(pieces, recipe), start=1):
        ids = padded([pieces[row] for row in rows])
        trained, moments, value = step(trained, moments, ids, labels[rows], importance[rows], jnp.float32(number))
        tell(number, float(value))
    whole = {"first": frozen["first"], "layers": [*frozen["layers"], *trained["layers"]], "head": trained["head"]}
    return jax.tree.map(np.asarray, whole)


def padded(pieces: Sequence[Sequence[int]]) -> NDArray[np.int32]:
    """Piece numbers as a table of one of the LENGTHS, filled up with 0; longer texts lose what stands behind."""
    longest = max(len(each) for each in pieces)
    width = next((length for length in LENGTHS if length >= longest), LENGTHS[-1])
    table = np.zeros((len(pieces), width), dtype=np.int32)
    for row, each in enumerate(pieces):
        cut = each if len(each) <= width else [*each[: width - 1], each[-1]]
        table[row, : len(cut)] = cut
    return table


def _batches(pieces: Sequence[Sequence[int]], recipe: Recipe) -> Iterator[list[int]]:
    """Rows for each step: texts of about the same length together, in an order that the seed decides."""
    chance = random.Random(recipe.seed)  # noqa: S311 - reproducible, not secret
    given = 0
    while True:
        order = list(range(len(pieces)))
        chance.shuffle(order)
        pool = recipe.batch * 64
        batches = []
        for start in range(0, len(order), pool):
            near = sorted(order[start : start + pool], key=lambda row: len(pieces[row]))
            batches += [near[i : i + recipe.batch] for i in range(0, len(near), recipe.batch)]
        chance.shuffle(batches)
        for batch in batches:
            if len(batch) == recipe.batch or len(pieces) < recipe.batch:
                yield batch
                given += 1
                if given == recipe.steps:
                    return
