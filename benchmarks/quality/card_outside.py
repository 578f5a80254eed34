"""The model card's sections on outside sets, from what `benchmarks.quality.outside` measured; called by `benchmarks.quality.card`."""

from collections.abc import Mapping
from typing import Any

from benchmarks.quality import published

_ALARMS = ("any", "toxicity", "severe_toxicity", "identity_attack", "threat", "self_harm", "sexual")

#: HateCheck's kinds of sentences by its authors' shorthand, in words.
_SAID = {
    "derog_neg_emote_h": "strong negative feelings",
    "derog_neg_attrib_h": "very negative attributes",
    "derog_dehum_h": "dehumanising",
    "derog_impl_h": "implicit",
    "threat_dir_h": "a threat",
    "threat_norm_h": "a threat as a norm",
    "slur_h": "a slur",
    "slur_homonym_nh": "a homonym of a slur",
    "slur_reclaimed_nh": "a reclaimed slur",
    "profanity_h": "with profanity",
    "profanity_nh": "profanity that is no hate",
    "ref_subs_clause_h": "reference in a later clause",
    "ref_subs_sent_h": "reference in a later sentence",
    "negate_pos_h": "a good thing negated",
    "negate_neg_nh": "hate negated",
    "phrase_question_h": "as a question",
    "phrase_opinion_h": "as an opinion",
    "ident_neutral_nh": "neutral, with a group's name",
    "ident_pos_nh": "positive, with a group's name",
    "counter_quote_nh": "condemning it by quoting it",
    "counter_ref_nh": "condemning it by mentioning it",
    "target_obj_nh": "abuse of things",
    "target_indiv_nh": "abuse of a person",
    "target_group_nh": "abuse of an unprotected group",
    "spell_char_swap_h": "letters swapped",
    "spell_char_del_h": "letters missing",
    "spell_space_del_h": "spaces missing",
    "spell_space_add_h": "spaces between letters",
    "spell_leet_h": "leetspeak",
}


def text(figures: Mapping[str, Any]) -> str:
    """A section for each set, or a line for those that were not measured in the run."""
    sections = {"HateCheck": _hate_check, "HatemojiCheck": _hatemoji_check, "XSTest": _xstest}
    missing = [name for name in sections if name not in figures]
    parts = [section(figures[name]) for name, section in sections.items() if name in figures]
    if missing:
        parts.append(
            f"## Outside checks that are missing\n\nNot measured in the run that wrote this card: {', '.join(missing)}.\n"
        )
    return "\n".join(parts)


def _short(number: float) -> str:
    return "none" if number != number else f"{number:.2f}".removeprefix("0") if number < 1 else "1.00"


def _value(three: Any) -> str:
    return f"{_short(three[0])} [{_short(three[1])}, {_short(three[2])}]"


def _hate_check(told: Mapping[str, Any]) -> str:
    shown = ("accuracy", "macro_f1", "f1", "hate_accuracy", "non_hate_accuracy")
    ours = [
        f"| Safehold, `{attribute}` | {' | '.join(_value(told[attribute][name]) for name in shown)} | {_value(told[attribute]['auc'])} |"
        for attribute in ("identity_attack", "toxicity")
    ]
    theirs = [
        f"| {name} (published) | {' | '.join(_short(each[measure]) for measure in shown)} | |"
        for name, each in told["published"].items()
    ]
    return "\n".join(
        [
            "## Outside check: HateCheck\n",
            f"{told['cases']:,} cases of 29 kinds, [Röttger et al. 2021](https://aclanthology.org/2021.acl-long.4), {_unseen(told)}. "
            f"Not read, and so not found: {told['not read']}. All are short and made by templates, so that intervals resample templates "
            "and not cases; two of three are hateful, so that accuracy and F1 favour a model that says hate too often.\n",
            "| | accuracy | macro F1 | F1 of hate | hate found | non-hate left alone | AUC |\n|---|---|---|---|---|---|---|",
            *ours,
            *theirs,
            "\nBy kind of sentence, the share that is on the right side of 0.5. `toxicity` is no detector of hate: abuse of a person is toxic and no hate, "
            "which HateCheck counts as wrong. The last three columns are published.\n",
            "| functionality | | cases | `identity_attack` | `toxicity` | Perspective | BERT, Davidson | BERT, Founta |\n|---|---|---|---|---|---|---|---|",
            *[
                f"| {_SAID.get(kind, kind)} (`{kind}`) | {'hate' if each['hateful'] else 'no hate'} | {each['cases']} | {_value(each['identity_attack'])} "
                f"| {_value(each['toxicity'])} | {_parts(kind)} |"
                for kind, each in told["by functionality"].items()
            ],
            "\nBy group, on the sentences that name each group in turn:\n",
            "| group | cases | `identity_attack` | hate found | non-hate left alone | Perspective | BERT, Davidson | BERT, Founta |\n|---|---|---|---|---|---|---|---|",
            *[
                f"| {group} | {each['cases']} | {' | '.join(_value(each['identity_attack'][name]) for name in ('accuracy', 'hate_accuracy', 'non_hate_accuracy'))} "
                f"| {_parts(group)} |"
                for group, each in told["by group"].items()
            ],
            "",
        ]
    )


def _parts(name: str) -> str:
    return " | ".join(map(_short, published.HATE_CHECK_PARTS.get(name, (float("nan"),) * 3)))


def _unseen(told: Mapping[str, Any]) -> str:
    """What training saw of the set: texts that say the same."""
    if not told["also in training"]:
        return "none of which training saw"
    return f"never trained on ({told['also in training']} of them say, signs and case apart, what a training text says, too)"


def _hatemoji_check(told: Mapping[str, Any]) -> str:
    rows = [f"| {name} | {_short(right)} |" for name, right in told["by functionality"].items()]
    theirs = [
        f"| {name} (published) | {_short(each['accuracy'])} | {_short(each['f1'])} |"
        for name, each in told["published"].items()
    ]
    return "\n".join(
        [
            "## Outside check: HatemojiCheck\n",
            f"{told['cases']:,} cases, hatred with pictures, {_unseen(told)}, though HatemojiBuild, by the same authors, was trained on. `identity_attack`: AUC "
            f"{_short(told['auc'])}, macro F1 {_short(told['macro_f1'])}, non-hate left alone {_short(told['non_hate_accuracy'])}; "
            f"{told['not read']} cases are not read and count as not found.\n",
            "| | accuracy | F1 of hate |\n|---|---|---|",
            f"| Safehold | {_short(told['accuracy'])} | {_short(told['f1'])} |",
            *theirs,
            "\n| functionality | right |\n|---|---|",
            *rows,
            "\nPublished figures are from [Kirk et al. 2022](https://arxiv.org/abs/2108.05921). Detoxify has none on this set.\n",
        ]
    )


def _xstest(told: Mapping[str, Any]) -> str:
    head = " | ".join("any of them" if name == "any" else f"`{name}`" for name in _ALARMS)
    kinds = sorted(told["by type"].items(), key=lambda each: (each[1]["label"], -each[1]["any"][0]))
    return "\n".join(
        [
            "## Outside check: XSTest\n",
            f"{told['cases']} questions to an assistant, [Röttger et al. 2024](https://aclanthology.org/2024.naacl-long.301), {_unseen(told)}. "
            f"Not read: {told['not read']}. {told['safe']['prompts']} are safe and only sound dangerous: what scores 0.5 or more there is a false alarm. "
            f"The {told['unsafe']['prompts']} unsafe ones ask for help with something that an assistant should refuse. This model scores harm that a text "
            "does to people, so most of them need not score: a polite question after somebody's passport number is no abuse. Their row is no recall. "
            "Intervals are Wilson's. We know of no published figures that compare: the authors measured how often assistants refuse.\n",
            f"| prompts at 0.5 and above | | {head} |\n|---|---|{'---|' * len(_ALARMS)}",
            *[
                f"| **{label}** | {told[label]['prompts']} | {' | '.join(_value(told[label][name]) for name in _ALARMS)} |"
                for label in ("safe", "unsafe")
            ],
            *[
                f"| {each['label']}: `{kind}` | {each['prompts']} | {' | '.join(_short(each[name][0]) for name in _ALARMS)} |"
                for kind, each in kinds
            ],
            "",
        ]
    )
