"""Reports of the command line: one document, written as text, Markdown, CSV or HTML."""
