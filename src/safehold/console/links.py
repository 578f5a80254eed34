"""Where a thing has its page: from its kind, or from its id, which says its kind. Used by audit, ledger and palette."""

from django.urls import NoReverseMatch, reverse

#: kind in the record -> (prefix of its ids, name of the page that shows one)
PAGES = {
    "decision": ("dec", "decision"),
    "person": ("usr", "person"),
    "notice": ("ntc", "report"),
    "delivery": ("msg", "delivery"),
    "endpoint": ("whk", "endpoint"),
    "event": ("evt", "event"),
    "task": ("tsk", "task"),
    "appeal": ("apl", "appeal"),
    "policy_change": ("chg", "policy-change"),
    "batch": ("bat", "batch"),
    "learned_model": ("lmd", "model-by-id"),
    "training_run": ("trn", "training"),
    "calibration": ("cal", "calibration"),
}
_OF_PREFIX = {prefix: kind for kind, (prefix, _) in PAGES.items()}


def link_to(kind: str, row_id: str) -> str:
    """The address of the page about it, or nothing where there is none."""
    if kind not in PAGES:
        return ""
    try:
        return reverse(PAGES[kind][1], args=[row_id])
    except NoReverseMatch:  # a room of the desk that this installation does not serve
        return ""


def kind_of(row_id: str) -> str:
    """What kind of thing an id names, or nothing."""
    return _OF_PREFIX.get(row_id.partition("_")[0], "")
