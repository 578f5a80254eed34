"""English."""

WORDS = {
    "everywhere": "This applies everywhere.",
    "in_countries": "This applies in: {countries}.",
    "until": "It lasts until {until}.",
    "until_reviewed": "It lasts until a person has looked at it.",
    "no_end": "It has no end date.",
    "no_restriction": "It restricts nothing.",
    "event": "It is about {it}, of {date}.",
    "facts": "What we rely on: {reason}",
    "own_initiative": "We found it ourselves; nobody reported it.",
    "user_report": "Somebody told us about it.",
    "article_16": "Somebody sent us a notice of illegal content (Article 16 of the Digital Services Act).",
    "trusted_flagger": "A trusted flagger told us about it (Article 22 of the Digital Services Act).",
    "order": "An authority ordered it.",
    "detected_automatically": "It was found by automated means.",
    "detected_by_people": "It was found without automated means.",
    "fully": "The decision was made by automated means alone.",
    "partially": "Automated means proposed the decision, and a person made it.",
    "not_automated": "A person made the decision.",
    "ground_terms": "It goes against our rules: {title}.",
    "ground_terms_clause": "It goes against our rules: {title} ({clause}).",
    "ground_care": "You have broken no rule. We did this so that you, and whoever reads it, can find help.",
    "ground_law": "We consider it illegal: {title}.",
    "ground_law_clause": "We consider it illegal under {clause}: {title}.",
    "appeal": "You can object until {deadline}, free of charge and without an account. "
    "Somebody who had no part in this decision will look at it.",
    "dispute": "You can bring it before a certified out-of-court dispute settlement body "
    "(Article 21 of the Digital Services Act).",
    "court": "You can go to court at any time.",
}
