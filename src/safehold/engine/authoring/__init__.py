"""For people who write policies: problems while they type, completion, hover, formatting, explanations, the graph.

`workspace.Workspace` is what the language server (`safehold policy lsp`) and the console's editor call; the other modules
are a command of `safehold policy` each. All of it is pure: text and files in, data out.
"""
