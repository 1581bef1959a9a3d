"""`go_module`: one line per Go module; owns its files and answers for its package graph."""
