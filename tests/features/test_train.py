"""Somebody makes the harm model again: the same bytes, a model that works, and nothing half-written when it can't be made."""

import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
from benchmarks.quality import outside
from safetensors.numpy import save_file
from typer.testing import CliRunner

from safehold.cli import app
from safehold.signals.harm import ATTRIBUTES, model_version
from safehold.signals.harm.model import about
from safehold.signals.harm.training import calibrate, corpus, linear, student, templates
from safehold.signals.harm.training.dilute import dilute
from safehold.signals.harm.training.example import Example, key
from safehold.signals.harm.training.pieces import SPECIAL, tokenizer

TRAINING = Path(__file__).parents[2] / "training"
WIDTH = 24


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base model as small as can be: one layer, random weights, letters and a few words as pieces."""
    folder = tmp_path / "base"
    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'@"
    words = ["you", "the", "a", "is", "idiot", "free", "people", "are", "to", "and"]
    kept = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters), *words]
    tokenizer(kept).save(str(folder / "tokenizer.json"))
    chance = np.random.default_rng(5)

    def dense(name: str, rows: int, columns: int) -> dict[str, np.ndarray]:
        weights = chance.normal(0, 0.2, (rows, columns)).astype(np.float32)
        return {f"{name}.weight": weights, f"{name}.bias": np.zeros(rows, np.float32)}

    def norm(name: str) -> dict[str, np.ndarray]:
        return {f"{name}.weight": np.ones(WIDTH, np.float32), f"{name}.bias": np.zeros(WIDTH, np.float32)}

    found = {
        f"embeddings.{name}_embeddings.weight": chance.normal(0, 0.2, (rows, WIDTH)).astype(np.float32)
        for name, rows in (("word", len(kept)), ("position", 128), ("token_type", 2))
    } | norm("embeddings.LayerNorm")
    for number in range(1):
        at = f"encoder.layer.{number}."
        for part in ("query", "key", "value"):
            found |= dense(f"{at}attention.self.{part}", WIDTH, WIDTH)
        found |= dense(f"{at}attention.output.dense", WIDTH, WIDTH) | norm(f"{at}attention.output.LayerNorm")
        found |= dense(f"{at}intermediate.dense", 2 * WIDTH, WIDTH)
        found |= dense(f"{at}output.dense", WIDTH, 2 * WIDTH) | norm(f"{at}output.LayerNorm")
    save_file(found, str(folder / "model.safetensors"))
    return folder


def train(base: Path, out: Path, *more: str):
    small = ("--share", "0.006", "--steps", "1", "--layers", "1", "--rounds", "2", *more)
    return CliRunner().invoke(app, ["train", "--base", str(base), "--data", str(TRAINING), "--out", str(out), *small])


def test_the_same_data_and_options_give_the_same_bytes_even_after_a_crash(base, tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    assert train(base, first).exit_code == 0
    with monkeypatch.context() as crash:
        crash.setattr(linear, "train", lambda *_, **__: 1 / 0)
        assert isinstance(train(base, second).exception, ZeroDivisionError)
    assert not (second / "model.json").exists()
    with monkeypatch.context() as ready:
        ready.setattr(student, "train", lambda *_, **__: pytest.fail("what the network learned was kept"))
        done = train(base, second)
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in first.iterdir())
    assert names == ["linear.npz", "model.json", "pieces.json", "student.onnx"]
    assert [(first / name).read_bytes() for name in names] == [(second / name).read_bytes() for name in names]
    told = json.loads((first / "model.json").read_text())
    assert told["attributes"] == list(ATTRIBUTES)
    assert set(told["training"]["texts"]) >= {"davidson", "edos", "templates"}
    assert train(base, second, "--after", str(first)).exit_code == 0
    later = json.loads((second / "model.json").read_text())
    assert later["training"]["plan"]["after"] == told["files"]["student.onnx"]
    assert later["version"] != told["version"]


def test_an_earlier_model_that_is_none_is_named_before_anything_is_written(base, tmp_path):
    done = train(base, tmp_path / "out", "--after", str(tmp_path))
    assert done.exit_code == 2
    assert "holds no model to learn on from" in done.output
    assert not (tmp_path / "out").exists()


def test_a_sentence_among_innocent_ones_is_still_there_and_fits_a_window():
    chance = random.Random(4)
    calm = ["the bus was late", "see you on Friday", "a long walk by the river does everybody good"]
    for text in ("you are an idiot", "word " * 30, "hello!"):
        made = [dilute(text, calm, chance) for _ in range(20)]
        assert all(text.strip() in each for each in made)
        assert all(len(each) <= max(200, len(text)) for each in made)
    assert dilute("you are an idiot", [], chance) == "you are an idiot"
    assert any(each != "you are an idiot" for each in (dilute("you are an idiot", calm, chance) for _ in range(5)))


def test_a_lesson_and_a_prayer_are_not_called_profane():
    read = corpus._WordLists()

    def profane(text: str) -> float:
        return read.add(Example(text, {}, "surge", "", "fit")).labels["profanity"]

    assert [profane(text) for text in ("sex education at school", "Jesus is risen", "the penis is an organ")] == [
        0,
        0,
        0,
    ]
    assert [profane(text) for text in ("what the fuck", "you asshole", "what a dick")] == [1, 1, 1]


def test_nothing_is_learned_where_a_slur_stands_in_a_text_that_its_source_calls_no_attack():
    read = corpus._WordLists()
    labels = {"toxicity": 1.0, "identity_attack": 0.0}
    doubted = read.add(Example("that faggot again", labels, "davidson", "offensive", "fit"))
    assert doubted.labels.get("toxicity") == 1.0
    assert "identity_attack" not in doubted.labels
    assert read.add(Example("that fool again", labels, "davidson", "offensive", "fit")).labels["identity_attack"] == 0.0


def test_without_the_base_model_nothing_is_written_and_the_missing_file_is_named(tmp_path):
    done = train(tmp_path, tmp_path / "out")
    assert done.exit_code == 2
    assert "model.safetensors is missing" in done.output
    assert not (tmp_path / "out").exists()


def test_without_the_training_texts_the_missing_file_is_named(base, tmp_path):
    arguments = ["train", "--base", str(base), "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert "abuse.parquet is missing" in done.output


def test_no_text_of_the_outside_sets_is_in_the_training_folder():
    """HatemojiCheck's, and those of the files that SAFEHOLD_OUTSIDE names (separated as in PATH)."""
    given = [Path(each) for each in os.environ.get("SAFEHOLD_OUTSIDE", "").split(os.pathsep) if each]
    sets = outside.read_all([TRAINING.parent / "tests/data/hatemoji-check.csv", *given])
    assert len(sets[0].texts) > 3_000
    read = [each for reader in corpus.READERS for each in reader(TRAINING / "data")]
    written = templates.examples(TRAINING / "templates")
    for each in sets:
        plain, keys = {text.casefold().strip() for text in each.texts}, {key(text) for text in each.texts}
        assert not [one.text for one in (*read, *written) if one.text.casefold().strip() in plain], each.name
        near = {key(one.text) for one in written} & keys
        if each.name == "HatemojiCheck":
            assert not near | ({key(one.text) for one in read if one.source == "hatemoji"} & keys)
        # Others have sentences of three words, which people write twice. A template that was copied says seven and more.
        assert len(near) < 7, (each.name, near)


def test_held_back_lines_and_words_are_in_no_training_sentence():
    examples = templates.examples(TRAINING / "templates")
    by_split = {
        split: {key(each.text) for each in examples if each.split == split} for split in ("fit", "calibrate", "test")
    }
    assert all(by_split.values())
    assert not by_split["test"] & (by_split["fit"] | by_split["calibrate"])
    assert {each.kind for each in examples if each.split == "test"} == {
        each.kind for each in examples if each.split == "fit"
    }


def test_a_kind_that_names_an_unknown_attribute_is_refused_by_name(tmp_path):
    (tmp_path / "slots.yaml").write_text("groups: {}\nslots: {}\n")
    (tmp_path / "odd.yaml").write_text("kinds:\n- {kind: rude, labels: [rudeness], train: hello, held: hi}\n")
    with pytest.raises(ValueError, match=r"odd\.yaml, kind 'rude': 'rudeness' is no attribute"):
        templates.examples(tmp_path)
    (tmp_path / "odd.yaml").write_text('kinds:\n- {kind: rude, labels: [insult], train: "hello {colour}", held: hi}\n')
    with pytest.raises(ValueError, match="no words for 'colour'"):
        templates.examples(tmp_path)


def test_calibration_makes_probabilities_come_true():
    chance = np.random.default_rng(3)
    truth = chance.normal(0, 2, 4_000).astype(np.float32)
    labels = (chance.random(4_000) < 1 / (1 + np.exp(-truth))).astype(np.float32)
    student, linear = 3 * truth + 1, chance.normal(0, 1, 4_000).astype(np.float32)
    a, b, c = calibrate.mix(student, linear, labels, np.ones(4_000, np.float32))
    assert calibrate.error(1 / (1 + np.exp(-student)), labels) > 0.1
    assert calibrate.error(1 / (1 + np.exp(-(a * student + b * linear + c))), labels) < 0.03


def test_the_model_card_is_of_the_model_that_ships():
    card = (TRAINING.parent / "docs/reference/model-card.md").read_text("utf-8")
    assert f"Version `{model_version()}`" in card
    assert all(f"`{name}`" in card for name in ATTRIBUTES)
    assert about()["training"]["texts"]
