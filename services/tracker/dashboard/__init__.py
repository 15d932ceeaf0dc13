"""The pages that people look at: server-rendered, readable without scripts."""
