"""Italian."""

WORDS = {
    "everywhere": "Vale ovunque.",
    "in_countries": "Vale in: {countries}.",
    "until": "Dura fino al {until}.",
    "until_reviewed": "Dura fino alla verifica di una persona.",
    "no_end": "Non ha una data di fine.",
    "no_restriction": "Non limita nulla.",
    "event": "Riguarda {it}, in data {date}.",
    "facts": "Ci basiamo su questo: {reason}",
    "own_initiative": "L'abbiamo trovato di nostra iniziativa; nessuno l'ha segnalato.",
    "user_report": "Qualcuno ce l'ha segnalato.",
    "article_16": "Qualcuno ce l'ha segnalato come contenuto illegale (articolo 16 del regolamento sui servizi digitali).",
    "trusted_flagger": "Ce l'ha segnalato un segnalatore attendibile (articolo 22 del regolamento sui servizi digitali).",
    "order": "L'ha ordinato un'autorità.",
    "detected_automatically": "È stato rilevato con strumenti automatizzati.",
    "detected_by_people": "È stato rilevato senza strumenti automatizzati.",
    "fully": "La decisione è stata presa soltanto con strumenti automatizzati.",
    "partially": "Strumenti automatizzati hanno proposto la decisione e una persona l'ha presa.",
    "not_automated": "Una persona ha preso la decisione.",
    "ground_terms": "È contrario alle nostre regole: {title}.",
    "ground_terms_clause": "È contrario alle nostre regole: {title} ({clause}).",
    "ground_care": "Non ha violato alcuna regola. Lo abbiamo fatto perché lei, e chi legge, possa trovare aiuto.",
    "ground_law": "Lo riteniamo illegale: {title}.",
    "ground_law_clause": "Lo riteniamo illegale ai sensi di {clause}: {title}.",
    "appeal": "Può presentare un reclamo fino al {deadline}, gratuitamente e senza account. "
    "Lo esaminerà qualcuno che non ha partecipato a questa decisione.",
    "dispute": "Può rivolgersi a un organismo certificato di risoluzione extragiudiziale delle controversie "
    "(articolo 21 del regolamento sui servizi digitali).",
    "court": "Può rivolgersi al tribunale in qualsiasi momento.",
}
