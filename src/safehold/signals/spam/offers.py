"""What an advertisement or a scam asks for: another place to talk, a way to pay, an amount, haste, a click.

Read from a text without its disguises (`normalise`), so that `w h a t s @ p p` is WhatsApp. Each finds kinds, never the
values: no number, handle or address leaves the signal. Patterns are in English, German, French, Spanish, Italian and
Portuguese where a word is needed; names of services, signs and numbers need none.
"""

import re

_REACH = (
    r"(?:message|msg|contact|text|te?xt|write|add|hit|reach|dm|pm|chat|talk|inbox|ping|call|hmu|join|find|schreib\w*|kontakt\w*|"
    r"meld\w*|écri\w+|contact\w*|ajout\w*|escr[ií]b\w*|contáct\w*|agrég\w*|scriv\w*|contatt\w*|chama|adicion\w*)"
)
_APPS = {
    "whatsapp": r"what'?s? ?app|watsapp?|whattsapp|wha?tsap|wa\.me",
    "telegram": r"telegram|t\.me|tele ?gram",
    "signal": r"signal (?:app|messenger)",
    "snapchat": r"snap ?chat",
    "instagram": r"instagram|insta",
    "discord": r"discord|discord\.gg",
    "wechat": r"we ?chat|weixin",
    "line": r"line id",
    "kik": r"kik",
    "skype": r"skype",
    "viber": r"viber",
    "hangouts": r"hangouts?|google chat",
    "zangi": r"zangi",
}
#: The service beside something to reach somebody by: a verb before it, or a number, name or link after it.
_CONTACTS = {
    app: re.compile(
        rf"(?<!\w){_REACH}(?:\W+\w+){{0,5}}?\W+(?:{names})(?!\w)"
        rf"|(?<!\w)(?:{names})(?:\W+(?:me|id|number|nummer|numéro|número|num|no|handle|channel|group|gruppe|at|is|on|:|is)){{0,3}}"
        rf"\W{{0,4}}(?:@\w{{3,}}|\+?[\d(][\d ().-]{{6,}}|/\w)"
    )
    for app, names in _APPS.items()
}
_ANY_APP = re.compile("|".join(_APPS.values()))

_PAYMENTS = {
    "gift-card": r"(?:gift|itunes|steam|google play|amazon|razer|vanilla|apple|psn|xbox)[ -]?(?:gift[ -]?)?cards?|"
    r"gutscheinkarten?|guthabenkarten?|carte[s]? cadeau|tarjetas? (?:de )?regalo|paysafe ?cards?",
    "crypto": r"bitcoins?|btc|ethereum|usdt|tether|crypto(?:currency|currencies)?|kryptow\w+|cripto\w*|dogecoin|litecoin|"
    r"seed phrase|recovery phrase",
    "transfer": r"western union|money ?gram|wire transfer|bank transfer|iban|überweis\w+|virement|transferencia|bonifico|remitly",
    "app": r"cash ?app|venmo|zelle|paypal|revolut|wise transfer|bizum|mb ?way|pix|satispay|\$[a-z]\w{2,19}",
    "fee": r"(?:processing|customs|release|clearance|registration|activation|delivery|shipping|upfront|advance) fee|"
    r"bearbeitungsgebühr|frais de (?:dossier|douane)|gastos de envío",
}
_PAYMENT = {kind: re.compile(rf"(?<![\w$])(?:{words})(?!\w)") for kind, words in _PAYMENTS.items()}

_CURRENCIES = {
    "£": "GBP",
    "€": "EUR",
    "$": "USD",
    "¥": "JPY",
    "₹": "INR",
    "₽": "RUB",
    "₩": "KRW",
    "₦": "NGN",
    "₿": "BTC",
}
_AMOUNT = re.compile(
    r"(?P<sign>[£€$¥₹₽₩₦₿])\s?\d[\d.,]*(?:\s?[km]\b)?|(?<![\w.])(?<![\d.,],)\d[\d.,]*+\s?(?P<after>[£€$¥₹₽₩₦₿]|"
    r"(?:usd|eur|gbp|btc|eth|usdt|inr|ngn|aud|cad|euros?|dollars?|bucks|pounds?|quid|rupees|naira)(?!\w))"
)
_WORDS = {
    "euro": "EUR", "euros": "EUR", "dollar": "USD", "dollars": "USD", "bucks": "USD", "pound": "GBP", "pounds": "GBP",
    "quid": "GBP", "rupees": "INR", "naira": "NGN",
}  # fmt: skip

_URGENCY = re.compile(
    r"(?<!\w)(?:urgent\w*|immediately|act (?:now|fast)|right now|last chance|limited (?:time|offer|spots?)|"
    r"only \d+ (?:left|spots?|hours?)|hurry|expir(?:es?|ed|ing)|within \d+ ?(?:h|hours?|hrs?|days?|minutes?)|"
    r"before (?:midnight|it'?s too late)|final (?:notice|warning|attempt)|don'?t miss|ends? (?:today|tonight|soon)|"
    r"valid \d+ ?hours?|as soon as possible|asap|dringend|sofort|nur (?:heute|noch)|letzte chance|urgence|immédiatement|"
    r"dernière chance|urgente|inmediatamente|última oportunidad|subito|ultima occasione)(?!\w)"
)
_CALLS = re.compile(
    r"(?<!\w)(?:click (?:here|the link|below|now)|(?:check|visit) (?:out|my|our|this)|subscribe|sub (?:4|for) sub|"
    r"sign ?up|register now|join (?:now|us|our|my|free)|claim (?:your|ur|now|it|yours)|to claim|call now|"
    r"reply (?:yes|stop|now)|(?:txt|text|send) \w+ to|order now|buy now|shop now|apply now|download now|opt ?out|"
    r"unsubscribe|link in (?:my )?bio|dm (?:me )?(?:for|now|to)|follow (?:me|us|back)|"
    r"jetzt (?:klicken|bestellen|anmelden)|hier klicken|cliquez|clique aqui|haz clic|clicca)(?!\w)"
)


def contacts(plain: str) -> list[str]:
    """Services to which a reader is asked to move, by name."""
    if not _ANY_APP.search(plain):
        return []
    return [app for app, pattern in _CONTACTS.items() if pattern.search(plain)]


def payments(plain: str) -> list[str]:
    """Ways to pay that are spoken of: `gift-card`, `crypto`, `transfer`, `app`, `fee`."""
    return [kind for kind, pattern in _PAYMENT.items() if pattern.search(plain)]


def amounts(plain: str) -> tuple[int, list[str]]:
    """How many amounts of money, and in which currencies (ISO 4217, BTC, ETH, USDT)."""
    found = [match["sign"] or match["after"] for match in _AMOUNT.finditer(plain)]
    return len(found), sorted({_CURRENCIES.get(one) or _WORDS.get(one) or one.upper() for one in found})


def urgency(plain: str) -> int:
    return sum(1 for _ in _URGENCY.finditer(plain))


def calls(plain: str) -> int:
    """How often a reader is asked to click, claim, join, subscribe, order."""
    return sum(1 for _ in _CALLS.finditer(plain))
