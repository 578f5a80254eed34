"""The import map of the editor's modules, with the page's nonce; nothing where they were not fetched."""

import json

from django import template
from django.template import Context
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from safehold.console.editor import editor_there

register = template.Library()

#: Module -> its file in its package, as the package says itself.
MODULES = {
    **{
        f"@codemirror/{name}": f"@codemirror/{name}/dist/index.js"
        for name in (
            "autocomplete",
            "commands",
            "lang-yaml",
            "language",
            "lint",
            "search",
            "state",
            "streamparser",
            "view",
        )
    },
    **{f"@lezer/{name}": f"@lezer/{name}/dist/index.js" for name in ("common", "highlight", "lr", "yaml")},
    "@marijn/find-cluster-break": "@marijn/find-cluster-break/src/index.js",
    "crelt": "crelt/index.js",
    "style-mod": "style-mod/src/style-mod.js",
    "w3c-keyname": "w3c-keyname/index.js",
}


@register.simple_tag(takes_context=True)
def editor_modules(context: Context) -> SafeString:
    """`<script type="importmap">`, and the nonce where the editor finds it."""
    if not editor_there():
        return SafeString("")
    nonce = str(context["request"].csp_nonce)
    imports = {name: static(f"editor/{path}") for name, path in MODULES.items()}
    text = json.dumps({"imports": imports}).replace("<", "\\u003c")
    return format_html(
        '<meta name="editor-nonce" content="" nonce="{}"><script type="importmap" nonce="{}">{}</script>',
        nonce, nonce, mark_safe(text),  # noqa: S308  our own names, no < in them
    )  # fmt: skip
