"""A small vocabulary for the student: the base model's pieces that the corpus needs, and a tokenizer that knows only those."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as Decoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

UNKNOWN = "[UNK]"
SPECIAL = ("[PAD]", UNKNOWN, "[CLS]", "[SEP]")


def kept(base: Path, pieces: Sequence[str]) -> tuple[Tokenizer, NDArray[np.int64]]:
    """As `prune`, with the `pieces` that an earlier model kept."""
    ids = Tokenizer.from_file(str(base / "tokenizer.json")).get_vocab()
    return tokenizer(pieces), np.array([ids[piece] for piece in pieces], dtype=np.int64)


def prune(base: Path, wordings: Sequence[str], size: int) -> tuple[Tokenizer, NDArray[np.int64]]:
    """The tokenizer of `base` (a folder with tokenizer.json) with the `size` pieces that `wordings` use most, its single
    characters among them, and the rows of the base model's embeddings that these are.
    """
    whole = Tokenizer.from_file(str(base / "tokenizer.json"))
    whole.no_padding()
    whole.no_truncation()
    ids = whole.get_vocab()
    seen: Counter[str] = Counter()
    for encoded in whole.encode_batch(list(wordings), add_special_tokens=False):
        seen.update(encoded.tokens)
    single = [piece for piece in ids if len(piece.removeprefix("##")) == 1 and piece.isascii()]
    ranked = sorted(seen, key=lambda piece: (-seen[piece], piece))
    kept = list(dict.fromkeys([*SPECIAL, *sorted(single), *ranked]))[:size]
    return tokenizer(kept), np.array([ids[piece] for piece in kept], dtype=np.int64)


def tokenizer(pieces: Sequence[str]) -> Tokenizer:
    """Lower-case word pieces between [CLS] and [SEP]."""
    made = Tokenizer(
        WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token=UNKNOWN, max_input_chars_per_word=40)
    )
    made.normalizer = BertNormalizer(lowercase=True, strip_accents=True)
    made.pre_tokenizer = BertPreTokenizer()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", SPECIAL.index("[CLS]")), ("[SEP]", SPECIAL.index("[SEP]"))]
    )
    made.decoder = Decoder()
    return made
