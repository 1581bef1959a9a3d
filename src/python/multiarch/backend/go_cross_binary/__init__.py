"""`go_cross_binary`: one Go program, built for every platform of its matrix."""
