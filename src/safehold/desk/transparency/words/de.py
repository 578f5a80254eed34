"""German."""

WORDS = {
    "everywhere": "Das gilt überall.",
    "in_countries": "Das gilt in: {countries}.",
    "until": "Es gilt bis {until}.",
    "until_reviewed": "Es gilt, bis ein Mensch geprüft hat.",
    "no_end": "Es gilt unbefristet.",
    "no_restriction": "Es schränkt nichts ein.",
    "event": "Es geht um {it} vom {date}.",
    "facts": "Darauf stützen wir uns: {reason}",
    "own_initiative": "Wir haben es selbst gefunden; niemand hat es gemeldet.",
    "user_report": "Jemand hat uns darauf hingewiesen.",
    "article_16": "Jemand hat es uns als rechtswidrigen Inhalt gemeldet (Artikel 16 des Gesetzes über digitale Dienste).",
    "trusted_flagger": "Ein vertrauenswürdiger Hinweisgeber hat es uns gemeldet "
    "(Artikel 22 des Gesetzes über digitale Dienste).",
    "order": "Eine Behörde hat es angeordnet.",
    "detected_automatically": "Es wurde mit automatisierten Mitteln gefunden.",
    "detected_by_people": "Es wurde ohne automatisierte Mittel gefunden.",
    "fully": "Die Entscheidung wurde allein mit automatisierten Mitteln getroffen.",
    "partially": "Automatisierte Mittel haben die Entscheidung vorgeschlagen, ein Mensch hat sie getroffen.",
    "not_automated": "Ein Mensch hat die Entscheidung getroffen.",
    "ground_terms": "Es verstößt gegen unsere Regeln: {title}.",
    "ground_terms_clause": "Es verstößt gegen unsere Regeln: {title} ({clause}).",
    "ground_care": "Sie haben gegen keine Regel verstoßen. Wir haben das getan, damit Sie, und wer es liest, Hilfe finden.",
    "ground_law": "Wir halten es für rechtswidrig: {title}.",
    "ground_law_clause": "Wir halten es nach {clause} für rechtswidrig: {title}.",
    "appeal": "Sie können bis {deadline} Beschwerde einlegen, kostenlos und ohne Konto. "
    "Jemand, der an dieser Entscheidung nicht beteiligt war, prüft sie.",
    "dispute": "Sie können sich an eine zugelassene Stelle für außergerichtliche Streitbeilegung wenden "
    "(Artikel 21 des Gesetzes über digitale Dienste).",
    "court": "Sie können jederzeit ein Gericht anrufen.",
}
