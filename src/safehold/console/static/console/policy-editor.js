// The editor of policies: CodeMirror on the page's text field, which keeps the text, so that the form is the same without
// it. Problems, completion and what words mean come from the server, from the functions that `safehold policy check` uses.
import { ask, tryOut } from "./policy-trial.js";

const CHECK_MS = 350;
const TRY_MS = 1500;
const EXPRESSIONS = new Set(["when", "where", "by", "sum", "distinct", "min", "max", "first", "last"]);

const field = document.querySelector("[data-policy-editor]");
const path = () => document.querySelector("#editor-path")?.value.trim() || field.dataset.path;
const change = document.querySelector("[name=change]");
const trial = document.querySelector("[data-trial]");
const list = document.querySelector("[data-problems]");
trial.dataset.try = field.dataset.try;

let goTo = (line, column) => {
  const before = field.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0) + column - 1;
  field.focus();
  field.setSelectionRange(before, before);
};

function show(problems) {
  if (!problems.length) {
    const fine = document.createElement("p");
    fine.className = "small good-words";
    fine.textContent = "No problems.";
    return list.replaceChildren(fine);
  }
  const items = document.createElement("ul");
  items.className = "problem-list";
  for (const each of problems) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.severity = each.severity;
    for (const [name, text] of [["where", `Line ${each.line}, column ${each.column}: ${each.severity}`], ["", each.message], ["hint", each.hint]]) {
      if (!text) continue;
      const line = document.createElement("span");
      line.className = name;
      line.textContent = text;
      button.append(line);
    }
    button.addEventListener("click", () => goTo(each.line, each.column));
    item.append(button);
    items.append(item);
  }
  list.replaceChildren(items);
}

let checking = null;
async function check(text) {
  checking?.abort();
  checking = new AbortController();
  const answer = await (await ask(field.dataset.check, { path: path(), text, change: change.value }, checking.signal)).json();
  show(answer.problems);
  return answer.problems;
}

let waiting = 0;
function typed(text) {
  clearTimeout(waiting);
  waiting = setTimeout(() => tryOut(trial, { path: path(), text, change: change.value }), TRY_MS);
}

function plainField() {
  let pause = 0;
  field.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(() => check(field.value).catch(console.warn), CHECK_MS);
    typed(field.value);
  });
  check(field.value).catch(console.warn);
}

async function withCodeMirror() {
  const [state, view, commands, language, yaml, lint, completion, search, common, highlight] = await Promise.all(
    ["@codemirror/state", "@codemirror/view", "@codemirror/commands", "@codemirror/language", "@codemirror/lang-yaml",
      "@codemirror/lint", "@codemirror/autocomplete", "@codemirror/search", "@lezer/common", "@lezer/highlight"]
      .map((name) => import(name)),
  );
  const { EditorView, keymap } = view;
  const { tags } = highlight;

  const position = (at, doc) => {
    const line = doc.lineAt(at);
    return { line: line.number, column: at - line.from + 1 };
  };
  const offset = (doc, line, column) => {
    const row = doc.line(Math.min(Math.max(line, 1), doc.lines));
    return Math.min(row.from + Math.max(column, 1) - 1, row.to);
  };

  const linter = lint.linter(
    async (editor) => {
      const doc = editor.state.doc;
      const problems = await check(doc.toString()).catch(() => []);
      return problems.map((each) => {
        const from = offset(doc, each.line, each.column);
        const word = editor.state.wordAt(from);
        return {
          from, to: Math.max(word && word.from === from ? word.to : from, from),
          severity: ["error", "warning", "info"].includes(each.severity) ? each.severity : "warning",
          message: each.hint ? `${each.message}\n${each.hint}` : each.message,
        };
      });
    },
    { delay: CHECK_MS },
  );

  const complete = async (context) => {
    const before = context.matchBefore(/[\w.\-]+|[:\-]\s*/);
    if (!before && !context.explicit) return null;
    const doc = context.state.doc;
    const where = position(context.pos, doc);
    const aborted = new AbortController();
    context.addEventListener("abort", () => aborted.abort());
    const answer = await (await ask(field.dataset.complete, { path: path(), text: doc.toString(), ...where }, aborted.signal)).json();
    if (!answer.completions.length) return null;
    const line = doc.lineAt(context.pos);
    const from = line.from + Math.min(...answer.completions.map((each) => each.column)) - 1;
    return {
      from,
      options: answer.completions.map((each, index) => ({
        label: each.label, detail: each.detail, info: each.says || undefined, apply: each.insert || each.label,
        type: { key: "keyword", field: "property", function: "function", macro: "function", value: "constant" }[each.kind] ?? "variable",
        boost: 99 - Math.min(index, 198),
      })),
      validFor: /^[\w.\-]*$/,
    };
  };

  const hover = view.hoverTooltip(async (editor, at) => {
    const where = position(at, editor.state.doc);
    const answer = await (await ask(field.dataset.hover, { path: path(), text: editor.state.doc.toString(), ...where })).json();
    if (!answer.hover) return null;
    const { line, column, end } = answer.hover;
    return {
      pos: offset(editor.state.doc, line, column), end: offset(editor.state.doc, line, end), above: true,
      create() {
        const dom = document.createElement("div");
        dom.className = "cm-hover-says";
        for (const part of [answer.hover.title, answer.hover.says]) {
          const line = dom.appendChild(document.createElement("p"));
          line.textContent = part;
        }
        dom.firstChild.className = "mono";
        return { dom };
      },
    };
  });

  // CEL inside of YAML: the values of these keys are expressions.
  const cel = language.StreamLanguage.define({
    token(stream) {
      if (stream.eatSpace()) return null;
      if (stream.match(/\/\/.*/)) return "comment";
      if (stream.match(/[rRbB]?"(?:[^"\\]|\\.)*"?|[rRbB]?'(?:[^'\\]|\\.)*'?/)) return "string";
      if (stream.match(/\d[\d.]*(?:[eE][+-]?\d+)?u?/)) return "number";
      if (stream.match(/(?:true|false|null)\b/)) return "atom";
      if (stream.match(/in\b/) || stream.match(/&&|\|\||[!<>=]=?|[-+*/%?:]/)) return "operator";
      if (stream.match(/[A-Za-z_]\w*(?=\s*\()/)) return "function";
      if (stream.match(/[A-Za-z_]\w*/)) return "variableName";
      stream.next();
      return null;
    },
    tokenTable: { function: tags.function(tags.variableName) },
  });
  const mixed = common.parseMixed((node, input) => {
    if (!["Literal", "QuotedLiteral", "BlockLiteralContent"].includes(node.name)) return null;
    let pair = node.node.parent;
    while (pair && ["BlockLiteral", "FlowSequence", "Item", "BlockSequence"].includes(pair.name)) pair = pair.parent;
    const key = pair?.name === "Pair" ? pair.getChild("Key") : null;
    if (!key || key.from === node.from || !EXPRESSIONS.has(input.read(key.from, key.to))) return null;
    return { parser: cel.parser };
  });
  const policy = language.LRLanguage.define({ parser: yaml.yamlLanguage.parser.configure({ wrap: mixed }), languageData: { commentTokens: { line: "#" } } });

  const colours = language.HighlightStyle.define([
    { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--info-fg)" },
    { tag: [tags.string, tags.special(tags.string)], color: "var(--good-fg)" },
    { tag: [tags.number, tags.atom, tags.bool, tags.null], color: "var(--hot-fg)" },
    { tag: [tags.operator, tags.keyword], color: "var(--hold-fg)" },
    { tag: tags.function(tags.variableName), color: "var(--sky-fg)" },
    { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  ]);
  const look = EditorView.theme({
    "&": { fontSize: "var(--size-xs)", color: "var(--text)", backgroundColor: "var(--surface)" },
    "&.cm-focused": { outline: "none" },
    ".cm-scroller": { fontFamily: "var(--font-mono)", lineHeight: "1.6", minHeight: "24rem", maxHeight: "75dvh" },
    ".cm-content": { caretColor: "var(--text)" },
    ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--text)" },
    ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--muted)", border: "none" },
    ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--hover) 60%, transparent)" },
    ".cm-activeLineGutter": { backgroundColor: "var(--hover)", color: "var(--text)" },
    "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--selected)" },
    ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--line-strong)", borderRadius: "var(--radius)" },
    ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
    ".cm-completionDetail": { color: "inherit", opacity: "1", fontStyle: "normal", marginLeft: "0.75em" },
    ".cm-hover-says": { padding: "var(--space-2) var(--space-3)", maxWidth: "32rem", whiteSpace: "pre-wrap" },
    ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--text)" },
    ".cm-textfield": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--control-line)" },
    ".cm-button": { backgroundImage: "none", backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--control-line)" },
    ".cm-diagnostic": { whiteSpace: "pre-wrap" },
  });

  const nonce = document.querySelector("meta[name=editor-nonce]")?.nonce ?? "";
  const box = document.createElement("div");
  box.className = "policy-editor";
  field.before(box);
  const editor = new EditorView({
    doc: field.value.replace(/^\n/, ""),
    parent: box,
    extensions: [
      EditorView.cspNonce.of(nonce),
      view.lineNumbers(), view.highlightActiveLineGutter(), view.highlightActiveLine(), view.drawSelection(),
      commands.history(), language.indentOnInput(), language.bracketMatching(), completion.closeBrackets(),
      search.search({ top: true }), search.highlightSelectionMatches(),
      state.EditorState.tabSize.of(2), language.indentUnit.of("  "),
      new language.LanguageSupport(policy), language.syntaxHighlighting(colours), look,
      completion.autocompletion({ override: [complete] }), hover, linter, lint.lintGutter(),
      EditorView.contentAttributes.of({ "aria-labelledby": "editor-label", "aria-describedby": "editor-help", autocapitalize: "off", tabindex: "0" }),
      // Tab indents; Escape first, and Tab leaves (WCAG 2.1.2).
      keymap.of([
        ...completion.closeBracketsKeymap, ...completion.completionKeymap, ...commands.historyKeymap, ...search.searchKeymap,
        ...lint.lintKeymap, commands.indentWithTab,
        { key: "Mod-Enter", run: () => (field.form.requestSubmit(field.form.querySelector("[value=propose]")), true) },
        ...commands.defaultKeymap.filter((binding) => binding.key !== "Mod-Enter"),
      ]),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        field.value = update.state.doc.toString();
        typed(field.value);
      }),
    ],
  });
  field.value = editor.state.doc.toString();
  field.hidden = true;
  document.querySelector("#editor-label").addEventListener("click", () => editor.focus());
  document.querySelector("#editor-label").removeAttribute("for");
  goTo = (line, column) => {
    const at = offset(editor.state.doc, line, column);
    editor.dispatch({ selection: { anchor: at }, scrollIntoView: true });
    editor.focus();
  };
  field.form.dataset.editor = "ready";
}

// What was typed is not lost by a wrong click; sending the form is no such click.
const opened = field.value;
let sending = false;
field.form.addEventListener("submit", () => (sending = true));
addEventListener("beforeunload", (event) => {
  if (!sending && field.value.trim() !== opened.trim()) event.preventDefault();
});

typed(field.value);
if (document.querySelector("script[type=importmap]")) {
  withCodeMirror().catch((error) => {
    console.warn("the editor could not be loaded; a plain field is left", error);
    document.querySelector(".policy-editor")?.remove();
    field.hidden = false;
    plainField();
  });
} else {
  plainField();
}
