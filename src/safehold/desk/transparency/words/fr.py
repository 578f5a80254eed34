"""French."""

WORDS = {
    "everywhere": "Cette mesure s'applique partout.",
    "in_countries": "Cette mesure s'applique dans les pays suivants : {countries}.",
    "until": "Elle dure jusqu'au {until}.",
    "until_reviewed": "Elle dure jusqu'à l'examen par une personne.",
    "no_end": "Elle n'a pas de date de fin.",
    "no_restriction": "Elle ne restreint rien.",
    "event": "Elle concerne {it}, en date du {date}.",
    "facts": "Nous nous fondons sur ceci : {reason}",
    "own_initiative": "Nous l'avons constaté de notre propre initiative ; personne ne l'a signalé.",
    "user_report": "Quelqu'un nous l'a signalé.",
    "article_16": "Quelqu'un nous l'a notifié comme contenu illicite (article 16 du règlement sur les services numériques).",
    "trusted_flagger": "Un signaleur de confiance nous l'a signalé "
    "(article 22 du règlement sur les services numériques).",
    "order": "Une autorité l'a ordonnée.",
    "detected_automatically": "Le cas a été détecté par des moyens automatisés.",
    "detected_by_people": "Le cas a été détecté sans moyens automatisés.",
    "fully": "La décision a été prise uniquement par des moyens automatisés.",
    "partially": "Des moyens automatisés ont proposé la décision ; une personne l'a prise.",
    "not_automated": "Une personne a pris la décision.",
    "ground_terms": "Cela enfreint nos règles : {title}.",
    "ground_terms_clause": "Cela enfreint nos règles : {title} ({clause}).",
    "ground_care": "Vous n'avez enfreint aucune règle. Nous l'avons fait pour que vous, et les personnes qui vous "
    "lisent, puissiez trouver de l'aide.",
    "ground_law": "Nous le considérons comme illicite : {title}.",
    "ground_law_clause": "Nous le considérons comme illicite au titre de {clause} : {title}.",
    "appeal": "Vous pouvez déposer une réclamation jusqu'au {deadline}, gratuitement et sans compte. "
    "Une personne qui n'a pas participé à cette décision l'examinera.",
    "dispute": "Vous pouvez saisir un organe certifié de règlement extrajudiciaire des litiges "
    "(article 21 du règlement sur les services numériques).",
    "court": "Vous pouvez saisir un tribunal à tout moment.",
}
