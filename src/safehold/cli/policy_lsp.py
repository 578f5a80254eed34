"""`safehold policy lsp`: a language server over stdio, for any editor that speaks the Language Server Protocol.

It only carries `engine.authoring.Workspace`, which the console's editor asks too, over the protocol: positions from 0 and in the
client's units become lines and columns from 1 in characters, and back.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote, urlparse

import typer

if TYPE_CHECKING:
    from lsprotocol import types as lsp
    from pygls.lsp.server import LanguageServer

    from safehold.engine import PolicyProblem
    from safehold.engine.authoring.workspace import Workspace


def lsp_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of policies that is written in.")] = Path(
        "policies"
    ),
) -> None:
    """Serve an editor over standard input and output: problems, completion, hover, definitions, formatting.

    Needs the extra `lsp`: pip install "safehold[lsp]". How to set up VS Code and Neovim: docs/how-to/use-your-editor.md.

    Example: safehold policy lsp policies
    """
    try:
        server = make_server(folder)
    except ImportError:
        typer.echo('The language server needs pygls: pip install "safehold[lsp]"', err=True)
        raise typer.Exit(1) from None
    server.start_io()


def make_server(folder: Path) -> "LanguageServer":
    """The server for a folder. Raises ImportError where pygls is not installed."""
    from lsprotocol import types as lsp
    from pygls.lsp.server import LanguageServer

    from safehold import __version__
    from safehold.engine.authoring.workspace import Workspace

    server = LanguageServer("safehold-policy", __version__)
    workspace = Workspace(folder)

    def publish(uri: str) -> None:
        document = server.workspace.get_text_document(uri)
        problems = workspace.diagnostics(document.source, _name(uri, folder))
        diagnostics = [_diagnostic(problem, document, server) for problem in problems]
        server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, diagnostics, document.version))

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        publish(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        publish(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: lsp.DidSaveTextDocumentParams) -> None:
        publish(params.text_document.uri)

    _add_questions(server, workspace, folder)
    return server


def _add_questions(server: "LanguageServer", workspace: "Workspace", folder: Path) -> None:
    """What the editor asks about a place: completion, hover, definition, formatting."""
    from lsprotocol import types as lsp

    @server.feature(
        lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=[".", "?", '"', "{", "[", " "])
    )
    def completion(params: lsp.CompletionParams) -> list[lsp.CompletionItem]:
        text, line, column = _place(server, params)
        found = workspace.completions(text, line, column, _name(params.text_document.uri, folder))
        return [_item(index, item, params, text, server) for index, item in enumerate(found)]

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hover(params: lsp.HoverParams) -> lsp.Hover | None:
        text, line, column = _place(server, params)
        found = workspace.hover(text, line, column, _name(params.text_document.uri, folder))
        if found is None:
            return None
        content = f"```cel\n{found.title}\n```\n{found.says}"
        spot = _range(server, text, found.line, found.column, found.end)
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, content), spot)

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def definition(params: lsp.DefinitionParams) -> lsp.Location | None:
        text, line, column = _place(server, params)
        found = workspace.definition(text, line, column, _name(params.text_document.uri, folder))
        if found is None:
            return None
        uri = found.file.resolve().as_uri() if found.file else params.text_document.uri
        start = lsp.Position(found.line - 1, found.column - 1)
        return lsp.Location(uri, lsp.Range(start, start))

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def formatting(params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit] | None:
        from safehold.engine.authoring.fmt import Unformattable, formatted
        from safehold.engine.policies.located import YamlProblem

        text = server.workspace.get_text_document(params.text_document.uri).source
        kind = workspace.kind(_name(params.text_document.uri, folder))
        try:
            result = formatted(text, kind)
        except (Unformattable, YamlProblem) as reason:
            server.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Warning, f"Not formatted: {reason}"))
            return None
        everything = lsp.Range(lsp.Position(0, 0), lsp.Position(text.count("\n") + 1, 0))
        return [lsp.TextEdit(everything, result)] if result != text else []


def _place(server: "LanguageServer", params: Any) -> tuple[str, int, int]:
    """The text, and the place in it as line and column from 1."""
    document = server.workspace.get_text_document(params.text_document.uri)
    position = server.workspace.position_codec.position_from_client_units(document.lines, params.position)
    return document.source, position.line + 1, position.character + 1


def _range(server: "LanguageServer", text: str, line: int, column: int, end: int) -> "lsp.Range":
    """Columns from 1 of one line, in the units of the client."""
    from lsprotocol import types as lsp

    spot = lsp.Range(lsp.Position(line - 1, column - 1), lsp.Position(line - 1, end - 1))
    return server.workspace.position_codec.range_to_client_units(text.splitlines(True) or [""], spot)


def _item(index: int, item: Any, params: Any, text: str, server: "LanguageServer") -> "lsp.CompletionItem":
    from lsprotocol import types as lsp

    kinds = {
        "key": lsp.CompletionItemKind.Property, "value": lsp.CompletionItemKind.EnumMember,
        "field": lsp.CompletionItemKind.Field, "variable": lsp.CompletionItemKind.Variable,
        "function": lsp.CompletionItemKind.Function, "macro": lsp.CompletionItemKind.Keyword,
        "window": lsp.CompletionItemKind.Event, "list": lsp.CompletionItemKind.Reference,
        "signal": lsp.CompletionItemKind.Module, "text": lsp.CompletionItemKind.Text,
    }  # fmt: skip
    begin = _range(server, text, params.position.line + 1, item.column, item.column).start
    edit = lsp.TextEdit(lsp.Range(begin, params.position), item.insert)
    return lsp.CompletionItem(
        item.label,
        kind=kinds[item.kind],
        detail=item.detail,
        documentation=item.says,
        text_edit=edit,
        sort_text=f"{index:04}",
    )


def _diagnostic(problem: "PolicyProblem", document: Any, server: "LanguageServer") -> "lsp.Diagnostic":
    from lsprotocol import types as lsp

    rows = document.source.splitlines()
    row = rows[problem.line - 1] if problem.line <= len(rows) else ""
    word = re.match(r"[\w.-]*", row[problem.column - 1 :])
    width = len(word[0]) if word else 0
    spot = _range(server, document.source, problem.line, problem.column, problem.column + max(width, 1))
    severity = lsp.DiagnosticSeverity.Error if problem.severity == "error" else lsp.DiagnosticSeverity.Warning
    text = f"{problem.message}\n{problem.hint}" if problem.hint else problem.message
    return lsp.Diagnostic(spot, text, severity=severity, code=problem.code, source="safehold")


def _name(uri: str, folder: Path) -> str:
    """A document's path in the folder: its first part says what kind of file it is."""
    path = Path(unquote(urlparse(uri).path))
    try:
        return path.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return path.name
