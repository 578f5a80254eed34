"""Spanish."""

WORDS = {
    "everywhere": "Se aplica en todas partes.",
    "in_countries": "Se aplica en: {countries}.",
    "until": "Dura hasta el {until}.",
    "until_reviewed": "Dura hasta que una persona haga la revisión.",
    "no_end": "No tiene fecha de fin.",
    "no_restriction": "No restringe nada.",
    "event": "Se refiere a {it}, con fecha {date}.",
    "facts": "Nos basamos en lo siguiente: {reason}",
    "own_initiative": "Lo encontramos por iniciativa propia; nadie lo denunció.",
    "user_report": "Alguien nos lo comunicó.",
    "article_16": "Alguien nos lo notificó como contenido ilícito (artículo 16 del Reglamento de Servicios Digitales).",
    "trusted_flagger": "Nos lo comunicó un alertador fiable (artículo 22 del Reglamento de Servicios Digitales).",
    "order": "Lo ordenó una autoridad.",
    "detected_automatically": "Se detectó por medios automatizados.",
    "detected_by_people": "Se detectó sin medios automatizados.",
    "fully": "La decisión se tomó únicamente por medios automatizados.",
    "partially": "Medios automatizados propusieron la decisión y una persona la tomó.",
    "not_automated": "Una persona tomó la decisión.",
    "ground_terms": "Va contra nuestras normas: {title}.",
    "ground_terms_clause": "Va contra nuestras normas: {title} ({clause}).",
    "ground_care": "No ha infringido ninguna norma. Lo hicimos para que usted, y quien lo lea, pueda encontrar ayuda.",
    "ground_law": "Lo consideramos ilícito: {title}.",
    "ground_law_clause": "Lo consideramos ilícito según {clause}: {title}.",
    "appeal": "Puede presentar una reclamación hasta el {deadline}, gratis y sin cuenta. "
    "La revisará alguien que no participó en esta decisión.",
    "dispute": "Puede acudir a un órgano certificado de resolución extrajudicial de litigios "
    "(artículo 21 del Reglamento de Servicios Digitales).",
    "court": "Puede acudir a los tribunales en cualquier momento.",
}
