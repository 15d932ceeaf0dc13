"""Reports of the command line: one document, written as text, Markdown, CSV, HTML or PDF."""
