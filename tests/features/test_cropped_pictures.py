"""What somebody made of a picture is found in a bank that indexes its other forms, and it is known what is not: each change by
itself, as the reference says it."""

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from safehold.cli import app
from safehold.desk.banks.changing import create_bank, move_item
from safehold.desk.banks.feed import Feed
from safehold.desk.banks.models import BankItem
from safehold.gateway.banks import BankKeeper
from safehold.signals.hashes.matching import FORMS, Item
from safehold.signals.media import hashing
from safehold.signals.media.forms import VARIANTS
from safehold.signals.media.kinds import kind_of
from safehold.signals.media.workers import ask
from safehold.signals.media.workers.opening import _forms
from tests.features.test_hash_matching import asked, shelf, view
from tests.features.test_media_hashing import encoded, picture


def cropped(share: int) -> object:
    def crop(image: Image.Image) -> Image.Image:
        x, y = image.width * share // 100, image.height * share // 100
        return image.crop((x, y, image.width - x, image.height - y))

    return crop


def captioned(image: Image.Image) -> Image.Image:
    made = Image.new("RGB", (image.width, image.height * 6 // 5), "white")
    made.paste(image, (0, image.height // 5))
    ImageDraw.Draw(made).text((12, 8), "WHEN SHE SAYS SHE IS FINE", fill="black", font_size=26)
    return made


def letter_boxed(image: Image.Image) -> Image.Image:
    made = Image.new("RGB", (image.width, image.height * 7 // 5), "black")
    made.paste(image, (0, image.height // 5))
    return made


def turned(image: Image.Image, corners: str = "black") -> Image.Image:
    return image.rotate(3, resample=Image.Resampling.BICUBIC, fillcolor=corners)


def one_side(image: Image.Image) -> Image.Image:
    return image.crop((image.width // 25, 0, image.width, image.height))


#: name -> (what is done, whether PDQ alone finds it, by the forms of what is posted, by the item's variants too)
CHANGES = {
    "recompressed": (lambda image: Image.open(io.BytesIO(encoded(image, "JPEG", quality=30))), True, True, True),
    "scaled": (lambda image: image.resize((image.width // 2, image.height // 2)), True, True, True),
    "quarter turn": (lambda image: image.transpose(Image.Transpose.ROTATE_90), False, True, True),
    "mirrored": (lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), False, True, True),
    "caption bar": (captioned, False, True, True),
    "letter-box": (letter_boxed, False, True, True),
    "letter-box, mirrored": (
        lambda image: letter_boxed(image).transpose(Image.Transpose.FLIP_LEFT_RIGHT), False, True, True,
    ),
    "crop of 2 %": (cropped(2), False, False, True),
    "crop of 5 %": (cropped(5), False, False, True),
    "crop of 10 %": (cropped(10), False, False, True),
    "4 % off one side": (one_side, False, False, True),
    "turned by 3 degrees": (turned, False, False, True),
    "turned by 3 degrees, mirrored": (
        lambda image: turned(image).transpose(Image.Transpose.FLIP_LEFT_RIGHT), False, False, True,
    ),
    "turned by 3 degrees, no corners": (lambda image: turned(image).crop((13, 10, 387, 290)), False, False, True),
    "turned by 3 degrees, white corners": (lambda image: turned(image, "white"), False, False, False),
    "turned by 3 degrees, 6 % off": (lambda image: cropped(6)(turned(image)), False, False, False),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_picture_is_found_as_the_reference_says(name: str) -> None:
    change, alone, by_forms, by_variants = CHANGES[name]
    original, posted = picture(5), change(picture(5)).convert("RGB")
    value = hashing.pdq(original).hash
    variants = tuple((form, found.hash) for form, found in hashing.variants(original, VARIANTS).items())
    assert {form for form, _ in variants} <= set(FORMS)
    plain = shelf(view("bad"), items=[Item(1, "bad", "pdq", value)])
    wide = shelf(view("bad"), items=[Item(1, "bad", "pdq", value, variants=variants)])
    query = {"pdq": hashing.pdq(posted).hash, "quality": 100}
    forms = query | {"forms": _forms(posted)}
    found = (asked(plain, query)["matched"], asked(plain, forms)["matched"], asked(wide, forms)["matched"])
    assert found == (alone, by_forms, by_variants)
    other = {"pdq": hashing.pdq(picture(6)).hash, "forms": _forms(picture(6)), "quality": 100}
    assert not asked(wide, other)["matched"]


def test_a_bank_that_wants_it_indexes_the_forms_of_a_picture_as_one_item(
    fresh_sqlite: SimpleNamespace, tmp_path: Path
) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["banks", *arguments])
        assert done.exit_code == 0, done.output
        return done.output

    create_bank(None, "bad")
    run("change", "bad", "--variants")
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(picture(5)))
    assert "crop2" in run("add-file", "bad", str(path))
    keeper = BankKeeper(Feed())
    keeper.load()
    posted = encoded(cropped(2)(picture(5)))  # type: ignore[operator]
    measured = ask.measure(kind_of(posted), posted)
    entry = {"pdq": measured.pdq, "quality": measured.quality, "forms": measured.forms}
    item = BankItem.objects.get(kind="pdq")
    [match] = asked(keeper.shelf, entry)["matches"]  # type: ignore[misc]
    assert (match["item"], match["form"]) == (str(item.pk), "crop2")
    move_item(None, item.pk, "disputed")
    keeper._look()
    assert not asked(keeper.shelf, entry)["matched"]
    assert "--no-variants" in CliRunner().invoke(app, ["banks", "change", "--help"]).output
