"""`safehold policy lsp`: an editor's session, over standard input and output."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

from tests.policy_folder import folder, policy_of

UTF16 = lsp.ClientCapabilities(
    general=lsp.GeneralClientCapabilities(position_encodings=[lsp.PositionEncodingKind.Utf16])
)


def session(where: Path, text: str, ask: Any) -> Any:
    """Start the server, open `policy.yaml` with this text, and ask; `ask` gets the client, the uri and the diagnostics."""

    async def talk() -> Any:
        client = LanguageClient("test", "1")
        published: asyncio.Queue[lsp.PublishDiagnosticsParams] = asyncio.Queue()

        @client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def receive(params: lsp.PublishDiagnosticsParams) -> None:
            published.put_nowait(params)

        await client.start_io(str(Path(sys.executable).with_name("safehold")), "policy", "lsp", str(where))
        await client.initialize_async(lsp.InitializeParams(capabilities=UTF16, root_uri=where.as_uri()))
        client.initialized(lsp.InitializedParams())
        uri = (where / "policy.yaml").as_uri()
        document = lsp.TextDocumentItem(uri, "yaml", 1, text)
        client.text_document_did_open(lsp.DidOpenTextDocumentParams(document))
        answer = await asyncio.wait_for(ask(client, uri, published), 60)
        await client.shutdown_async(None)
        client.exit(None)
        return answer

    return asyncio.run(talk())


def at(text: str, mark: str) -> lsp.Position:
    """The position just behind a piece of the text, in UTF-16 units as editors count."""
    before = text[: text.index(mark) + len(mark)]
    return lsp.Position(before.count("\n"), len(before.rpartition("\n")[2].encode("utf-16-le")) // 2)


def test_an_editor_gets_problems_completion_hover_definitions_and_formatting(tmp_path: Path) -> None:
    text = policy_of(
        'r | "👋" != data.text   && data.tex == "a" && windows.many > 3 | hold',
        windows="many: {count: true, by: actor.id, over: 1h}",
    )
    where = folder(tmp_path, text)

    async def ask(client: LanguageClient, uri: str, published: Any) -> Any:
        wrong = (await published.get()).diagnostics
        document = lsp.TextDocumentIdentifier(uri)
        place = at(text, "data.tex == "[:8])
        items = await client.text_document_completion_async(lsp.CompletionParams(document, place))
        hover = await client.text_document_hover_async(lsp.HoverParams(document, at(text, '"👋" != data.te')))
        window = at(text, "windows.ma")
        definition = await client.text_document_definition_async(lsp.DefinitionParams(document, window))
        fixed = text.replace("data.tex ", "data.text ")
        change = lsp.TextDocumentContentChangeWholeDocument(fixed)
        version = lsp.VersionedTextDocumentIdentifier(2, uri)
        client.text_document_did_change(lsp.DidChangeTextDocumentParams(version, [change]))
        right = (await published.get()).diagnostics
        options = lsp.FormattingOptions(2, True)
        edits = await client.text_document_formatting_async(lsp.DocumentFormattingParams(document, options))
        return wrong, items, hover, definition, right, edits

    wrong, items, hover, definition, right, edits = session(where, text, ask)
    (error,) = [problem for problem in wrong if problem.severity == lsp.DiagnosticSeverity.Error]
    assert error.code == "unknown-name" and "did you mean `data.text`?" in error.message
    line = text.splitlines()[error.range.start.line].encode("utf-16-le")
    assert line[error.range.start.character * 2 : error.range.end.character * 2].decode("utf-16-le") == "tex"
    assert items[0].label == "text" and items[0].kind == lsp.CompletionItemKind.Field
    assert (items[0].text_edit.range.end, items[0].text_edit.new_text) == (at(text, "data.tex"), "text")
    assert "data.text: string" in hover.contents.value
    assert (definition.range.start.line, definition.range.start.character) == (4, 2)
    assert not [problem for problem in right if problem.severity == lsp.DiagnosticSeverity.Error]
    assert 'when: "👋" != data.text && data.text == "a" && windows.many > 3' in edits[0].new_text.replace("'", "")


def test_without_pygls_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['pygls'] = None; from safehold.cli import app; app(['policy', 'lsp'])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 1 and 'pip install "safehold[lsp]"' in found.stderr
